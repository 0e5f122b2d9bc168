"""A finished run as a table holds it, read row by row each time, so that long runs need little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hiqa_cli.errors import UsageError

from .row import Row
from .stored import StoredTable, open_table
from .table import Place

HINT = "score its images again by hiqa score"


@dataclass
class RunSettings:
    """With what a run scored: every value that occurs in its rows, once."""

    weights: list[str] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    precisions: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    strides: list[int] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Note what a row was scored with; nothing of a row without a score."""
        if not row.is_scored:
            return
        values: tuple[tuple[list[Any], Any], ...] = (
            (self.weights, row.weights),
            (self.modes, row.mode),
            (self.precisions, row.precision),
            (self.versions, row.extra.get("version")),
            (self.strides, row.stride),
        )
        for known, value in values:
            if value and value not in known:
                known.append(value)


@dataclass
class SavedRun:
    """One run. count, scored: number of rows, and of those with a score. torn: the last row is incomplete."""

    table: StoredTable
    count: int = 0
    scored: int = 0
    torn: bool = False
    settings: RunSettings = field(default_factory=RunSettings)
    _superseded: set[str] = field(default_factory=set)  # paths whose error row a later, scored row supersedes

    @property
    def name(self) -> str:
        """The table, as given."""
        return self.table.name

    def rows(self) -> Iterator[tuple[Place, Row]]:
        """(place, row) of every image. UsageError if the table cannot be read or hiqa did not write it."""
        for place, row in self.table.rows():
            if row.is_scored or row.path not in self._superseded:
                yield place, row

    def row_at(self, place: Place) -> Row:
        """The row at a place."""
        return self.table.row_at(place)


def read_saved_run(path: str, what: str = "the run") -> SavedRun:
    """Read a run once, checking every row. what: the option or argument that names it. Raises UsageError."""
    run = SavedRun(open_table(path, what, HINT))
    failed: set[str] = set()
    for _, row in run.rows():
        run.count += 1
        if not row.is_scored:
            failed.add(row.path)
            continue
        run.scored += 1
        if row.path in failed:
            run._superseded.add(row.path)
        run.settings.add(row)
    run.count -= len(run._superseded)
    if not run.count:
        raise UsageError(f"{path} holds no row", "give a table that hiqa score wrote")
    run.torn = run.table.incomplete
    return run
