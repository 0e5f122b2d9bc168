"""The database of rows: one row a path, what its file was when it was scored, and the runs.

Table `images` has the columns of rows, lists as JSON; then `version`, `settings`, `tile_scores` and `extra`, what JSON
lines have beyond these, as JSON; `size`, `modified` (ns since 1970) and `sha256` of the file; `scored_in` and
`seen_in`, the numbers in table `runs` of the run that wrote the row and of the last run that was given the image. The
view `latest_run` shows what the last run was given.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hiqa_cli.engine.row_schema import COLUMNS
from hiqa_cli.errors import OutputError, UsageError

from ..codec import SchemaError, checked, path_key
from ..row import COLUMN_TYPES, Row

OPTION = "--sqlite"
APPLICATION = 0x68697161  # "hiqa"
OWN = ("version", "settings", "tile_scores", "extra")
FILE = ("size", "modified", "sha256")
FILE_FIELD = "file"  # of a row's extra fields: what its file was, on the way from one database to another
RUNS = ("scored_in", "seen_in")
ALL = (*COLUMNS, *OWN, *FILE, *RUNS)
SLIM = (*COLUMNS, "version", "settings", *FILE)
WAIT = 30.0  # s for another program that reads or writes the database
_TYPES = {"str": "TEXT", "float": "REAL", "int": "INTEGER", "tuple": "TEXT"}


@dataclass(frozen=True)
class FileState:
    """What a file was when it was scored. modified: ns since 1970. sha256: of its bytes; None: not known."""

    size: int
    modified: int
    sha256: str | None = None


@dataclass(frozen=True)
class Stored:
    """A row of the database. number: its rowid. file: None where it is not known."""

    number: int
    row: Row
    file: FileState | None


def _declaration(column: str) -> str:
    kind = next(sql for name, sql in _TYPES.items() if COLUMN_TYPES[column].startswith(name))
    return f'"{column}" {kind}' + (" NOT NULL UNIQUE" if column == "path" else "")


_SCHEMA = f"""
PRAGMA application_id = {APPLICATION};
CREATE TABLE runs (id INTEGER PRIMARY KEY, started TEXT NOT NULL, ended TEXT);
CREATE TABLE images (
    {", ".join(map(_declaration, COLUMNS))}, version TEXT, settings TEXT, tile_scores TEXT, extra TEXT,
    size INTEGER, modified INTEGER, sha256 TEXT,
    scored_in INTEGER NOT NULL REFERENCES runs, seen_in INTEGER NOT NULL REFERENCES runs);
CREATE VIEW latest_run AS SELECT * FROM images WHERE seen_in = (SELECT max(id) FROM runs);
"""
_UPSERT = (
    f"INSERT INTO images ({', '.join(ALL)}) VALUES ({', '.join('?' * len(ALL))}) ON CONFLICT (path) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in ALL[1:])
)


def connect(path: str, *, writable: bool) -> sqlite3.Connection:
    """Open a database that exists or, if `writable`, a new one. Raises sqlite3.Error.

    Any thread may use it, one at a time: a report reads rows on the thread that reads images.
    """
    uri = f"{Path(path).absolute().as_uri()}?mode={'rwc' if writable else 'ro'}"
    return sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False)


def create(database: sqlite3.Connection) -> None:
    """Make the tables of an empty database."""
    database.executescript(_SCHEMA)


def check(database: sqlite3.Connection, name: str, hint: str) -> None:
    """UsageError if hiqa did not write the database, or wrote it in other columns."""
    try:
        (application,) = database.execute("PRAGMA application_id").fetchone()
        found = [column[1] for column in database.execute("PRAGMA table_info(images)")]
    except sqlite3.DatabaseError as error:
        raise UsageError(f"{name} is not a table that {OPTION} wrote: {error}", hint) from error
    if application != APPLICATION:
        raise UsageError(f"{name} is not a table that {OPTION} wrote: a database of another program", hint)
    if sorted(found) != sorted(ALL):
        missing = SchemaError([column for column in found if column in COLUMNS or column not in ALL]).missing
        raise UsageError(f"{name} has other columns than this version of hiqa: {missing}", hint)


def begin_run(database: sqlite3.Connection) -> int:
    """The number of a new run."""
    number = database.execute("INSERT INTO runs (started) VALUES (?)", (_now(),)).lastrowid
    assert number is not None
    return number


def end_run(database: sqlite3.Connection, run: int) -> None:
    """Store when a run ended."""
    database.execute("UPDATE runs SET ended = ? WHERE id = ?", (_now(), run))


def write_row(database: sqlite3.Connection, row: Row, file: FileState | None, run: int) -> None:
    """Insert a row, or replace that of its path."""
    extra = dict(row.extra)
    own = [extra.pop("version", None), *(_json(extra.pop(name, None)) for name in ("settings", "tile_scores"))]
    known = extra.pop(FILE_FIELD, None)
    if file is None and isinstance(known, dict):
        file = FileState(**{name: known.get(name) for name in FILE})  # type: ignore[arg-type]
    state = [getattr(file, name, None) for name in FILE]
    values = [_cell(getattr(row, column)) for column in COLUMNS]
    database.execute(_UPSERT, (*values, *own, _json(extra or None), *state, run, run))


def read_rows(database: sqlite3.Connection, *, slim: bool, by: str = "rowid") -> Iterator[Stored]:
    """The rows in the order in which their paths were first written. slim: without tile scores and unknown fields.
    ValueError or TypeError where one is not of hiqa's."""
    columns = SLIM if slim else ALL
    for number, *values in database.execute(f"SELECT rowid, {', '.join(columns)} FROM images ORDER BY {by}"):
        yield _stored(number, columns, values)


def read_row(database: sqlite3.Connection, number: int) -> Stored | None:
    """One row with everything that is stored."""
    found = database.execute(f"SELECT {', '.join(ALL)} FROM images WHERE rowid = ?", (number,)).fetchone()
    return None if found is None else _stored(number, ALL, found)


@contextlib.contextmanager
def new_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A new database at a path without one, in one transaction. Raises OutputError."""
    try:
        with contextlib.closing(connect(str(path), writable=True)) as database:
            database.execute("PRAGMA journal_mode = OFF")  # the caller throws an incomplete file away
            create(database)
            database.execute("BEGIN")
            yield database
            database.execute("COMMIT")
    except sqlite3.Error as error:
        raise OutputError(f"{path} cannot be written: {error}", "make room, or give another file") from error


def _stored(number: int, columns: Sequence[str], values: Sequence[Any]) -> Stored:
    found = dict(zip(columns, values, strict=True))
    extra: dict[str, Any] = json.loads(found.get("extra") or "{}")
    if found.get("tile_scores"):
        extra = {"tile_scores": json.loads(found["tile_scores"]), **extra}
    extra |= {} if found["version"] is None else {"version": found["version"]}
    extra |= {} if found["settings"] is None else {"settings": json.loads(found["settings"])}
    row = Row(**{column: _value(column, found[column]) for column in COLUMNS}, extra=extra)
    known = found["size"] is not None and found["modified"] is not None
    return Stored(number, checked(row), FileState(*(found[name] for name in FILE)) if known else None)


def _value(column: str, value: Any) -> Any:
    if COLUMN_TYPES[column].startswith("tuple"):
        return tuple(map(str, json.loads(value or "[]")))
    return value or "" if COLUMN_TYPES[column] == "str" else value


def _cell(value: object) -> object:
    if isinstance(value, tuple):
        return _json(list(value))
    return (path_key(value) or None) if isinstance(value, str) else value


def _json(value: object) -> str | None:
    return None if value is None else path_key(json.dumps(value, ensure_ascii=False))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
