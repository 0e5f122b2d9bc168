"""A finished run as `--jsonl` wrote it, read row by row each time, so that long runs need little memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hiqa_cli.errors import UsageError, os_reason

from .codec import RowReader
from .json_rows import FULL_JSON_LINES, decode_json
from .row import Row

HINT = "score its images again by hiqa score --jsonl"


def is_saved_run(path: str) -> bool:
    """Whether a file holds the JSON lines of a run, by its name or by its first bytes."""
    if path.lower().endswith(".jsonl"):
        return True
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return file.read(len(FULL_JSON_LINES.row_prefix)) == FULL_JSON_LINES.row_prefix
    except (OSError, ValueError):
        return False


@dataclass
class SavedRun:
    """One run. name: its file as given. count: number of rows. torn: the last line is incomplete.

    weights, modes, precisions, versions, strides: every value that occurs in the rows, once.
    """

    name: str
    count: int = 0
    torn: bool = False
    weights: list[str] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    precisions: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    strides: list[int] = field(default_factory=list)
    _superseded: set[str] = field(default_factory=set)  # paths whose error row a later, scored row supersedes

    def rows(self) -> Iterator[tuple[int, Row]]:
        """(offset, row) of every image. UsageError if the file cannot be read or hiqa did not write it."""
        try:
            with open(self.name, "rb") as file:
                for saved in RowReader(file, FULL_JSON_LINES, self.name, HINT):
                    if saved.row.is_scored or saved.row.path not in self._superseded:
                        yield saved.start, saved.row
        except OSError as error:
            raise UsageError(f"{self.name} cannot be read: {os_reason(error)}") from error

    def row_at(self, offset: int) -> Row:
        """The row that starts at this byte."""
        with open(self.name, "rb") as file:
            file.seek(offset)
            return decode_json(file.readline())


def read_saved_run(path: str) -> SavedRun:
    """Read a run once, checking every row. Raises UsageError."""
    run = SavedRun(path)
    failed: set[str] = set()
    last = 0
    for start, row in run.rows():
        run.count += 1
        last = start
        if not row.is_scored:
            failed.add(row.path)
            continue
        if row.path in failed:
            run._superseded.add(row.path)
        values: tuple[tuple[list[Any], Any], ...] = (
            (run.weights, row.weights),
            (run.modes, row.mode),
            (run.precisions, row.precision),
            (run.versions, row.extra.get("version")),
            (run.strides, _stride_of(row)),
        )
        for known, value in values:
            if value and value not in known:
                known.append(value)
    run.count -= len(run._superseded)
    if not run.count:
        raise UsageError(f"{path} holds no row", "give a file that hiqa score --jsonl wrote")
    run.torn = _is_torn(path, last)
    return run


def _stride_of(row: Row) -> int | None:
    """The distance between a row's tiles in px."""
    stride = row.setting("stride")
    return stride if isinstance(stride, int) else None


def _is_torn(path: str, last: int) -> bool:
    """Whether anything follows the last complete row, which starts at this byte."""
    with open(path, "rb") as file:
        file.seek(last)
        file.readline()
        return bool(file.read(1))
