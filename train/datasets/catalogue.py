"""All databases that hiqa knows, and `open_dataset`, which reads any of them or a table."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from hiqa_cli.errors import DatasetError, UsageError

from .database import DatabaseInfo
from .files.folders import locate
from .readers.biq2021 import BIQ2021
from .readers.csiq import CSIQ
from .readers.kadid10k import KADID10K
from .readers.koniq10k import KONIQ10K
from .readers.live import LIVE
from .readers.livec import LIVEC
from .readers.livemd import LIVEMD
from .readers.spaq import SPAQ
from .readers.tid import TID
from .roots import find_root
from .sample import Dataset
from .table import read_table

DATABASES: dict[str, DatabaseInfo] = {
    database.name: database
    for database in (
        LIVE,
        CSIQ,
        TID["tid2008"],
        TID["tid2013"],
        TID["tid2008-rebuilt"],
        TID["tid2013-rebuilt"],
        KADID10K,
        LIVEMD,
        KONIQ10K,
        LIVEC,
        SPAQ,
        BIQ2021,
    )
}
TABLE_SUFFIXES = {".csv", ".tsv", ".txt"}  # a --dataset that ends so is the path of a table


def open_dataset(
    name: str,
    root: Path | None = None,
    *,
    direction: Literal["high", "low"] | None = None,
    nominal: tuple[float, float] | None = None,
    allow_missing: bool = False,
) -> Dataset:
    """Read a database by its name, or a table (CSV) by its path, as given to --dataset.

    root: of a database, in place of the configured one. direction, nominal (low, high) and allow_missing apply to a
    table: see read_table. Raises UsageError for an unknown name, an option that does not apply or an unknown root;
    DatasetError for missing, altered or invalid data.
    """
    if is_table(name):
        if root is not None:
            raise UsageError(f"{name} is a table: --root does not apply", "its paths are relative to the table")
        return read_table(Path(name), direction, nominal, allow_missing)
    if direction is not None or nominal is not None or allow_missing:
        raise UsageError(
            f"{name} is a published database: its direction and range are known", "give these options for a table only"
        )
    database = find_database(name)
    return read_database(database, find_root(database, root).path)


def is_table(name: str) -> bool:
    """Whether a --dataset is the path of a table: not the name of a database, and a file or named like one."""
    return name not in DATABASES and (Path(name).suffix.lower() in TABLE_SUFFIXES or Path(name).is_file())


def find_database(name: str) -> DatabaseInfo:
    """The database of that name. Raises UsageError, which suggests the nearest name."""
    if name in DATABASES:
        return DATABASES[name]
    near = get_close_matches(name.lower(), DATABASES, n=1)
    guess = f"did you mean {near[0]}?" if near else f"one of {', '.join(DATABASES)}, or the path of a table (.csv)"
    raise UsageError(f"no such database: {name}", guess)


def read_database(database: DatabaseInfo, root: Path) -> Dataset:
    """Read a published database from its root. Raises DatasetError for missing, altered or another database's files."""
    check_marks(database, root)
    return database.read(root)


def check_marks(database: DatabaseInfo, root: Path) -> None:
    """Raise DatasetError for a folder that is missing or does not look like that database."""
    if not root.is_dir():
        raise DatasetError(f"{root} is not a folder", f"expected {database.layout}")
    missing = next((names for names in database.marks if locate(root, *names) is None), None)
    if missing is not None:
        other = recognise(root)
        hint = f"it looks like {other.title} ({other.name})" if other else f"expected {database.layout}"
        raise DatasetError(f"{root} is not {database.title}: it has no {' or '.join(missing)}", hint)


def recognise(root: Path) -> DatabaseInfo | None:
    """The first database whose marks all exist below the root. TID2008 and TID2013 have the same marks."""
    return next((database for database in DATABASES.values() if has_marks(database, root)), None)


def has_marks(database: DatabaseInfo, root: Path) -> bool:
    """Whether a folder looks like that database: its marks exist, whatever they contain."""
    return root.is_dir() and all(locate(root, *names) is not None for names in database.marks)
