"""A finished run as `--jsonl` wrote it: read row by row, as often as it is asked for, held in memory never."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from hiqa_cli.errors import UsageError, os_reason

from .codec import JSON_LINES, decode_json_whole, each_line
from .row import Row

WHOLE_LINES = replace(JSON_LINES, decode=decode_json_whole)


def is_saved_run(path: str) -> bool:
    """Whether a file is a run's JSON lines, by its name or by how it begins."""
    if path.lower().endswith(".jsonl"):
        return True
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return file.read(len(JSON_LINES.opening)) == JSON_LINES.opening
    except (OSError, ValueError):
        return False


@dataclass
class SavedRun:
    """One run. name: its file as given. count: of rows. torn: its last line is not whole.

    weights, modes, precisions, versions, strides: what the rows tell of how they were scored, each once.
    """

    name: str
    count: int = 0
    torn: bool = False
    weights: list[str] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    precisions: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    strides: list[int] = field(default_factory=list)
    _outdone: set[str] = field(default_factory=set)  # paths whose error row a later row made up for

    def rows(self) -> Iterator[tuple[int, Row]]:
        """(where it starts, row) of every image. UsageError where the file cannot be read or is no such table."""
        try:
            with open(self.name, "rb") as file:
                for start, _, row in each_line(file, WHOLE_LINES, self.name):
                    if row is not None and (row.is_finished or row.path not in self._outdone):
                        yield start, row
        except OSError as error:
            raise UsageError(f"{self.name} cannot be read: {os_reason(error)}") from error

    def row_at(self, start: int) -> Row:
        """The row that starts at this byte."""
        with open(self.name, "rb") as file:
            file.seek(start)
            return decode_json_whole(file.readline())

    def stride_of(self, row: Row) -> int | None:
        """The px between a row's tiles, where it tells."""
        settings: dict[str, Any] = row.more.get("settings") or {}
        stride = settings.get("stride")
        return stride if isinstance(stride, int) else None


def read_saved_run(path: str) -> SavedRun:
    """Read a run once through, checking every row. Raises UsageError."""
    run = SavedRun(path)
    failed: set[str] = set()
    end = 0
    for start, row in run.rows():
        run.count += 1
        end = start
        if not row.is_finished:
            failed.add(row.path)
            continue
        if row.path in failed:
            run._outdone.add(row.path)
        told: tuple[tuple[list[Any], Any], ...] = (
            (run.weights, row.weights),
            (run.modes, row.mode),
            (run.precisions, row.precision),
            (run.versions, row.more.get("version")),
            (run.strides, run.stride_of(row)),
        )
        for known, value in told:
            if value and value not in known:
                known.append(value)
    run.count -= len(run._outdone)
    if not run.count:
        raise UsageError(f"{path} holds no row", "give what hiqa score --jsonl wrote")
    run.torn = _is_torn(path, end)
    return run


def _is_torn(path: str, last: int) -> bool:
    """Whether something follows the last whole row."""
    with open(path, "rb") as file:
        file.seek(last)
        file.readline()
        return bool(file.read(1))
