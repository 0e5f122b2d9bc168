"""Going on with an earlier run: which inputs are finished, and whether its rows fit this run."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hiqa_cli.engine.config import DEFAULT_BACKEND
from hiqa_cli.errors import UsageError
from hiqa_cli.rows.row import Row, key_text
from hiqa_cli.rows.table import Table

from .inputs import Input
from .output_paths import OutputPaths

# Settings of a JSON line that change scores: rows that differ in one of them do not belong together.
TELLING_SETTINGS = ("mode", "stride", "tolerance", "max_tiles", "precision", "device")


@dataclass
class ResumePlan:
    """finished: for every input its row of the earlier run, or None: to be scored.
    kept: rows of the earlier run that stay and belong to no input of this one."""

    finished: list[Row | None]
    kept: list[Row]


def plan_resume(tables: Sequence[Table], inputs: Sequence[Input], targets: Sequence[OutputPaths | None]) -> ResumePlan:
    """Match inputs with the rows of all tables, by path, as often as it is given.

    An input is finished when every table has its score and all its pictures are there. Of any other
    the old rows are replaced by what this run finds. Standard input is never finished.
    """
    if not tables:
        return ResumePlan([None] * len(inputs), [])
    open_rows = [_by_path(table) for table in tables]
    finished: list[Row | None] = []
    for entry, target in zip(inputs, targets, strict=True):
        if entry.is_standard_input:  # what comes in there now is another image
            finished.append(None)
            continue
        key = key_text(entry.name)
        places = [rows[key].popleft() if rows[key] else None for rows in open_rows]
        found = [
            None if place is None else table.records[place].row for table, place in zip(tables, places, strict=True)
        ]
        is_finished = all(row is not None and row.is_finished for row in found)
        if is_finished and (target is None or target.all_exist):
            finished.append(found[0])
            continue
        finished.append(None)
        for table, place in zip(tables, places, strict=True):
            if place is not None:
                table.replace(place)
    return ResumePlan(finished, list(_left_over(tables, inputs, open_rows)))


def _by_path(table: Table) -> defaultdict[str, deque[int]]:
    """Places of rows by path, finished ones first."""
    rows: defaultdict[str, deque[int]] = defaultdict(deque)
    for is_finished in (True, False):
        for place, record in enumerate(table.records):
            if record.row.is_finished is is_finished:
                rows[key_text(record.row.path)].append(place)
    return rows


def _left_over(
    tables: Sequence[Table],
    inputs: Sequence[Input],
    open_rows: Sequence[defaultdict[str, deque[int]]],
) -> Iterator[Row]:
    """Rows of the first table that no input claims. An error row whose input has a row besides (a run
    was killed between writing the new one and removing the old) is dropped from its table."""
    keys = {key_text(entry.name) for entry in inputs if not entry.is_standard_input}
    for number, (table, rows) in enumerate(zip(tables, open_rows, strict=True)):
        for key, places in rows.items():
            for place in places:
                row = table.records[place].row
                if key in keys and not row.is_finished:
                    table.drop(place)
                elif number == 0:
                    yield row


def check_rows_fit(tables: Sequence[Table], weights: str, version: str, settings: dict[str, Any]) -> None:
    """UsageError where a finished row was scored by other weights or settings than this run's.

    A CSV row tells weights, mode, precision and, by its number of tiles, the stride (of a picture that was sampled
    only that it was); a JSON line all.
    """
    for table in tables:
        for record in table.records:
            if record.row.is_finished:
                difference = _difference(record.row, weights, version, settings)
                if difference:
                    raise UsageError(
                        f"{table.name} has rows of another run: {record.row.path}: {difference}",
                        "use the same options, or another file",
                    )


def _difference(row: Row, weights: str, version: str, settings: dict[str, Any]) -> str:
    from hiqa_cli.engine.config import Scoring
    from hiqa_cli.engine.tiling.grid import plan_tiles

    assert row.width is not None  # as every scored row has, see records.py
    assert row.height is not None
    scoring = Scoring(settings["mode"], settings["stride"], settings["tolerance"], settings["max_tiles"])
    tiles = plan_tiles(row.width, row.height, scoring.stride).count
    pairs: list[tuple[str, Any, Any]] = [
        ("weights", row.weights, weights),
        ("mode", row.mode, scoring.mode),
        ("precision", row.precision, settings["precision"]),
    ]
    if not scoring.samples(row.width, row.height):
        pairs.append(("tiles", row.tiles, tiles))
    if row.more:
        theirs = row.more["settings"]
        pairs.append(("version", row.more["version"], version))
        pairs.append(("engine", theirs.get("engine", DEFAULT_BACKEND), settings.get("engine", DEFAULT_BACKEND)))
        pairs += [(name, theirs.get(name), settings[name]) for name in TELLING_SETTINGS]
    return next((f"{name} {had}, now {has}" for name, had, has in pairs if str(had) != str(has)), "")
