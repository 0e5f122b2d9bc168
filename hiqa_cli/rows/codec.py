"""Rows as lines of a file: what CSV and JSON lines have in common, and how both are read back.

A row is complete once its line end is written. Reading skips an incomplete last line, which a killed run leaves, and
rejects files that hiqa did not write, or wrote in other columns.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from hiqa_cli.engine.row_schema import COLUMNS
from hiqa_cli.errors import UsageError

from .row import Row

MOST_NAMED = 4  # missing columns that a message names
TABLE_HINT = "score into another file, or replace this one by --overwrite in place of --resume"


class SchemaError(ValueError):
    """A table has other columns than hiqa writes. missing: the columns that it lacks, for a message."""

    def __init__(self, found: Collection[str]) -> None:
        lacking = [column for column in COLUMNS if column not in found]
        named = ", ".join(lacking[:MOST_NAMED])
        if len(lacking) > MOST_NAMED:
            named += f" and {len(lacking) - MOST_NAMED} more"
        extra = ", ".join(column for column in found if column not in COLUMNS) or "one twice"
        self.missing = f"no {named}" if lacking else f"also {extra}"
        super().__init__(self.missing)


class TableFormat(Protocol):
    """How a table is written and read.

    option: the command line's option for it.
    header: the first line, or nothing. row_prefix: how every row begins, or nothing.
    multiline: whether a row may span several lines, since names may contain line ends.
    """

    @property
    def option(self) -> str: ...

    @property
    def header(self) -> bytes: ...

    @property
    def row_prefix(self) -> bytes: ...

    @property
    def multiline(self) -> bool: ...

    def encode(self, row: Row) -> bytes:
        """A row with its line end."""

    def decode(self, line: bytes) -> Row:
        """The inverse of encode(). ValueError, csv.Error or TypeError if the line is not a row of hiqa's."""

    def with_header(self, line: bytes) -> TableFormat:
        """This format in the order of a table's own columns, given by its first line. ValueError, csv.Error or
        SchemaError if that is not a header of hiqa's."""


@dataclass(frozen=True)
class SavedRow:
    """A complete row in a file, in the bytes [start, end), line end included."""

    start: int
    end: int
    row: Row


def encode_text(text: str) -> bytes:
    """UTF-8; a byte of a name that is not UTF-8 becomes the six characters of its escape."""
    return text.encode("utf-8", "backslashreplace")


def path_key(path: str) -> str:
    """A path as it reads in a file, to find its rows by."""
    return encode_text(path).decode("utf-8")


def checked(row: Row) -> Row:
    """The row itself; ValueError if it is neither a scored row nor an error row."""
    if (row.score is None) != bool(row.error):
        raise ValueError("expected either a score or an error")
    if row.score is not None and (row.width is None or row.height is None or row.tiles is None):
        raise ValueError("expected width, height and tiles of a scored image")
    return row


class RowReader:
    """Reads the complete rows of a table, once, in order.

    form: once the header is read, that of the table itself, whose columns may have another order.
    complete: the offset of the end of the last complete line so far.
    """

    def __init__(self, file: BinaryIO, form: TableFormat, name: str, hint: str = TABLE_HINT) -> None:
        """hint: what to do about a table that hiqa cannot read."""
        self.form = form
        self.complete = 0
        self._file, self._name, self._hint = file, name, hint

    def __iter__(self) -> Iterator[SavedRow]:
        """Raises UsageError if hiqa did not write the table, or wrote it in other columns."""
        for number, (line, is_complete) in enumerate(_lines(self._file, self.form.multiline), start=1):
            is_header = bool(self.form.header) and number == 1
            beginning = self.form.header if is_header else self.form.row_prefix
            if not is_complete:
                if not line.startswith(beginning) and not beginning.startswith(line):
                    raise self._refusal(f"line {number} does not fit")
                return
            start = self.complete
            self.complete += len(line)
            if is_header:
                self.form = self._own_form(line)
            else:
                yield SavedRow(start, self.complete, self._row(line, number))

    def _own_form(self, line: bytes) -> TableFormat:
        try:
            return self.form.with_header(line)
        except SchemaError as error:
            raise self._other_schema(error) from error
        except (ValueError, csv.Error) as error:
            raise self._refusal("line 1 does not fit") from error

    def _row(self, line: bytes, number: int) -> Row:
        if not line.startswith(self.form.row_prefix):
            raise self._refusal(f"line {number} does not fit")
        try:
            return self.form.decode(line)
        except SchemaError as error:
            raise self._other_schema(error) from error
        except (ValueError, csv.Error, TypeError) as error:
            raise self._refusal(f"row {number}: {error}") from error

    def _refusal(self, reason: str) -> UsageError:
        return UsageError(f"{self._name} is not a table that {self.form.option} wrote: {reason}", self._hint)

    def _other_schema(self, error: SchemaError) -> UsageError:
        return UsageError(f"{self._name} has other columns than this version of hiqa: {error.missing}", self._hint)


def _lines(file: BinaryIO, multiline: bool) -> Iterator[tuple[bytes, bool]]:
    """(record, whether it is complete); a CSV record continues while a quote is open."""
    pending = b""
    for line in file:
        pending += line
        quote_open = multiline and pending.count(b'"') % 2
        if pending.endswith(b"\n") and not quote_open:
            yield pending, True
            pending = b""
    if pending:
        yield pending, False
