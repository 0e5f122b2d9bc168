"""Options that name databases and tables of one's own, and the one way to open what they name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hiqa_cli.errors import UsageError

if TYPE_CHECKING:
    from hiqa_train.datasets import Dataset

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
HigherIsBetter = Annotated[
    bool | None,
    typer.Option(
        "--higher-is-better/--lower-is-better", show_default=False, help="Direction of a table's scores; required."
    ),
]
NominalRange = Annotated[
    tuple[float, float] | None,
    typer.Option("--range", metavar="LO HI", help="Of a table: its scale; the scores' extremes if not given."),
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Of a table: go on without files that are not there.")
]


@dataclass(frozen=True)
class DatasetOptions:
    """Databases and tables by name. roots: one a database (tables have none), in order, or none at all; the last three
    are of tables."""

    names: tuple[str, ...]
    roots: tuple[Path, ...]
    higher_is_better: bool | None
    nominal: tuple[float, float] | None
    allow_missing: bool


def direction_of(higher_is_better: bool | None) -> Literal["high", "low"] | None:
    """The direction of a table's scores as `hiqa_train` names it."""
    if higher_is_better is None:
        return None
    return "high" if higher_is_better else "low"


def open_datasets(given: DatasetOptions) -> list[Dataset]:
    """Read every database and table that was named, in order. Raises UsageError, DatasetError."""
    from hiqa_train.datasets import open_dataset
    from hiqa_train.datasets.catalogue import is_table

    tables = [name for name in given.names if is_table(name)]
    databases = [name for name in given.names if name not in tables]
    if given.roots and len(given.roots) != len(databases):
        raise UsageError(f"--root: expected one for each of {len(databases)} databases, found {len(given.roots)}")
    if not tables and (given.higher_is_better is not None or given.nominal is not None or given.allow_missing):
        raise UsageError(
            "--higher-is-better, --lower-is-better, --range and --allow-missing are for tables",
            "a database's are known",
        )
    places: dict[str, Path | None] = dict.fromkeys(databases)
    places.update(zip(databases, given.roots, strict=bool(given.roots)))
    direction = direction_of(given.higher_is_better)
    readings = [
        open_dataset(name, places[name])
        if name in places
        else open_dataset(name, direction=direction, nominal=given.nominal, allow_missing=given.allow_missing)
        for name in given.names
    ]
    names = [reading.name for reading in readings]
    if len(set(names)) < len(names):
        raise UsageError(f"--dataset: {max(names, key=names.count)} is named twice")
    return readings
