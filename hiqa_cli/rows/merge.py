"""Join the tables of several runs, such as the shards of one, into one table: each image once, in the order of paths.

An index on disk holds where each row lies, so that memory does not grow with the number of rows.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from hiqa_cli.errors import UsageError, cannot_write

from .codec import path_key
from .json_rows import FULL_JSON_LINES
from .line_file import LineFile
from .new_table import new_table
from .parquet.stored import ParquetParts
from .row import Row
from .stored import LINES, StoredTable, open_table, suffix_of

SAME = ("weights", "mode", "precision")  # what rows of one table have in common
HINT = "merge tables that this version of hiqa score wrote"


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


def merge_tables(names: Sequence[str], out: Path, expected: Sequence[str] = ()) -> MergeResult:
    """Write one table of all rows. expected: paths that should be there.

    A scored row counts before an error row; of several, the last, in the order of the parts. Raises UsageError where a
    part cannot be read, or rows were scored differently; OutputError; DependencyError where Parquet needs its extra.
    """
    is_lines_of_json = LINES.get(suffix_of(str(out), "--output")) is FULL_JSON_LINES
    parts = [open_table(name, "part", HINT) for name in names]
    if is_lines_of_json and not all(part.has_tile_scores for part in parts):
        hint = "give -o FILE.csv, .parquet or .sqlite"
        raise UsageError(f"{out}: CSV has no tile scores, so JSON lines cannot be made of it", hint)
    with ExitStack() as files, closing(sqlite3.connect("")) as index:  # "": a temporary file that SQLite removes
        index.execute("CREATE TABLE found (path TEXT PRIMARY KEY, part, file, start, stop, score REAL) WITHOUT ROWID")
        result = MergeResult()
        sources: list[StoredTable] = []
        for part in parts:
            sources.append(_in_any_order(part, files))
            _add(index, sources, part, result)
        result.incomplete = tuple(part.name for part in parts if part.incomplete)
        result.missing = tuple(path for path in dict.fromkeys(expected) if not _has(index, path))
        _write(index, sources, out, result)
    return result


def _in_any_order(part: StoredTable, files: ExitStack) -> StoredTable:
    """The part, or, where its rows can be read in their order only, a temporary copy as JSON lines."""
    files.callback(part.close)
    if not isinstance(part, ParquetParts):
        return part
    try:
        copy = tempfile.NamedTemporaryFile(prefix="hiqa-merge-")  # noqa: SIM115  (`files` closes it)
        files.callback(copy.close)
        for _, row in part.rows():
            copy.write(FULL_JSON_LINES.encode(row))
        copy.flush()
    except OSError as error:
        raise cannot_write(tempfile.gettempdir(), error, "make room, or set TMPDIR") from error
    lines = LineFile(copy.name, FULL_JSON_LINES, HINT)
    files.callback(lines.close)
    return lines


def _add(index: sqlite3.Connection, sources: Sequence[StoredTable], part: StoredTable, result: MergeResult) -> None:
    """Add the rows of the last source to the index. part: the table that it came from."""
    first = _first_scored(index, sources)
    for place, row in sources[-1].rows():
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
        values = (key, len(sources) - 1, *place, row.score)
        index.execute("INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?, ?)", values)


def _first_scored(index: sqlite3.Connection, sources: Sequence[StoredTable]) -> tuple[str, Row] | None:
    """Some scored row of the sources so far, with the name of its table."""
    found = index.execute("SELECT part, file, start, stop FROM found WHERE score IS NOT NULL LIMIT 1").fetchone()
    if found is None:
        return None
    return sources[found[0]].name, sources[found[0]].row_at(found[1:])


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


def _has(index: sqlite3.Connection, path: str) -> bool:
    return index.execute("SELECT 1 FROM found WHERE path = ?", (path_key(path),)).fetchone() is not None


def _write(index: sqlite3.Connection, sources: Sequence[StoredTable], out: Path, result: MergeResult) -> None:
    def rows() -> Iterator[Row]:
        for number, *place in index.execute("SELECT part, file, start, stop FROM found ORDER BY path"):
            row = sources[number].row_at((place[0], place[1], place[2]))
            result.rows += 1
            result.errors += not row.is_scored
            yield row

    new_table(out, rows())
