"""All databases that hiqa knows, and the one way to open any of them or a table of one's own."""

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
TABLE_SUFFIXES = {".csv", ".tsv", ".txt"}  # what a name that is no database's is taken for a table by


def open_dataset(
    name: str,
    root: Path | None = None,
    *,
    direction: Literal["high", "low"] | None = None,
    nominal: tuple[float, float] | None = None,
    allow_missing: bool = False,
) -> Dataset:
    """Read a database by its name, or a table (CSV) by its path, as --dataset names them.

    root: of the database, instead of the environment's or the configuration file's. direction, nominal (low, high) and
    allow_missing are a table's: see read_table. Raises UsageError where the name means nothing, an option does not go
    with it, or no root is known; DatasetError where what is there is not what it should be.
    """
    if is_table(name):
        if root is not None:
            raise UsageError(f"{name} is a table: --root does not go with it", "its paths are relative to the table")
        return read_table(Path(name), direction, nominal, allow_missing)
    if direction is not None or nominal is not None or allow_missing:
        raise UsageError(f"{name} is a published database: its direction and range are known", "give these for a table")
    database = find_database(name)
    return read_database(database, find_root(database, root).path)


def is_table(name: str) -> bool:
    """Whether a --dataset is meant as the path of a table: no database's name, and a file or named like one."""
    return name not in DATABASES and (Path(name).suffix.lower() in TABLE_SUFFIXES or Path(name).is_file())


def find_database(name: str) -> DatabaseInfo:
    """The database of that name; UsageError with the nearest one."""
    if name in DATABASES:
        return DATABASES[name]
    near = get_close_matches(name.lower(), DATABASES, n=1)
    guess = f"did you mean {near[0]}?" if near else f"one of {', '.join(DATABASES)}, or the path of a table (.csv)"
    raise UsageError(f"no such database: {name}", guess)


def read_database(database: DatabaseInfo, root: Path) -> Dataset:
    """Read a published database from its root. DatasetError: missing, another database's, altered."""
    check_marks(database, root)
    return database.read(root)


def check_marks(database: DatabaseInfo, root: Path) -> None:
    """DatasetError where a folder does not look like that database: missing, or another one's."""
    if not root.is_dir():
        raise DatasetError(f"{root} is no folder", f"expected {database.layout}")
    lacking = next((names for names in database.marks if locate(root, *names) is None), None)
    if lacking is not None:
        other = recognise(root)
        hint = f"it looks like {other.title} ({other.name})" if other else f"expected {database.layout}"
        raise DatasetError(f"{root} is not {database.title}: it has no {' or '.join(lacking)}", hint)


def recognise(root: Path) -> DatabaseInfo | None:
    """The first database all of whose marks lie below the root. TID2008 and TID2013 have the same marks."""
    return next((database for database in DATABASES.values() if has_marks(database, root)), None)


def has_marks(database: DatabaseInfo, root: Path) -> bool:
    """Whether a folder looks like that database: its parts are there, whatever they hold."""
    return root.is_dir() and all(locate(root, *names) is not None for names in database.marks)
