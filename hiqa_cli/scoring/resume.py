"""Resumes an earlier run: which inputs are finished, and whether the earlier rows match this run's settings."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hiqa_cli.console.text import path_from_name
from hiqa_cli.errors import UsageError
from hiqa_cli.files.remote.address import is_address
from hiqa_cli.rows.codec import path_key
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.table import Table

from .inputs import STANDARD_INPUT, Input
from .output_paths import OutputPaths

# Settings of a JSON line that change scores: a table must not mix rows that differ in one of them.
SCORE_SETTINGS = ("stride", "tolerance", "max_tiles", "keep_borders", "device", "backend")


@dataclass
class ResumePlan:
    """finished: the earlier row of every input, or None if it must be scored.
    kept: earlier rows that belong to no input of this run and stay in the table.
    pruned: number of those that go, as their files are gone."""

    finished: list[Row | None]
    kept: list[Row]
    pruned: int = 0


def plan_resume(
    tables: Sequence[Table],
    inputs: Sequence[Input],
    targets: Sequence[OutputPaths | None],
    *,
    prune: bool = False,
) -> ResumePlan:
    """Match every occurrence of an input with a row of each table, by path.

    An input is finished if every table has its score and all its pictures exist. The earlier rows of other inputs are
    replaced. Standard input is never finished. prune: drop the rows of files that are gone and no inputs.
    """
    if not tables:
        return ResumePlan([None] * len(inputs), [])
    unmatched = [_by_path(table) for table in tables]
    finished: list[Row | None] = []
    for image, target in zip(inputs, targets, strict=True):
        if image.is_standard_input:  # it may be another image now
            finished.append(None)
            continue
        key = path_key(image.name)
        numbers = [_take(table, rows, key) for table, rows in zip(tables, unmatched, strict=True)]
        # every table is asked: some note what the file is now
        current = [table.is_current(image.path, number) for table, number in zip(tables, numbers, strict=True)]
        if all(current) and numbers[0] is not None and (target is None or target.all_exist):
            finished.append(replace(tables[0].rows[numbers[0]], path=image.name))  # CSV escapes bytes
            continue
        finished.append(None)
        for table, number in zip(tables, numbers, strict=True):
            if number is not None:
                table.replace(number)
    kept, pruned = _left_over(tables, inputs, unmatched, prune)
    return ResumePlan(finished, kept, pruned)


def _take(table: Table, rows: dict[str, deque[int]], key: str) -> int | None:
    """The number of the next old row of a path."""
    numbers = rows.get(key)
    if not numbers:
        return None
    return numbers[0] if table.is_unique else numbers.popleft()


def _by_path(table: Table) -> defaultdict[str, deque[int]]:
    """Numbers of a table's rows by path key, scored rows first."""
    rows: defaultdict[str, deque[int]] = defaultdict(deque)
    for scored in (True, False):
        for number, row in enumerate(table.rows):
            if row.is_scored is scored:
                rows[path_key(row.path)].append(number)
    return rows


def _left_over(
    tables: Sequence[Table],
    inputs: Sequence[Input],
    unmatched: Sequence[defaultdict[str, deque[int]]],
    prune: bool,
) -> tuple[list[Row], int]:
    """Rows of the first table that match no input and stay; number of those that do not, because their files are gone.

    Drops an error row from its table if another row of the same path supersedes it: the earlier run was killed after
    writing the new row and before removing the old one.
    """
    keys = {path_key(image.name) for image in inputs if not image.is_standard_input}
    kept: list[Row] = []
    pruned = 0
    for table, rows in zip(tables, unmatched, strict=True):
        for key, numbers in rows.items():
            if key in keys and table.is_unique:
                continue
            for number in numbers:
                row = table.rows[number]
                if key in keys and not row.is_scored:
                    table.drop(number)
                elif prune and key not in keys and is_gone(row.path):
                    table.drop(number)
                    pruned += table is tables[0]
                elif table is tables[0]:
                    kept.append(row)
    return kept, pruned


def is_gone(name: str) -> bool:
    """Whether a path of a row names a file that is no longer there; what is no path, and a URL, is not gone."""
    if is_address(name):
        from hiqa_cli.files.remote.listing import archive_is_gone

        return archive_is_gone(name)
    try:
        return name != STANDARD_INPUT and not os.path.lexists(path_from_name(name))
    except ValueError:
        return False


def check_rows_fit(tables: Sequence[Table], weights: str, version: str, settings: dict[str, Any]) -> None:
    """Raise UsageError if an earlier row was scored with other weights or settings than this run's.

    Every row has weights, mode, precision and, implied by the number of tiles, the stride (unless the image was scored
    by a sample of its tiles); a JSON line has version and settings as well.
    """
    for table in tables:
        for row in table.rows:
            difference = _difference(row, weights, version, settings) if row.is_scored else ""
            if difference:
                raise UsageError(
                    f"{table.name} has rows of another run: {row.path}: {difference}",
                    "give the same options, or another file",
                )


def _difference(row: Row, weights: str, version: str, settings: dict[str, Any]) -> str:
    from hiqa_cli.engine.config import Scoring
    from hiqa_cli.engine.tiling.grid import plan_tiles
    from hiqa_cli.engine.tiling.sides import BORDER_NOTE

    assert row.width is not None  # codec checks this
    assert row.height is not None
    scoring = Scoring(settings["mode"], settings["stride"], settings["tolerance"], settings["max_tiles"])
    tiles = plan_tiles(row.width, row.height, scoring.tile_stride).count
    pairs: list[tuple[str, Any, Any]] = [
        ("weights", row.weights, weights),
        ("mode", row.mode, scoring.mode),
        ("precision", row.precision, settings["precision"]),
    ]
    has_borders = any(note.startswith(BORDER_NOTE) for note in row.notes)
    if has_borders and settings["keep_borders"]:
        return "borders left out, now kept"
    if not has_borders and not scoring.samples(row.width, row.height):
        pairs.append(("tiles", row.tiles, tiles))
    if "version" in row.extra:  # a JSON line
        pairs.append(("version", row.extra["version"], version))
        pairs += [(name, row.setting(name), settings.get(name)) for name in SCORE_SETTINGS]
    return next((f"{name} {before}, now {now}" for name, before, now in pairs if str(before) != str(now)), "")
