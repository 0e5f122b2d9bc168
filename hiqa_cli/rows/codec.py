"""Rows as lines of CSV and JSON: written, and read back from files that hiqa wrote.

A row is complete once its line end is written. Reading skips an incomplete last line, which a killed run leaves, and
rejects files that hiqa did not write.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from hiqa_cli.errors import UsageError

from .row import COLUMNS, Row


@dataclass(frozen=True)
class SavedRow:
    """A complete row in a file, in the bytes [start, end), line end included."""

    start: int
    end: int
    row: Row


@dataclass(frozen=True)
class TableFormat:
    """How a table is written and read.

    option: the command line's option for it.
    header: the first line, or nothing. row_prefix: how every row begins, or nothing.
    multiline: whether a row may span several lines, since names may contain line ends.
    """

    option: str
    header: bytes
    row_prefix: bytes
    encode: Callable[[Row], bytes]
    decode: Callable[[bytes], Row]
    multiline: bool


def encode_text(text: str) -> bytes:
    """UTF-8; a byte of a name that is not UTF-8 becomes the six characters of its escape."""
    return text.encode("utf-8", "backslashreplace")


def path_key(path: str) -> str:
    """A path as it reads in a file, to find its rows by."""
    return encode_text(path).decode("utf-8")


def encode_cells(cells: Sequence[str]) -> bytes:
    """One CSV record with its line end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return encode_text(line.getvalue())


def encode_csv(row: Row) -> bytes:
    """A CSV record of COLUMNS; cells without a value are empty."""
    values = [getattr(row, column) for column in COLUMNS]
    return encode_cells(["" if value is None else str(value) for value in values])


def encode_json(row: Row) -> bytes:
    """A line of JSON: COLUMNS, null for those without a value, then the extra fields."""
    fields: dict[str, Any] = {column: getattr(row, column) for column in COLUMNS}
    for column in ("mode", "precision", "weights", "error"):
        fields[column] = fields[column] or None
    fields.update(row.extra)
    return encode_text(json.dumps(fields, ensure_ascii=False, allow_nan=False)) + b"\n"


def decode_csv(line: bytes) -> Row:
    """A row of a CSV record. ValueError if it is not one of hiqa's."""
    cells = next(csv.reader(io.StringIO(line.decode("utf-8"), newline=""), strict=True))
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} cells, expected {len(COLUMNS)}")
    cell = dict(zip(COLUMNS, cells, strict=True))

    def real(column: str) -> float | None:
        return float(cell[column]) if cell[column] else None

    def integer(column: str) -> int | None:
        return int(cell[column]) if cell[column] else None

    row = Row(
        path=cell["path"],
        score=real("score"),
        uncertainty=real("uncertainty"),
        width=integer("width"),
        height=integer("height"),
        tiles=integer("tiles"),
        mode=cell["mode"],
        precision=cell["precision"],
        weights=cell["weights"],
        error=cell["error"],
    )
    return _checked(row)


def decode_json(line: bytes) -> Row:
    """A row of a line of JSON with all its extra fields. ValueError or TypeError if it is not one of hiqa's."""
    fields = json.loads(line)
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    missing = [column for column in COLUMNS if column not in fields]
    if missing:
        raise ValueError(f"no {missing[0]}")
    row = Row(
        path=str(fields["path"]),
        score=_real(fields["score"]),
        uncertainty=_real(fields["uncertainty"]),
        width=_integer(fields["width"]),
        height=_integer(fields["height"]),
        tiles=_integer(fields["tiles"]),
        mode=fields["mode"] or "",
        precision=fields["precision"] or "",
        weights=fields["weights"] or "",
        error=fields["error"] or "",
        extra={name: value for name, value in fields.items() if name not in COLUMNS},
    )
    return _checked(row)


def _decode_json_for_resuming(line: bytes) -> Row:
    """Only the extra fields that resuming compares: tile scores of many rows would fill the memory."""
    row = decode_json(line)
    if "version" not in row.extra or not isinstance(row.extra.get("settings"), dict):
        raise ValueError("no version or settings")
    return replace(row, extra={name: row.extra[name] for name in ("version", "settings")})


def _integer(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not an integer")
    return value


def _real(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _checked(row: Row) -> Row:
    if (row.score is None) != bool(row.error):
        raise ValueError("expected either a score or an error")
    if row.score is not None and (row.width is None or row.height is None or row.tiles is None):
        raise ValueError("expected width, height and tiles of a scored image")
    return row


CSV = TableFormat("--csv", encode_cells(COLUMNS), b"", encode_csv, decode_csv, multiline=True)
JSON_LINES = TableFormat("--jsonl", b"", b'{"path"', encode_json, _decode_json_for_resuming, multiline=False)
FULL_JSON_LINES = replace(JSON_LINES, decode=decode_json)


def read_rows(file: BinaryIO, form: TableFormat, name: str) -> tuple[list[SavedRow], int]:
    """Every complete row of a table, and the offset of an incomplete last line (the file's end if there is none).

    Raises UsageError if hiqa did not write the table.
    """
    rows: list[SavedRow] = []
    complete = 0
    for start, end, row in each_line(file, form, name):
        complete = end
        if row is not None:
            rows.append(SavedRow(start, end, row))
    return rows, complete


def each_line(file: BinaryIO, form: TableFormat, name: str) -> Iterator[tuple[int, int, Row | None]]:
    """(start, end, row) of every complete line, with None for the header; skips an incomplete last line.

    Raises UsageError if hiqa did not write the table.
    """
    refusal = f"{name} is not a table that {form.option} wrote"
    hint = "give another file, or --overwrite"
    start = 0
    for number, (line, complete) in enumerate(_lines(file, form), start=1):
        is_header = bool(form.header) and number == 1
        beginning = form.header if is_header else form.row_prefix
        if is_header and complete:
            fits = line == beginning
        else:
            fits = line.startswith(beginning) or (not complete and beginning.startswith(line))
        if not fits:
            raise UsageError(f"{refusal}: line {number} does not fit", hint)
        if not complete:
            return
        end = start + len(line)
        try:
            row = None if is_header else form.decode(line)
        except (ValueError, csv.Error, TypeError) as error:
            raise UsageError(f"{refusal}: row {number}: {error}", hint) from error
        yield start, end, row
        start = end


def _lines(file: BinaryIO, form: TableFormat) -> Iterator[tuple[bytes, bool]]:
    """(record, whether it is complete); a CSV record continues while a quote is open."""
    pending = b""
    for line in file:
        pending += line
        quote_open = form.multiline and pending.count(b'"') % 2
        if pending.endswith(b"\n") and not quote_open:
            yield pending, True
            pending = b""
    if pending:
        yield pending, False
