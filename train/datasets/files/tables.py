"""Score tables: CSV with a header, lines of `score name`, and `.xlsx` workbooks (by openpyxl, of the extra
hiqa[datasets])."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from hiqa_cli.errors import DatasetError, DependencyError, os_reason


def read_text(path: Path) -> str:
    """Read a UTF-8 file, with or without a byte order mark. Raises DatasetError."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {os_reason(error)}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text (byte {error.start:,})", "save it as UTF-8") from error


def read_csv(path: Path, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """(line number, column -> text) of every row; blank lines and unnamed columns are left out.

    The case of column names is ignored; they are returned in lower case. Raises DatasetError where one of `columns` is
    missing, a column is repeated, or a row is shorter or longer than the header.
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
    """(line number, first word, second word) of every non-blank line. Raises DatasetError."""
    pairs = []
    for line, text in enumerate(read_text(path).splitlines(), start=1):
        words = text.split()
        if not words:
            continue
        if len(words) != 2:
            raise DatasetError(f"{path}, line {line}: expected a score and a name, found {text.strip()!r}")
        pairs.append((line, words[0], words[1]))
    return pairs


def read_sheet(path: Path, sheet: str | None, columns: tuple[str, ...]) -> list[tuple[int, dict[str, Any]]]:
    """(row number, column -> value) of the rows of a workbook below the header, up to the first empty one.

    sheet: its name, or None for the first. The header is the first row with all `columns`; the case of their names is
    ignored, and they are returned in lower case. Raises DependencyError without openpyxl, DatasetError for a damaged
    file or a missing sheet or header.
    """
    try:
        import openpyxl
    except ImportError:
        raise DependencyError(
            f"openpyxl is needed to read {path.name}", "pip install 'hiqa[datasets]', or pip install openpyxl"
        ) from None
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        if sheet is not None and sheet not in book.sheetnames:
            raise DatasetError(f"{path} has no sheet {sheet!r}, found {', '.join(book.sheetnames)}")
        lines = list((book.worksheets[0] if sheet is None else book[sheet]).iter_rows(values_only=True))
        book.close()
    except DatasetError:
        raise
    except Exception as error:  # openpyxl has no common error for damaged files
        raise DatasetError(f"{path} is not an .xlsx workbook or is damaged: {' '.join(str(error).split())}") from error
    return _below_header(path, lines, tuple(column.lower() for column in columns))


def _below_header(
    path: Path, lines: list[tuple[Any, ...]], columns: tuple[str, ...]
) -> list[tuple[int, dict[str, Any]]]:
    for place, line in enumerate(lines):
        header = ["" if value is None else str(value).strip().lower() for value in line]
        if set(columns) <= set(header):
            where = {column: header.index(column) for column in columns}
            rows = []
            for row, values in enumerate(lines[place + 1 :], start=place + 2):
                found = {column: values[at] if at < len(values) else None for column, at in where.items()}
                if found[columns[0]] is None:
                    break
                rows.append((row, found))
            return rows
    raise DatasetError(f"{path} has no row with the columns {', '.join(columns)}")


def text(value: Any) -> str:
    """A cell as text; whole numbers without a decimal point, because a workbook may store the name `1600` as 1600.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()
