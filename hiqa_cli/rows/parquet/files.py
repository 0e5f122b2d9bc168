"""Parquet files of rows: read row by row, written whole, with other rows or none left out."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from hiqa_cli.engine.row_schema import COLUMNS
from hiqa_cli.errors import UsageError, os_reason, reason_of

from ..codec import SchemaError
from ..row import Row
from .columns import METADATA, common_fields, from_arrow, schema, to_arrow
from .layout import JOINED
from .library import arrow

OPTION = "--parquet"
COMPRESSION = "zstd"
ROWS_A_GROUP = 10_000
BATCH = 1000  # rows that are held as Python objects


class ParquetReader:
    """Rows of Parquet files by place; holds one row group of one file."""

    def __init__(self, name: str, hint: str) -> None:
        """name: of the table, for messages. hint: what to do about one that hiqa cannot read."""
        self._name, self._hint = name, hint
        self._held: tuple[Path, int, Any] | None = None  # file, number of the first row, rows

    def rows(self, path: Path, *, slim: bool) -> Iterator[Row]:
        """The rows of one file, in order. slim: without tile scores and maps. Raises UsageError."""
        pa = arrow()
        try:
            with pa.parquet.ParquetFile(path) as file:
                common_fields(file.schema_arrow)
                wanted = [*COLUMNS, "extra"] if slim else None
                for number in range(file.num_row_groups):
                    yield from from_arrow(file.read_row_group(number, columns=wanted))
        except SchemaError as error:
            raise UsageError(f"{path} has other columns than this version of hiqa: {error}", self._hint) from error
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {os_reason(error)}", self._hint) from error
        except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
            raise UsageError(f"{path} is not a table that {OPTION} wrote: {reason_of(error)}", self._hint) from error

    def row_at(self, path: Path, number: int) -> Row:
        """One row with everything that is stored. Raises UsageError."""
        pa = arrow()
        try:
            if self._held is None or self._held[0] != path or not 0 <= number - self._held[1] < len(self._held[2]):
                self._held = self._group_with(path, number)
            (row,) = from_arrow(self._held[2].slice(number - self._held[1], 1))
        except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
            raise UsageError(f"{self._name} cannot be read again: {error}", self._hint) from error
        return row

    def _group_with(self, path: Path, number: int) -> tuple[Path, int, Any]:
        with arrow().parquet.ParquetFile(path) as file:
            first = 0
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if number < first + count:
                    return path, first, file.read_row_group(group)
                first += count
        raise ValueError(f"{path} has become shorter")


def write_tables(file: BinaryIO, tables: Iterable[Any], joined: Collection[str] = ()) -> None:
    """Write Arrow tables of rows as row groups of ROWS_A_GROUP rows. joined: see `layout`.

    The settings in the metadata are those of the first table; a row that has others names them itself.
    """
    pa = arrow()
    tables = iter(tables)
    first = next(tables, None)
    first = to_arrow([]) if first is None else first
    form = schema(common_fields(first.schema))
    if joined:
        form = form.with_metadata({**form.metadata, JOINED: " ".join(joined).encode()})
    held: list[Any] = []
    with pa.parquet.ParquetWriter(file, form, compression=COMPRESSION) as writer:
        for table in itertools.chain([first], tables):
            held.append(_with_metadata(table, form))
            if sum(map(len, held)) >= ROWS_A_GROUP:
                writer.write_table(pa.concat_tables(held), row_group_size=ROWS_A_GROUP)
                held = []
        if held:
            writer.write_table(pa.concat_tables(held), row_group_size=ROWS_A_GROUP)


def tables_from(rows: Iterable[Row]) -> Iterator[Any]:
    """Rows as Arrow tables of BATCH rows."""
    rows = iter(rows)
    while batch := list(itertools.islice(rows, BATCH)):
        yield to_arrow(batch)


def tables_of(path: Path, left_out: Collection[int] = ()) -> Iterator[Any]:
    """The row groups of a file as Arrow tables, without the rows of these numbers."""
    pa = arrow()
    with pa.parquet.ParquetFile(path) as file:
        first = 0
        for number in range(file.num_row_groups):
            table = file.read_row_group(number)
            count = len(table)
            kept = [first + row not in left_out for row in range(count)] if left_out else []
            yield table.filter(pa.array(kept)) if left_out else table
            first += count
        if not file.num_row_groups:
            yield file.read()


def _with_metadata(table: Any, form: Any) -> Any:
    """The table in another schema, whose settings its rows need not share."""
    pa = arrow()
    if table.schema.metadata[METADATA] != form.metadata[METADATA]:
        own = pa.scalar(table.schema.metadata[METADATA].decode())
        extra = pa.compute.fill_null(table["extra"], own)
        table = table.set_column(table.schema.get_field_index("extra"), "extra", extra)
    return table.select(form.names).cast(form)
