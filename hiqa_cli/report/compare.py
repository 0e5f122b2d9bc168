"""`hiqa report --compare`: two finished runs matched by path, read pair by pair."""

from __future__ import annotations

import os
from collections.abc import Iterator

from hiqa_cli._version import __version__
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import count, name_text
from hiqa_cli.errors import UsageError
from hiqa_cli.images.limits import Limits
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.saved_run import SavedRun, read_saved_run

from .entries import entries_of_rows
from .entry import ReportEntry, RunFacts
from .options import ReportTarget
from .output import BYTES_OF_MB, check_report, finish_report
from .page.compare_page import ComparePage, Pair
from .pairs import Matching, match
from .saved import facts_of_run


def run_compare(
    first: str, second: str, target: ReportTarget, *, overwrite: bool, limits: Limits, messages: Messages
) -> int:
    """Write the page of two runs; the exit code."""
    check_report(target, {os.path.realpath(path) for path in (first, second)}, may_exist=overwrite)
    runs = read_saved_run(first), read_saved_run(second)
    places = _starts_and_paths(runs[0]), _starts_and_paths(runs[1])
    matching = match(*([path for _, path in run] for run in places))
    if not matching.pairs:
        raise UsageError(
            f"{first} and {second} have no image in common: {places[0][0][1]} in one, {places[1][0][1]} in the other",
            "pairs are matched by path below each run's root, without suffix",
        )
    warning = unlike(*runs)
    if warning:
        messages.warn(warning)
    names = (name_text(first), name_text(second))
    title = " and ".join(names)
    told = (facts_of_run(runs[0], names[0], None), facts_of_run(runs[1], names[1], None))
    page = ComparePage(target.path, title, told, target.embed_limit_mb * BYTES_OF_MB, len(matching.pairs))
    progress = ImageProgress(len(matching.pairs), wanted=not messages.quiet)
    messages.clear = progress.cleared
    try:
        for pair in _pairs(runs, places, matching, limits):
            page.add(pair)
            progress.advance()
        progress.close()
        finish_report(page, target, RunFacts(title, __version__, unfinished=warning), messages)
    finally:
        progress.close()
        page.abandon()
    alone = len(matching.only_first), len(matching.only_second)
    if any(alone):
        messages.warn(
            f"{count(len(matching.pairs), 'pair')}; without a partner: "
            f"{alone[0]:,} of {first}, {alone[1]:,} of {second}"
        )
    return ExitCode.OK


def unlike(first: SavedRun, second: SavedRun) -> str:
    """Why scores of two runs may differ for other reasons than their images, or ""."""
    kinds = (
        ("weights", first.weights, second.weights),
        ("modes", first.modes, second.modes),
        ("versions", first.versions, second.versions),
        ("precisions", first.precisions, second.precisions),
        ("strides", first.strides, second.strides),
    )
    parts = [f"{name} {_listed(one)} and {_listed(two)}" for name, one, two in kinds if one != two and one and two]
    return f"the runs were scored differently ({'; '.join(parts)}): scores may differ for that alone" if parts else ""


def _listed(values: list[str] | list[int]) -> str:
    return ", ".join(map(str, values))


def _starts_and_paths(run: SavedRun) -> list[tuple[int, str]]:
    """Where every row of a run starts, and its path: all that is held of the rows."""
    return [(start, row.path) for start, row in run.rows()]


def _pairs(
    runs: tuple[SavedRun, SavedRun],
    places: tuple[list[tuple[int, str]], list[tuple[int, str]]],
    matching: Matching,
    limits: Limits,
) -> Iterator[Pair]:
    """The pairs, then what has no partner; the rows of each are read when it is its turn."""

    def rows(side: int) -> Iterator[tuple[Row, str | None]]:
        for _, *pair in matching.pairs:
            yield runs[side].row_at(places[side][pair[side]][0]), None

    def both_scored(score: float | None) -> bool:
        return score is not None

    names = [name for name, _, _ in matching.pairs]
    entries = [entries_of_rows(rows(side), both_scored, limits) for side in (0, 1)]
    for name, first, second in zip(names, *entries, strict=True):
        yield Pair(name, first, second)
    for side, alone in enumerate((matching.only_first, matching.only_second)):
        for place in alone:
            row = runs[side].row_at(places[side][place][0])
            entry = ReportEntry(row.path, row.score, row.uncertainty, row.width, row.height, error=row.error)
            yield Pair(row.path, entry if side == 0 else None, entry if side == 1 else None)
