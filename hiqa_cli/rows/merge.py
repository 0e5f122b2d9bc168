"""Join the tables of several runs, such as the shards of one, into one table: each image once, in the order of paths.

An index on disk holds where each row lies, so that memory does not grow with the number of rows.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hiqa_cli.atomic import atomic_file
from hiqa_cli.errors import OutputError, UsageError, cannot_write, os_reason

from .codec import RowReader, SavedRow, TableFormat, path_key
from .csv_rows import CSV
from .json_rows import FULL_JSON_LINES
from .row import Row

FORMATS: dict[str, TableFormat] = {".csv": CSV, ".jsonl": FULL_JSON_LINES}
SAME = ("weights", "mode", "precision")  # what rows of one table have in common
HINT = "merge tables that this version of hiqa score wrote by --csv or --jsonl"


@dataclass
class Part:
    """One table. form: of its own columns. incomplete: whether its last line is."""

    name: str
    form: TableFormat
    incomplete: bool = False


@dataclass
class MergeResult:
    """rows, errors: written in all, and without a score. repeats: rows left out because another part, or a later line,
    has the image. differing: images of these whose scores differ. incomplete: parts whose last line is. missing: paths
    of the list that no part has."""

    rows: int = 0
    errors: int = 0
    repeats: int = 0
    differing: int = 0
    incomplete: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def format_of(name: str, option: str) -> TableFormat:
    """The format that a file's suffix names. UsageError for another suffix."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in FORMATS:
        raise UsageError(f"{option} {name}: expected a name that ends in {' or '.join(FORMATS)}, found {suffix!r}")
    return FORMATS[suffix]


def merge_tables(names: Sequence[str], out: Path, expected: Sequence[str] = ()) -> MergeResult:
    """Write one table of all rows. expected: paths that should be there.

    A scored row counts before an error row; of several, the last, in the order of the parts. Raises UsageError where a
    part cannot be read, or rows were scored differently; OutputError.
    """
    form = format_of(str(out), "--output")
    parts = [Part(name, format_of(name, "part")) for name in names]
    if form is FULL_JSON_LINES and any(part.form is CSV for part in parts):
        raise UsageError(f"{out}: CSV has no tile scores, so JSON lines cannot be made of it", "give -o FILE.csv")
    with closing(sqlite3.connect("")) as index:  # "": a temporary file that SQLite removes
        index.execute("CREATE TABLE found (path TEXT PRIMARY KEY, part, start, stop, score REAL) WITHOUT ROWID")
        result = MergeResult()
        for number, part in enumerate(parts):
            _add(index, number, part, result, parts)
        result.incomplete = tuple(part.name for part in parts if part.incomplete)
        result.missing = tuple(path for path in dict.fromkeys(expected) if not _has(index, path))
        _write(index, parts, form, out, result)
    return result


def _add(index: sqlite3.Connection, number: int, part: Part, result: MergeResult, parts: Sequence[Part]) -> None:
    first = _first_scored(index, parts)
    for saved in rows_of(part):
        row = saved.row
        if row.is_scored:
            first = first or (part.name, row)
            _check_same(first, part.name, row)
        key = path_key(row.path)
        kept = index.execute("SELECT score FROM found WHERE path = ?", (key,)).fetchone()
        if kept is not None:
            result.repeats += 1
            result.differing += row.is_scored and kept[0] is not None and kept[0] != row.score
            if kept[0] is not None and not row.is_scored:
                continue
        index.execute(
            "INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?)", (key, number, saved.start, saved.end, row.score)
        )


def _first_scored(index: sqlite3.Connection, parts: Sequence[Part]) -> tuple[str, Row] | None:
    """Some scored row of the parts so far, with its part's name."""
    place = index.execute("SELECT part, start, stop FROM found WHERE score IS NOT NULL LIMIT 1").fetchone()
    if place is None:
        return None
    part = parts[place[0]]
    with open(part.name, "rb") as file:
        return part.name, part.form.decode(_span(file, place[1], place[2]))


def _check_same(first: tuple[str, Row], name: str, row: Row) -> None:
    """UsageError where two rows were scored differently."""
    of_first, of_row = ({column: str(getattr(one, column)) for column in SAME} for one in (first[1], row))
    of_first["version"], of_row["version"] = (str(one.extra.get("version", "")) for one in (first[1], row))
    for column, value in of_row.items():
        if value != of_first[column] and "" not in (value, of_first[column]):
            raise UsageError(
                f"{name}: {row.path} was scored with {column} {value}, {first[0]} has {column} {of_first[column]}",
                "merge tables of one run",
            )


def rows_of(part: Part) -> Iterator[SavedRow]:
    """The complete rows of a table; sets what `Part` says of it. UsageError if it cannot be read."""
    try:
        with open(part.name, "rb") as file:
            reader = RowReader(file, part.form, part.name, HINT)
            yield from reader
            part.form = reader.form
            part.incomplete = reader.complete < os.fstat(file.fileno()).st_size
    except OSError as error:
        raise UsageError(f"{part.name} cannot be read: {os_reason(error)}") from error


def _has(index: sqlite3.Connection, path: str) -> bool:
    return index.execute("SELECT 1 FROM found WHERE path = ?", (path_key(path),)).fetchone() is not None


def _write(index: sqlite3.Connection, parts: Sequence[Part], form: TableFormat, out: Path, result: MergeResult) -> None:
    files: dict[int, BinaryIO] = {}
    try:
        with atomic_file(out, preserve=True) as new:
            new.write(form.header)
            for number, start, stop, score in index.execute("SELECT part, start, stop, score FROM found ORDER BY path"):
                if number not in files:
                    files[number] = open(parts[number].name, "rb")  # noqa: SIM115  (closed below)
                line = _span(files[number], start, stop)
                # the bytes themselves where the formats agree: fields of later versions stay
                own = parts[number].form
                same = (own.option, own.header) == (form.option, form.header)
                new.write(line if same else form.encode(own.decode(line)))
                result.rows += 1
                result.errors += score is None
    except OSError as error:
        raise cannot_write(out, error, "make room, or give another file") from error
    finally:
        for file in files.values():
            file.close()


def _span(file: BinaryIO, start: int, stop: int) -> bytes:
    file.seek(start)
    data = file.read(stop - start)
    if len(data) != stop - start:
        raise OutputError("a part became shorter while it was read", "merge it again when no run writes it")
    return data
