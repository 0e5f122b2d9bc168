"""A column of paths in a table of the user's: FILE::COLUMN of --files-from, of CSV and Parquet."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator

from hiqa_cli.errors import UsageError, os_reason

from .parquet.library import arrow

MARK = "::"
ROWS = 10_000  # that are read at once


def split_column(source: str) -> tuple[str, str] | None:
    """(file, column) of FILE::COLUMN, where the file is CSV or Parquet; else None."""
    file, mark, column = source.rpartition(MARK)
    if mark and column and file.lower().endswith((".csv", ".parquet")) and not os.path.lexists(source):
        return file, column
    return None


def read_column(file: str, column: str, option: str) -> list[str]:
    """The values of the column, in order, without empty ones. Raises UsageError, which names the option, and
    DependencyError for Parquet without its extra."""
    values = _parquet(file, column, option) if file.lower().endswith(".parquet") else _csv(file, column, option)
    try:
        return [value for value in values if value]
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"{option}: {file} cannot be read: {reason}") from error


def _csv(file: str, column: str, option: str) -> Iterator[str | None]:
    with open(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        table = csv.DictReader(lines)
        _check(column, list(table.fieldnames or ()), file, option)
        for row in table:
            yield row[column]


def _parquet(file: str, column: str, option: str) -> Iterator[str | None]:
    pa = arrow()
    try:
        with pa.parquet.ParquetFile(file) as table:
            _check(column, table.schema_arrow.names, file, option)
            kind = table.schema_arrow.field(column).type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise UsageError(f"{option}: column {column} of {file} holds {kind}, expected text")
            for batch in table.iter_batches(ROWS, columns=[column]):
                yield from batch.column(0).to_pylist()
    except pa.ArrowException as error:
        raise UsageError(f"{option}: {file} cannot be read: {str(error).splitlines()[0]}") from error


def _check(column: str, found: list[str], file: str, option: str) -> None:
    if column not in found:
        raise UsageError(f"{option}: {file} has no column {column}", f"its columns are {', '.join(found)}")
