"""`--sqlite FILE`: a table that grows with a folder. An image whose file is as it was when it was scored keeps its row;
size and time of change are compared first, and the content where the time differs.

Every row is committed as it is appended. While a run goes on, SQLite keeps two files beside the database
(`-wal`, `-shm`); where a kill leaves them, they belong to it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from dataclasses import replace

from hiqa_cli.errors import OutputError, UsageError
from hiqa_cli.files.output_checks import check_output_file
from hiqa_cli.files.remote.address import is_address, shown

from ..codec import TABLE_HINT, path_key
from ..row import Row
from ..table import IfExists
from .database import OPTION, FileState, begin_run, check, connect, create, end_run, read_row, read_rows, write_row

HINT = "finished rows are kept; run the same command again"


class SqliteTable:
    """See `Table`. An existing table is continued unless it is to be overwritten."""

    option = OPTION
    is_unique = True
    has_tile_scores = True

    def __init__(self, name: str, if_exists: IfExists) -> None:
        """Check the database and read it. Raises UsageError."""
        self.name = name
        self.path = os.path.realpath(name)
        self.rows: list[Row] = []
        self._numbers: list[int] = []  # rowids of the rows
        self._files: list[FileState | None] = []
        self._found: dict[str, tuple[str, FileState]] = {}  # path key -> image and its file before it is read
        self._unchanged: dict[int, FileState | None] = {}  # number of an old row -> its file now
        self._dropped: list[int] = []
        self._database: sqlite3.Connection | None = None
        self._run = 0
        self._overwrite = if_exists is IfExists.OVERWRITE
        status = check_output_file(name, OPTION, in_place=True)
        if status is not None and status.st_size and not self._overwrite:
            self._read()

    def _read(self) -> None:
        try:
            with contextlib.closing(connect(self.path, writable=False)) as database:
                check(database, self.name, TABLE_HINT)
                for stored in read_rows(database, slim=True):
                    self.rows.append(stored.row)
                    self._numbers.append(stored.number)
                    self._files.append(stored.file)
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise UsageError(f"{OPTION} {self.name} cannot be read: {error}", TABLE_HINT) from error

    def is_current(self, path: str, number: int | None) -> bool:
        """See `Table`. A file that is gone keeps the row that it had."""
        now = file_state(path)
        before = None if number is None else self._files[number]
        is_scored = number is not None and self.rows[number].is_scored
        if number is not None and is_scored and (now is None or is_same_file(path, before, now)):
            seen = before if before is None or now is None else replace(before, modified=now.modified)
            self._unchanged[number] = seen
            return True
        if now is not None:
            self._found[path_key(shown(path))] = path, now
        return False

    def full_row(self, number: int) -> Row:
        """See `Table`."""
        try:
            with contextlib.closing(connect(self.path, writable=False)) as database:
                stored = read_row(database, self._numbers[number])
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise OutputError(f"{self.name} cannot be read again: {error}") from error
        return self.rows[number] if stored is None else stored.row

    def replace(self, number: int) -> None:
        """See `Table`: a row of the same path always replaces the old one."""

    def drop(self, number: int) -> None:
        """See `Table`."""
        self._dropped.append(number)

    def open(self) -> None:
        """See `Table`."""
        try:
            if self._overwrite:
                for suffix in ("", "-wal", "-shm", "-journal"):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self.path + suffix)
            is_new = not os.path.exists(self.path) or not os.path.getsize(self.path)
            self._database = connect(self.path, writable=True)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            if is_new:
                create(self._database)
            self._begin(self._database)
        except (sqlite3.Error, OSError) as error:
            raise UsageError(f"{OPTION} {self.name} cannot be written: {error}") from error

    def _begin(self, database: sqlite3.Connection) -> None:
        """Begin a run, in which the images that are as they were have been seen."""
        database.execute("BEGIN")
        self._run = begin_run(database)
        for number, file in self._unchanged.items():
            rowid = self._numbers[number]
            database.execute("UPDATE images SET seen_in = ? WHERE rowid = ?", (self._run, rowid))
            if file is not None and file != self._files[number]:
                database.execute("UPDATE images SET modified = ? WHERE rowid = ?", (file.modified, rowid))
        database.executemany("DELETE FROM images WHERE rowid = ?", [(self._numbers[one],) for one in self._dropped])
        database.execute("COMMIT")

    def append(self, row: Row) -> None:
        """See `Table`."""
        assert self._database is not None, "open() comes first"
        try:
            write_row(self._database, row, self._state_of(row), self._run)
        except sqlite3.Error as error:
            raise OutputError(f"{self.name} cannot be written: {error}", HINT) from error

    def _state_of(self, row: Row) -> FileState | None:
        """The file that was scored; without its hash if it is no longer as it was before."""
        path, before = self._found.get(path_key(row.path), ("", None))
        if before is None or not row.is_scored:
            return None
        digest = content_hash(path)
        return FileState(before.size, before.modified, digest if file_state(path) == before else None)

    def close(self) -> None:
        """See `Table`."""
        database, self._database = self._database, None
        if database is None:
            return
        try:
            with contextlib.closing(database):
                end_run(database, self._run)
                with contextlib.suppress(sqlite3.OperationalError):  # while another program reads
                    database.execute("PRAGMA busy_timeout = 1000")
                    database.execute("PRAGMA journal_mode = DELETE")  # one file again
        except sqlite3.Error as error:
            raise OutputError(f"{self.name} cannot be finished: {error}", HINT) from error


def file_state(path: str) -> FileState | None:
    """Size and time of change of a file, for a member of its archive; None if there is none."""
    if is_address(path):
        from hiqa_cli.files.remote.listing import state

        found = state(path)
        return None if found is None else FileState(*found)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return FileState(status.st_size, status.st_mtime_ns)


def is_same_file(path: str, before: FileState | None, now: FileState) -> bool:
    """Whether a file has the content that it had."""
    if before is None or before.size != now.size:
        return False
    return before.modified == now.modified or (before.sha256 is not None and content_hash(path) == before.sha256)


def content_hash(path: str) -> str | None:
    """SHA-256 of a file's bytes, in hexadecimal; None if it cannot be read, or is no regular file."""
    try:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None
