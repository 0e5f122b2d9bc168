"""Tables that are there, whatever they are stored as: read row by row each time, so that little memory is needed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Protocol

from hiqa_cli.errors import UsageError

from .codec import TableFormat
from .csv_rows import CSV
from .json_rows import FULL_JSON_LINES
from .line_file import LineFile
from .parquet.layout import SUFFIX as PARQUET
from .parquet.layout import holds_parts
from .parquet.stored import ParquetParts
from .row import Row
from .sqlite.stored import Database
from .table import Place

LINES: dict[str, TableFormat] = {".csv": CSV, ".jsonl": FULL_JSON_LINES}
SQLITE = (".sqlite", ".sqlite3", ".db")
SUFFIXES = (*LINES, PARQUET, *SQLITE)
_MAGICS = {  # how a table begins
    CSV.header: ".csv",
    FULL_JSON_LINES.row_prefix: ".jsonl",
    b"PAR1": PARQUET,
    b"SQLite format 3\0": SQLITE[0],
}
_LONGEST_MAGIC = max(map(len, _MAGICS))


class StoredTable(Protocol):
    """A table to read.

    name: as given. has_tile_scores: whether its form has them.
    incomplete: once all rows were read, whether the last one is cut off.
    """

    name: str
    has_tile_scores: bool
    incomplete: bool

    def rows(self) -> Iterator[tuple[Place, Row]]:
        """Every row with everything that is stored, and its place. UsageError where hiqa did not write the table."""

    def row_at(self, place: Place) -> Row:
        """The row at a place. Raises UsageError."""

    def close(self) -> None:
        """Close the files."""


def suffix_of(name: str, what: str) -> str:
    """The suffix of a table's name, in lower case. what: the option or argument. UsageError for another suffix."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in SUFFIXES:
        expected = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise UsageError(f"{what} {name}: expected a name that ends in {expected}, found {suffix!r}")
    return suffix


def is_table(path: str) -> bool:
    """Whether a path is a table, by its suffix or by its first bytes, or a folder that `--parquet` wrote.

    Commands ask this of every image that they are given: it reads about 150 bytes of a file, and of a folder its names.
    """
    if os.path.isdir(path):
        return holds_parts(path)
    return path.lower().endswith(SUFFIXES) or bool(_suffix_of_content(path))


def open_table(name: str, what: str, hint: str) -> StoredTable:
    """A table to read, by its suffix, or else by its first bytes. hint: what to do about one that hiqa cannot read.
    UsageError if it is none by its name; other errors come with its rows."""
    if os.path.isdir(name) and holds_parts(name):
        return ParquetParts(name, hint)
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in SUFFIXES:
        suffix = _suffix_of_content(name) or suffix_of(name, what)
    if suffix == PARQUET:
        return ParquetParts(name, hint)
    return LineFile(name, LINES[suffix], hint) if suffix in LINES else Database(name, hint)


def _suffix_of_content(path: str) -> str:
    """The suffix of the form that the first bytes show; "" for anything but a table, pipes and devices included."""
    with contextlib.suppress(OSError, ValueError):
        if os.path.isfile(path):
            with open(path, "rb", buffering=0) as file:  # a buffer would read 8 KiB or more of every image
                start = file.read(_LONGEST_MAGIC)
            return next((suffix for magic, suffix in _MAGICS.items() if start.startswith(magic)), "")
    return ""
