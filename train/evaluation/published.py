"""Published agreement with human scores, each number with its protocol and source, from published.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Published:
    """A published result of a method on a database.

    database: of the tested images. trained_on: another database, "" for the same one.
    protocol: the splits and the statistic (median of ten splits, ...), as far as the source gives them.
    srocc, plcc: over all images; None if not published. types: SROCC by distortion type, under hiqa's names.
    """

    method: str
    database: str
    trained_on: str
    protocol: str
    source: str
    srocc: float | None
    plcc: float | None
    types: Mapping[str, float]


@cache
def all_published() -> tuple[Published, ...]:
    """All results, in the order of the file."""
    text = (resources.files("hiqa_train.evaluation") / "published.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    return tuple(_published(group, row, data["types"]) for group in data["table"] for row in group["rows"])


def _published(group: Mapping[str, Any], row: Mapping[str, Any], types: Mapping[str, list[str]]) -> Published:
    """A row of a table, completed with the values that the table gives for all its rows."""
    database = group["database"]
    by_type = dict(zip(types[database], row["by_type"], strict=True)) if "by_type" in row else {}
    return Published(
        method=row["method"],
        database=database,
        trained_on=group.get("trained_on", ""),
        protocol=row.get("protocol", group["protocol"]),
        source=row.get("source", group["source"]),
        srocc=row.get("srocc"),
        plcc=row.get("plcc"),
        types=by_type,
    )


def published_for(database: str, trained_on: str = "") -> tuple[Published, ...]:
    """The results for a database, or for a pair of databases to train and test on."""
    return tuple(one for one in all_published() if (one.database, one.trained_on) == (database, trained_on))
