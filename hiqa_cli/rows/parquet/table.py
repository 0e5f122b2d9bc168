"""`--parquet FILE|FOLDER`: rows in Parquet, part by part, see `layout`."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from hiqa_cli.errors import OutputError, UsageError, cannot_write, os_reason
from hiqa_cli.files.atomic import atomic_file
from hiqa_cli.files.output_checks import check_output_file, check_output_folder

from ..codec import TABLE_HINT, RowReader, path_key
from ..json_rows import FULL_JSON_LINES, JSON_LINES
from ..line_table import LineTable
from ..row import Row
from ..table import IfExists, refusal
from .files import OPTION, ROWS_A_GROUP, ParquetReader, tables_from, tables_of, write_tables
from .layout import Layout, journal_of, new_run, part_of
from .library import arrow

HINT = "finished rows are kept; make room, then --resume"


class ParquetTable:
    """See `Table`. Rows that replace old ones stand at the end."""

    option = OPTION
    is_unique = False
    has_tile_scores = True

    def __init__(self, name: str, if_exists: IfExists, rows_a_part: int = ROWS_A_GROUP) -> None:
        """Check the place and read the rows to resume. Raises UsageError; DependencyError without pyarrow."""
        arrow()
        self.name = name
        self.path = os.path.realpath(name)
        self.rows: list[Row] = []
        self._layout = Layout.of(self.path)
        self._reader = ParquetReader(name, TABLE_HINT)
        self._places: list[tuple[Path, int]] = []  # of the rows: part, number in it
        self._journals: dict[Path, LineTable] = {}  # what a killed run left, by the part it becomes
        self._rows_a_part = rows_a_part
        self._overwrite = if_exists is IfExists.OVERWRITE
        self._to_replace: dict[str, deque[int]] = defaultdict(deque)  # path key -> numbers of old rows
        self._dropped: dict[Path, set[int]] = defaultdict(set)  # part -> numbers of its rows
        self._run = new_run()
        self._part = Path()
        self._journal: LineTable | None = None
        self._written = 0  # rows in the journal
        try:
            self._check(if_exists)
        except OSError as error:
            raise UsageError(f"{OPTION} {name}: {os_reason(error)}") from error

    def _check(self, if_exists: IfExists) -> None:
        layout = self._layout
        if layout.file is not None:
            check_output_file(self.name, OPTION, in_place=True)
        else:
            check_output_folder(layout.folder)
        foreign = layout.foreign_file()
        if foreign:
            hint = "give a new folder, or a name that ends in .parquet"
            raise UsageError(f"{OPTION} {self.name}: {layout.folder} holds {foreign}, which hiqa did not write", hint)
        is_there = layout.file is not None and layout.file.exists() and layout.file.stat().st_size > 0
        if if_exists is IfExists.RESUME:
            self._read([layout.file] if is_there and layout.file is not None else [])
        elif if_exists is IfExists.REFUSE and (is_there or layout.own_files()):
            raise refusal(OPTION, self.name if is_there or layout.file is None else str(layout.folder))

    def _read(self, files: list[Path]) -> None:
        for path in [*files, *self._layout.parts()]:
            for number, row in enumerate(self._reader.rows(path, slim=True)):
                self.rows.append(row)
                self._places.append((path, number))
        for path in self._layout.journals():
            journal = LineTable(str(path), JSON_LINES, IfExists.RESUME)
            self._journals[part_of(path)] = journal
            self.rows += journal.rows
            self._places += [(part_of(path), number) for number in range(len(journal.rows))]

    def is_current(self, path: str, number: int | None) -> bool:
        """See `Table`: files are not looked at."""
        return number is not None and self.rows[number].is_scored

    def full_row(self, number: int) -> Row:
        """See `Table`."""
        path, place = self._places[number]
        try:
            if path in self._journals and not path.exists():  # before open()
                return self._journals[path].full_row(place)
            return self._reader.row_at(path, place)
        except UsageError as error:
            raise OutputError(error.message, error.hint) from error

    def replace(self, number: int) -> None:
        """See `Table`."""
        self._to_replace[path_key(self.rows[number].path)].append(number)

    def drop(self, number: int) -> None:
        """See `Table`."""
        path, place = self._places[number]
        self._dropped[path].add(place)

    def open(self) -> None:
        """See `Table`."""
        layout = self._layout
        try:
            layout.folder.mkdir(parents=True, exist_ok=True)
            if self._overwrite and layout.file is not None:
                layout.file.unlink(missing_ok=True)
            kept = [] if self._overwrite else [*layout.parts(), *layout.journals()]
            for path in layout.own_files():
                if path not in kept:
                    path.unlink()
            for journal in layout.journals():
                _seal(journal)
        except OSError as error:
            raise UsageError(f"{OPTION} {self.name} cannot be written: {os_reason(error)}") from error
        self._begin_part()

    def _begin_part(self) -> None:
        self._part = self._layout.next_part(self._run)
        self._journal = LineTable(str(journal_of(self._part)), JSON_LINES, IfExists.REFUSE)
        self._journal.open()
        self._written = 0

    def append(self, row: Row) -> None:
        """See `Table`."""
        assert self._journal is not None, "open() comes first"
        self._journal.append(row)
        self._written += 1
        old_rows = self._to_replace.get(path_key(row.path))
        if old_rows:
            self.drop(old_rows.popleft())
        if self._written >= self._rows_a_part:
            self._close_part()
            self._begin_part()

    def _close_part(self) -> None:
        journal, self._journal = self._journal, None
        if journal is None:
            return
        try:
            journal.close()
            _seal(journal_of(self._part))
        except OSError as error:
            raise cannot_write(self._part, error, HINT) from error

    def close(self) -> None:
        """See `Table`."""
        if self._journal is None:
            return
        self._close_part()
        try:
            if self._layout.file is None:
                self._rewrite_parts()
            else:
                self._join(self._layout.file)
        except OSError as error:
            raise cannot_write(self.name, error, HINT) from error

    def _rewrite_parts(self) -> None:
        """Remove the dropped rows; a folder without any rows gets an empty part, of which readers learn the columns."""
        for path, numbers in self._dropped.items():
            _rewrite(path, [path], {path: numbers})
        if not self._layout.parts():
            _rewrite(self._layout.next_part(self._run), [], {})

    def _join(self, file: Path) -> None:
        """Join the parts into the file."""
        parts = self._layout.parts()
        if not file.exists() or not file.stat().st_size or parts or self._dropped:
            before = [file] if file.exists() and file.stat().st_size else []
            _rewrite(file, [*before, *parts], self._dropped, sorted(self._layout.runs()))
        for path in self._layout.own_files():
            path.unlink()
        with contextlib.suppress(OSError):
            self._layout.folder.rmdir()


def _seal(journal: Path) -> None:
    """Make a part of a journal."""
    with journal.open("rb") as file:
        tables = list(tables_from(saved.row for saved in RowReader(file, FULL_JSON_LINES, str(journal))))
    if tables:
        with atomic_file(part_of(journal)) as part:
            write_tables(part, tables)
    journal.unlink()


def _rewrite(path: Path, sources: Sequence[Path], left_out: Mapping[Path, set[int]], runs: Sequence[str] = ()) -> None:
    """Write a file of the rows of others, atomically; it may be one of them."""
    tables = (table for source in sources for table in tables_of(source, left_out.get(source, ())))
    with atomic_file(path, preserve=True) as file:
        write_tables(file, tables, runs)
