"""Score tables that are text: CSV with a header, and lines of `score name`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from hiqa_cli.errors import DatasetError, os_reason


def read_text(path: Path) -> str:
    """A UTF-8 file, with or without a byte order mark, whatever its line ends. DatasetError."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {os_reason(error)}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text (byte {error.start:,})", "save it as UTF-8") from error


def read_csv(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """(line number, column -> text) of every row; blank lines and columns without a name are left out.

    Column names are found whatever their case, and given in lower case. DatasetError where one of `columns` is
    missing, comes twice, or a row is shorter or longer than the header.
    """
    lines = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows = []
    try:
        header = [name.strip().lower() for name in next(lines, [])]
        _check_header(path, header, columns)
        for fields in lines:
            if any(field.strip() for field in fields):
                rows.append((lines.line_num, _row(path, lines.line_num, header, fields)))
    except csv.Error as error:
        raise DatasetError(f"{path}, line {lines.line_num}: {error}") from error
    return rows


def _check_header(path: Path, header: list[str], columns: tuple[str, ...]) -> None:
    named = [name for name in header if name]
    for column in columns:
        if column.lower() not in named:
            hint = "separate columns by commas" if len(named) == 1 and {";", "\t"} & set(named[0]) else ""
            raise DatasetError(f"{path} has no column {column!r}, found {', '.join(named) or 'nothing'}", hint)
    for name in named:
        if named.count(name) > 1:
            raise DatasetError(f"{path} has two columns {name!r}")


def _row(path: Path, line: int, header: list[str], fields: list[str]) -> dict[str, str]:
    named = max(place for place, name in enumerate(header) if name) + 1
    if len(fields) < named or any(field.strip() for field in fields[len(header) :]):
        raise DatasetError(f"{path}, line {line}: expected {named} fields, found {len(fields)}")
    return {name: field.strip() for name, field in zip(header, fields, strict=False) if name}


def read_pairs(path: Path) -> list[tuple[int, str, str]]:
    """(line number, first word, second word) of every line that is not blank. DatasetError."""
    pairs = []
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        words = text.split()
        if not words:
            continue
        if len(words) != 2:
            raise DatasetError(f"{path}, line {line}: expected a score and a name, found {text.strip()!r}")
        pairs.append((line, words[0], words[1]))
    return pairs
