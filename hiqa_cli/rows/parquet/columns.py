"""Rows as columns of Arrow: typed, lists as lists, empty text as null.

After the columns of rows come `tile_scores` (list of x, y, score), `tile_total`, `maps` (kind -> file), and `extra`: as
JSON, the further fields of a row where they are not those in the schema's metadata. These, version and settings of the
run as JSON, stand under the key `hiqa`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from hiqa_cli.engine.row_schema import COLUMNS

from ..codec import SchemaError, checked, path_key
from ..row import COLUMN_TYPES, Row
from .library import arrow

METADATA = b"hiqa"
TYPED = ("tile_scores", "tile_total", "maps")


def schema(common: dict[str, Any]) -> Any:
    """The Arrow schema of a table whose rows have these further fields in common."""
    pa = arrow()
    types = {"str": pa.string(), "float": pa.float64(), "int": pa.int32(), "tuple": pa.list_(pa.string())}
    tile = pa.struct([("x", pa.int32()), ("y", pa.int32()), ("score", pa.float64())])
    named = [
        (name, next(kind for key, kind in types.items() if COLUMN_TYPES[name].startswith(key))) for name in COLUMNS
    ]
    named += [("tile_scores", pa.list_(tile)), ("tile_total", pa.int32()), ("maps", pa.map_(pa.string(), pa.string()))]
    named += [("extra", pa.string())]
    own = [pa.field(name, kind, nullable=name != "path") for name, kind in named]
    return pa.schema(own, metadata={METADATA: json.dumps(common, sort_keys=True).encode()})


def to_arrow(rows: Sequence[Row], common: dict[str, Any] | None = None) -> Any:
    """An Arrow table of rows. common: what its metadata holds; None: what the first row has."""
    pa = arrow()
    shared = further_fields(rows[0]) if rows and common is None else common or {}
    form = schema(shared)
    columns: dict[str, list[Any]] = {name: [] for name in form.names}
    for row in rows:
        for name in COLUMNS:
            columns[name].append(_cell(getattr(row, name)))
        for name in TYPED:
            columns[name].append(row.extra.get(name))
        columns["maps"][-1] = None if columns["maps"][-1] is None else list(columns["maps"][-1].items())
        further = further_fields(row)
        columns["extra"].append(None if further == shared else path_key(json.dumps(further, ensure_ascii=False)))
    return pa.table({name: pa.array(columns[name], form.field(name).type) for name in form.names}, schema=form)


def from_arrow(table: Any) -> Iterator[Row]:
    """The rows of an Arrow table, which may lack columns that are not those of rows. ValueError, TypeError or KeyError
    if one is none of hiqa's."""
    common = common_fields(table.schema)
    for batch in table.to_batches(max_chunksize=1000):
        for values in batch.to_pylist(maps_as_pydicts="strict"):
            extra = {name: values[name] for name in TYPED if values.get(name) is not None}
            extra |= common if values.get("extra") is None else json.loads(values["extra"])
            yield checked(Row(**{name: _value(name, values[name]) for name in COLUMNS}, extra=extra))


def common_fields(form: Any) -> dict[str, Any]:
    """The further fields that rows of this schema have in common. SchemaError for other columns, ValueError where hiqa
    did not write them."""
    if METADATA not in (form.metadata or {}):
        raise ValueError("no settings in its metadata")
    if not set(COLUMNS) <= set(form.names):
        raise SchemaError([name for name in form.names if name in COLUMNS])
    common = json.loads(form.metadata[METADATA])
    if not isinstance(common, dict):
        raise ValueError("its metadata is none of hiqa's")
    return common


def further_fields(row: Row) -> dict[str, Any]:
    """The extra fields that have no column of their own."""
    return {name: value for name, value in row.extra.items() if name not in TYPED}


def _cell(value: object) -> object:
    if isinstance(value, tuple):
        return [path_key(text) for text in value]
    return (path_key(value) or None) if isinstance(value, str) else value


def _value(name: str, value: Any) -> Any:
    if COLUMN_TYPES[name].startswith("tuple"):
        return tuple(value or ())
    return value or "" if COLUMN_TYPES[name] == "str" else value
