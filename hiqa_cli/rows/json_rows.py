"""Rows as lines of JSON: the columns, then fields that only JSON lines have."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from hiqa_cli.engine.row_schema import COLUMNS

from .codec import SchemaError, checked, encode_text
from .row import Row

TEXTS = ("grade", "kind", "mode", "precision", "weights", "error")  # null where empty
RESUMED = ("version", "settings")  # fields that resuming compares


@dataclass(frozen=True)
class JsonRows:
    """Lines of JSON. See `TableFormat`.

    slim: read only the further fields that resuming compares: tile scores of many rows would fill the memory.
    """

    slim: bool
    option: str = "--jsonl"
    header: bytes = b""
    row_prefix: bytes = b'{"path"'
    multiline: bool = False

    def with_header(self, line: bytes) -> JsonRows:
        """See `TableFormat`."""
        return self

    def encode(self, row: Row) -> bytes:
        """The columns, null for those without a value, then the extra fields."""
        values: dict[str, Any] = {column: getattr(row, column) for column in COLUMNS}
        values |= {name: values[name] or None for name in TEXTS} | row.extra
        return encode_text(json.dumps(values, ensure_ascii=False, allow_nan=False)) + b"\n"

    def decode(self, line: bytes) -> Row:
        """The inverse of encode(). ValueError or TypeError if the line is not a row of hiqa's."""
        row = decode_json(line)
        if not self.slim:
            return row
        if "version" not in row.extra:
            raise ValueError("no version")
        return replace(row, extra={name: row.extra[name] for name in RESUMED if name in row.extra})


JSON_LINES = JsonRows(slim=True)
FULL_JSON_LINES = JsonRows(slim=False)


def decode_json(line: bytes) -> Row:
    """A row of a line of JSON with all its extra fields. ValueError or TypeError if it is not one of hiqa's."""
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError("not an object")
    if not all(column in values for column in COLUMNS):
        raise SchemaError([column for column in COLUMNS if column in values])
    settings = values.get("settings", {})
    if not isinstance(settings, dict):
        raise ValueError(f"settings: {settings!r} is not an object")
    row = Row(
        path=str(values["path"]),
        score=_real(values["score"]),
        lower=_real(values["lower"]),
        upper=_real(values["upper"]),
        uncertainty=_real(values["uncertainty"]),
        standard_error=_real(values["standard_error"]),
        reasons=_texts(values["reasons"]),
        notes=_texts(values["notes"]),
        width=_integer(values["width"]),
        height=_integer(values["height"]),
        tiles=_integer(values["tiles"]),
        extra={name: value for name, value in values.items() if name not in COLUMNS},
        **{name: str(values[name] or "") for name in TEXTS},
    )
    return checked(row)


def _integer(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not an integer")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list")
    return tuple(map(str, value))


def _real(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return float(value)
