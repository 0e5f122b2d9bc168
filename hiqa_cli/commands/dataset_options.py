"""Options that name databases and tables of one's own, and the one way to open what they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from ..errors import UsageError
from .messages import Messages
from .options import one_of

if TYPE_CHECKING:
    from hiqa_train.datasets import Reading

DIRECTIONS = ("high", "low")

DatasetNames = Annotated[
    list[str] | None,
    typer.Option("--dataset", metavar="NAME|TABLE", help="A database, or the path of a table (CSV); repeat it."),
]
Roots = Annotated[
    list[Path] | None,
    typer.Option(
        "--root", metavar="DIR", help="Where a database lies, if not where it is set; for several one each, in order."
    ),
]
Direction = Annotated[
    str | None,
    typer.Option(
        "--direction",
        metavar="|".join(DIRECTIONS),
        parser=one_of("--direction", DIRECTIONS),
        help="Of a table: which scores are good.",
    ),
]
NominalRange = Annotated[
    tuple[float, float] | None,
    typer.Option("--range", metavar="LO HI", help="Of a table: its scale; the scores' extremes if not given."),
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Of a table: go on without files that are not there.")
]


def open_datasets(
    names: list[str],
    roots: list[Path] | None,
    direction: str | None,
    nominal: tuple[float, float] | None,
    allow_missing: bool,
    say: Messages,
) -> list[Reading]:
    """Read every database and table that was named, and say of each what is there of it.

    roots: one a database (tables have none), in order, or none at all. direction, nominal, allow_missing: of tables.
    Raises UsageError, DatasetError.
    """
    from hiqa_train.datasets import open_dataset
    from hiqa_train.datasets.catalogue import is_table

    tables = [name for name in names if is_table(name)]
    databases = [name for name in names if name not in tables]
    if roots and len(roots) != len(databases):
        raise UsageError(f"--root: expected one for each of {len(databases)} databases, found {len(roots)}")
    if not tables and (direction is not None or nominal is not None or allow_missing):
        raise UsageError("--direction, --range and --allow-missing are for tables", "a database's are known")
    places: dict[str, Path | None] = dict.fromkeys(databases)
    places.update(zip(databases, roots or [], strict=bool(roots)))
    readings: list[Reading] = []
    for name in names:
        if name in tables:
            which = cast(Literal["high", "low"] | None, direction)
            reading = open_dataset(name, direction=which, nominal=nominal, allow_missing=allow_missing)
        else:
            reading = open_dataset(name, places[name])
        if any(reading.name == other.name for other in readings):
            raise UsageError(f"two of --dataset are called {reading.name}", "give each once, tables of different names")
        say.warn("; ".join([reading.coverage(), *reading.notes]))
        readings.append(reading)
    return readings
