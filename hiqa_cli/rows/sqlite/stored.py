"""What `--sqlite` wrote, read row by row."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict

from hiqa_cli.errors import UsageError

from ..row import Row
from ..table import Place
from .database import FILE_FIELD, Stored, check, connect, read_row, read_rows


class Database:
    """A database of rows. See `StoredTable`. Its rows have what their files were among their extra fields."""

    has_tile_scores = True
    incomplete = False

    def __init__(self, name: str, hint: str) -> None:
        self.name = name
        self._hint = hint
        self._database: sqlite3.Connection | None = None

    def rows(self) -> Iterator[tuple[Place, Row]]:
        """See `StoredTable`. place: the rowid."""
        try:
            for stored in read_rows(self._opened(), slim=False):
                yield (0, stored.number, 0), _with_file(stored)
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise UsageError(f"{self.name} cannot be read: {error}", self._hint) from error

    def row_at(self, place: Place) -> Row:
        """See `StoredTable`."""
        try:
            stored = read_row(self._opened(), place[1])
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise UsageError(f"{self.name} cannot be read: {error}", self._hint) from error
        if stored is None:
            raise UsageError(f"{self.name} lost a row while it was read", "read it again when no run writes it")
        return _with_file(stored)

    def close(self) -> None:
        """See `StoredTable`."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            if not os.path.exists(self.name):
                raise UsageError(f"{self.name} cannot be read: no such file or directory")
            database = connect(self.name, writable=False)
            with contextlib.ExitStack() as on_error:
                on_error.callback(database.close)
                check(database, self.name, self._hint)
                on_error.pop_all()
            self._database = database
        return self._database


def _with_file(stored: Stored) -> Row:
    if stored.file is not None:
        stored.row.extra[FILE_FIELD] = asdict(stored.file)
    return stored.row
