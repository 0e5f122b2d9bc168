"""Tables in `.xlsx` workbooks, by openpyxl (the extra hiqa[datasets])."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hiqa_cli.errors import DatasetError, DependencyError


def read_sheet(path: Path, sheet: str | None, columns: tuple[str, ...]) -> list[tuple[int, dict[str, Any]]]:
    """(row number, column -> value) of the rows below the first that has all `columns`, up to an empty one.

    sheet: its name, or None for the first. Column names are found whatever their case and given in lower case.
    DependencyError without openpyxl; DatasetError where the file is damaged, or sheet or header are missing.
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
    except Exception as error:  # openpyxl raises whatever a damaged file leads to
        raise DatasetError(f"{path} is no .xlsx workbook, or damaged: {' '.join(str(error).split())}") from error
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
    """A cell as text; a whole number, as which a workbook may keep the name `1600`, without its point."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()
