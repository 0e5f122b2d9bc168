"""Reading back tables that hiqa wrote: which rows are whole, and what they say."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from hiqa_cli.errors import UsageError

from .row import COLUMNS, Row, csv_line, csv_row, json_row


@dataclass(frozen=True)
class Record:
    """A whole row of a file: its bytes are [start, end), the line end included."""

    start: int
    end: int
    row: Row


@dataclass(frozen=True)
class TableFormat:
    """How a table is written and read back.

    header: the first line, or nothing. opening: how every row must begin, where that is known.
    """

    option: str
    header: bytes
    opening: bytes
    encode: Callable[[Row], bytes]
    decode: Callable[[bytes], Row]
    spans_lines: bool


def _decode_csv(record: bytes) -> Row:
    cells = next(csv.reader(io.StringIO(record.decode("utf-8"), newline=""), strict=True))
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} cells, {len(COLUMNS)} expected")
    cell = dict(zip(COLUMNS, cells, strict=True))

    def number(column: str, kind: type) -> float | int | None:
        return kind(cell[column]) if cell[column] else None

    row = Row(
        path=cell["path"],
        score=number("score", float),
        uncertainty=number("uncertainty", float),
        width=_whole(number("width", int)),
        height=_whole(number("height", int)),
        tiles=_whole(number("tiles", int)),
        mode=cell["mode"],
        precision=cell["precision"],
        weights=cell["weights"],
        error=cell["error"],
    )
    return _checked(row)


def _decode_json(record: bytes) -> Row:
    row = decode_json_whole(record)
    # the tiles' scores may be many, and are not needed to go on
    more = {name: row.more.get(name) for name in ("version", "settings")}
    return replace(row, more=more if isinstance(more["settings"], dict) else {})


def decode_json_whole(record: bytes) -> Row:
    """A line of JSON with everything that it tells. ValueError, TypeError where it is none of hiqa's."""
    fields = json.loads(record)
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    missing = [column for column in COLUMNS if column not in fields]
    if missing:
        raise ValueError(f"no {missing[0]}")
    row = Row(
        path=str(fields["path"]),
        score=_real(fields["score"]),
        uncertainty=_real(fields["uncertainty"]),
        width=_whole(fields["width"]),
        height=_whole(fields["height"]),
        tiles=_whole(fields["tiles"]),
        mode=fields["mode"] or "",
        precision=fields["precision"] or "",
        weights=fields["weights"] or "",
        error=fields["error"] or "",
        more={name: value for name, value in fields.items() if name not in COLUMNS},
    )
    return _checked(row)


def _whole(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is no whole number")
    return value


def _real(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _checked(row: Row) -> Row:
    if (row.score is None) != bool(row.error):
        raise ValueError("a row has either a score or an error")
    if row.score is not None and (row.width is None or row.height is None or row.tiles is None):
        raise ValueError("a scored row has its width, height and tiles")
    return row


CSV = TableFormat("--csv", csv_line(COLUMNS), b"", csv_row, _decode_csv, True)
JSON_LINES = TableFormat("--jsonl", b"", b'{"path"', json_row, _decode_json, False)


def read_records(file: BinaryIO, form: TableFormat, name: str) -> tuple[list[Record], int]:
    """Every whole row of a table, and where a torn last line begins (the end where there is none).

    Raises UsageError where this is no table of hiqa's.
    """
    records: list[Record] = []
    whole = 0
    for start, end, row in each_line(file, form, name):
        whole = end
        if row is not None:
            records.append(Record(start, end, row))
    return records, whole


def each_line(file: BinaryIO, form: TableFormat, name: str) -> Iterator[tuple[int, int, Row | None]]:
    """(start, end, row) of every whole line, None for the header; a torn last line is left out.

    Raises UsageError where this is no table of hiqa's.
    """
    refusal = f"{name} is not a table that {form.option} wrote"
    way_out = "give another file, or --overwrite"
    start = 0
    for number, (line, whole) in enumerate(_lines(file, form)):
        is_header = bool(form.header) and number == 0
        opening = form.header if is_header else form.opening
        if is_header:
            fits = line == opening or (not whole and opening.startswith(line))
        else:
            fits = line.startswith(opening) or (not whole and opening.startswith(line))
        if not fits:
            raise UsageError(f"{refusal}: line {number + 1} does not fit", way_out)
        if not whole:
            return
        end = start + len(line)
        try:
            row = None if is_header else form.decode(line)
        except (ValueError, csv.Error, TypeError) as error:
            raise UsageError(f"{refusal}: row {number + 1}: {error}", way_out) from error
        yield start, end, row
        start = end


def _lines(file: BinaryIO, form: TableFormat) -> Iterator[tuple[bytes, bool]]:
    """(record, is it whole): a CSV record goes on while a quote is open, as names may hold line ends."""
    pending = b""
    for line in file:
        pending += line
        quoted = form.spans_lines and pending.count(b'"') % 2
        if pending.endswith(b"\n") and not quoted:
            yield pending, True
            pending = b""
    if pending:
        yield pending, False
