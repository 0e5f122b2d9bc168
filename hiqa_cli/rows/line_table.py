"""Files that rows are appended to: checked before any work, written a complete row at a time, resumed.

Each row reaches the file in one write, so that a kill loses no finished row. Resuming appends, too; rows that replace
old ones (retried failures) stay at the end until close() puts them in their places, with one rename.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections import defaultdict, deque
from pathlib import Path
from typing import BinaryIO

from hiqa_cli.errors import OutputError, UsageError, cannot_write, os_reason
from hiqa_cli.files.atomic import atomic_file
from hiqa_cli.files.output_checks import check_output_file

from .codec import RowReader, TableFormat, path_key
from .json_rows import decode_json
from .row import Row
from .table import IfExists, refusal

COPY_BYTES = 1 << 20

Span = tuple[int, int]
"""Start and end of a row's bytes in the file."""


class LineTable:
    """One --csv or --jsonl file. See `Table`. form: in the order of columns that the file has."""

    is_unique = False

    def __init__(self, name: str, form: TableFormat, if_exists: IfExists) -> None:
        """Check the file and read it if it is to be resumed; changes nothing. Raises UsageError.

        An empty file counts as one that does not exist.
        """
        self.name = name
        self.form = form
        self.path = os.path.realpath(name)
        self.option = form.option
        self.rows: list[Row] = []
        self._spans: list[Span] = []  # of the rows
        self._if_exists = if_exists
        self._file: int | None = None
        self._size = 0
        self._complete = 0  # bytes of complete rows found
        self._to_replace: dict[str, deque[int]] = defaultdict(deque)  # path key -> numbers of old rows
        self._replaced: dict[int, Span | None] = {}  # number of an old row -> its new row, or None: dropped
        self._moved: list[Span] = []  # new rows that take an old row's place
        self._check()

    def _check(self) -> None:
        status = check_output_file(self.name, self.form.option, in_place=True)
        if status is None:
            return
        if self._if_exists is IfExists.RESUME:
            self._read(status)
        elif status.st_size and self._if_exists is IfExists.REFUSE:
            raise refusal(self.option, self.name)

    def _read(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{self.form.option} {self.name}: --resume needs a regular file")
        try:
            with open(self.path, "rb") as file:
                reader = RowReader(file, self.form, self.name)
                for saved in reader:
                    self.rows.append(saved.row)
                    self._spans.append((saved.start, saved.end))
                self.form, self._complete = reader.form, reader.complete
        except OSError as error:
            raise UsageError(f"{self.form.option} {self.name}: {os_reason(error)}") from error

    @property
    def has_tile_scores(self) -> bool:
        return not self.form.header

    def is_current(self, path: str, number: int | None) -> bool:
        """See `Table`: files are not looked at."""
        return number is not None and self.rows[number].is_scored

    def full_row(self, number: int) -> Row:
        """See `Table`."""
        if not self.has_tile_scores:
            return self.rows[number]
        start, end = self._spans[number]
        try:
            with open(self.path, "rb") as file:
                file.seek(start)
                return decode_json(file.read(end - start))
        except OSError as error:
            raise OutputError(f"{self.name} cannot be read again: {os_reason(error)}") from error

    def replace(self, number: int) -> None:
        """See `Table`."""
        self._to_replace[path_key(self.rows[number].path)].append(number)

    def drop(self, number: int) -> None:
        """See `Table`."""
        self._replaced[number] = None

    def open(self) -> None:
        """Open the file for appending; this empties an old file, or cuts off an incomplete last line."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        if self._if_exists is IfExists.OVERWRITE:
            flags |= os.O_TRUNC
        try:
            self._file = os.open(self.path, flags, 0o666)
            if self._if_exists is IfExists.RESUME:
                os.ftruncate(self._file, self._complete)
            self._size = os.fstat(self._file).st_size
        except OSError as error:
            raise UsageError(f"{self.form.option} {self.name}: {os_reason(error)}") from error
        if not self._size:
            self._write(self.form.header)

    def append(self, row: Row) -> None:
        """Write one row. After an OutputError the file ends with the row before."""
        start = self._size
        self._write(self.form.encode(row))
        old_rows = self._to_replace.get(path_key(row.path))
        if old_rows:
            span = (start, self._size)
            self._replaced[old_rows.popleft()] = span
            self._moved.append(span)

    def _write(self, data: bytes) -> None:
        assert self._file is not None, "open() comes first"
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            with contextlib.suppress(OSError):  # not every file can be truncated
                os.ftruncate(self._file, self._size)
            raise cannot_write(self.name, error, "finished rows are kept; make room, then --resume") from error
        self._size += written

    def close(self) -> None:
        """Close the file and put new rows in the places of those they replace, atomically. Raises OutputError."""
        if self._file is None:
            return
        # A signal may have arrived right after a row was written: the file's size is right, _size may not be.
        size = os.fstat(self._file).st_size
        os.close(self._file)
        self._file = None
        if self._replaced:
            self._rewrite(size)

    def _rewrite(self, size: int) -> None:
        try:
            with atomic_file(Path(self.path), preserve=True) as new, open(self.path, "rb") as old:
                for start, end in self._final_spans(size):
                    _copy(old, new, start, end)
        except OSError as error:
            raise OutputError(f"{self.name}: new rows cannot replace old ones: {os_reason(error)}") from error

    def _final_spans(self, size: int) -> list[Span]:
        """The bytes of the present file that make up the new one, in order."""
        spans = [(0, len(self.form.header))]
        for number, old in enumerate(self._spans):
            span = self._replaced.get(number, old)
            spans += [span] if span is not None else []
        position = self._complete
        for start, end in self._moved:  # rows in between were appended without replacing any
            spans.append((position, start))
            position = end
        return [*spans, (position, size)]


def _copy(old: BinaryIO, new: BinaryIO, start: int, end: int) -> None:
    old.seek(start)
    remaining = end - start
    while remaining:
        chunk = old.read(min(remaining, COPY_BYTES))
        if not chunk:
            raise OSError("another process shortened the file")
        new.write(chunk)
        remaining -= len(chunk)
