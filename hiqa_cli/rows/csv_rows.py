"""Rows as CSV records: RFC 4180, with LF line ends, read by the names in the header."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hiqa_cli.engine.row_schema import COLUMNS

from .codec import SchemaError, checked, encode_text
from .row import COLUMN_TYPES, Row

BYTE_ORDER_MARK = "\ufeff"  # spreadsheets write it
LIST_SEPARATOR = "; "  # between the notes in a cell
FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # how a cell begins that a spreadsheet takes for a formula


@dataclass(frozen=True)
class CsvRows:
    """CSV with these columns in this order; the first record names them. See `TableFormat`.

    first_line: the header as a table has it; empty: as hiqa writes it.
    safe: write an apostrophe before text that a spreadsheet would take for a formula, and take it off again.
    """

    columns: tuple[str, ...] = COLUMNS
    first_line: bytes = b""
    safe: bool = False
    option: str = "--csv"
    row_prefix: bytes = b""
    multiline: bool = True

    @property
    def header(self) -> bytes:
        return self.first_line or encode_cells(self.columns)

    def with_header(self, line: bytes) -> CsvRows:
        """See `TableFormat`."""
        columns = tuple(_cells(line.decode("utf-8").removeprefix(BYTE_ORDER_MARK)))
        if not {"path", "score"} <= set(columns):
            raise ValueError("no header")
        if sorted(columns) != sorted(self.columns):
            raise SchemaError(columns)
        return replace(self, columns=columns, first_line=line)

    def encode(self, row: Row) -> bytes:
        """A record with its line end; cells without a value are empty."""
        return encode_cells([self._cell(getattr(row, column)) for column in self.columns])

    def decode(self, line: bytes) -> Row:
        """The inverse of encode(). ValueError or csv.Error if the line is not a row of hiqa's."""
        cells = _cells(line.decode("utf-8"))
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells, expected {len(self.columns)}")
        values = {column: _value(column, self._text(cell)) for column, cell in zip(self.columns, cells, strict=True)}
        return checked(Row(**values))  # type: ignore[arg-type]  # _value() goes by the types of Row's fields

    def _cell(self, value: object) -> str:
        if isinstance(value, int | float):
            return str(value)  # below 0 it is a number, no formula
        text = "" if value is None else LIST_SEPARATOR.join(value) if isinstance(value, tuple) else str(value)
        return f"'{text}" if self.safe and FORMULA.match(text) else text

    def _text(self, cell: str) -> str:
        """The inverse of _cell()."""
        return cell[1:] if self.safe and cell.startswith("'") and FORMULA.match(cell) else cell


CSV = CsvRows()


def encode_cells(cells: Sequence[object]) -> bytes:
    """One CSV record with its line end."""
    line = io.StringIO()
    # The writer quotes cells that hold a character of its line end: readers take a bare CR for one as well
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return encode_text(line.getvalue().removesuffix("\r\n") + "\n")


def _cells(line: str) -> list[str]:
    """The cells of one record. csv.Error or ValueError if it is none, or several."""
    records = list(csv.reader(io.StringIO(line, newline=""), strict=True))
    if len(records) != 1:
        raise ValueError(f"{len(records)} records in one line")
    return records[0]


def _value(column: str, cell: str) -> object:
    """The value of a cell. ValueError if it is not of the column's type."""
    kind = COLUMN_TYPES[column]
    if kind == "str":
        return cell
    if kind.startswith("tuple"):
        return tuple(cell.split(LIST_SEPARATOR)) if cell else ()
    if not cell:
        return None
    number = float(cell)
    if kind.startswith("float"):
        return number
    if not number.is_integer():  # "96.0" is what pandas makes of a column with gaps
        raise ValueError(f"{column}: {cell!r} is not an integer")
    return int(number)
