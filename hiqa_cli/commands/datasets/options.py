"""Options that name databases and tables, and one way to open what they name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hiqa_cli.commands.usage.help import INPUT
from hiqa_cli.console.messages import Messages
from hiqa_cli.errors import UsageError

if TYPE_CHECKING:
    from hiqa_train.datasets import Dataset

DatasetNames = Annotated[
    list[str] | None,
    typer.Option(
        "--dataset",
        metavar="NAME|TABLE",
        help="Database, or path of a table (CSV); may be repeated.",
        rich_help_panel=INPUT,
    ),
]
Roots = Annotated[
    list[Path] | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="Folder of a database, once per database in order; overrides hiqa datasets set.",
        rich_help_panel=INPUT,
    ),
]
HigherIsBetter = Annotated[
    bool | None,
    typer.Option(
        "--higher-is-better/--lower-is-better",
        show_default=False,
        help="Direction of a table's scores; required for tables.",
        rich_help_panel=INPUT,
    ),
]
NominalRange = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--range",
        metavar="LOW HIGH",
        show_default="extremes of its scores",
        help="Scale of a table's scores.",
        rich_help_panel=INPUT,
    ),
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Skip images of a table that do not exist.", rich_help_panel=INPUT)
]


@dataclass(frozen=True)
class DatasetOptions:
    """Databases and tables by name, in order.

    roots: one for each database (tables have none), in order, or none at all. The other options apply to tables.
    """

    names: tuple[str, ...]
    roots: tuple[Path, ...] = ()
    higher_is_better: bool | None = None
    nominal: tuple[float, float] | None = None
    allow_missing: bool = False


def direction_of(higher_is_better: bool | None) -> Literal["high", "low"] | None:
    """The direction of a table's scores as `hiqa_train` names it."""
    if higher_is_better is None:
        return None
    return "high" if higher_is_better else "low"


def open_datasets(given: DatasetOptions) -> list[Dataset]:
    """Read every database and table, in order. Raises UsageError, DatasetError."""
    from hiqa_train.datasets import open_dataset
    from hiqa_train.datasets.catalogue import is_table

    tables = [name for name in given.names if is_table(name)]
    databases = [name for name in given.names if name not in tables]
    if given.roots and len(given.roots) != len(databases):
        raise UsageError(f"--root: expected one for each of {len(databases)} databases, found {len(given.roots)}")
    if not tables and (given.higher_is_better is not None or given.nominal is not None or given.allow_missing):
        raise UsageError(
            "--higher-is-better, --lower-is-better, --range and --allow-missing are for tables",
            "remove them: those of a database are known",
        )
    places: dict[str, Path | None] = dict.fromkeys(databases)
    places.update(zip(databases, given.roots, strict=bool(given.roots)))
    direction = direction_of(given.higher_is_better)
    datasets = [
        open_dataset(name, places[name])
        if name in places
        else open_dataset(name, direction=direction, nominal=given.nominal, allow_missing=given.allow_missing)
        for name in given.names
    ]
    names = [dataset.name for dataset in datasets]
    if len(set(names)) < len(names):
        raise UsageError(f"database {max(names, key=names.count)} is named twice")
    return datasets


def open_and_describe(given: DatasetOptions, say: Messages) -> list[Dataset]:
    """Read the databases and print a line on each: images found, the first missing file, scale, notes."""
    datasets = open_datasets(given)
    for dataset in datasets:
        say.warn("; ".join([dataset.coverage(), *dataset.notes]))
    return datasets
