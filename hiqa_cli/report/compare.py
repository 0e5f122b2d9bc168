"""`hiqa report --compare`: a page of two saved runs whose images are matched by path."""

from __future__ import annotations

from collections.abc import Iterator

from hiqa_cli._version import __version__
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import count, name_text
from hiqa_cli.engine.pipeline.sources import PictureReader
from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import file_ids
from hiqa_cli.images.source import Limits
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.saved_run import SavedRun, read_saved_run
from hiqa_cli.rows.table import Place

from .entries import entries_from_rows
from .entry import ReportEntry, RunFacts
from .options import ReportTarget
from .output import check_report, finish_report
from .page.compare_page import ComparePage, Pair
from .pairs import Matching, match_paths
from .saved import run_facts


def compare_saved_runs(
    first: str,
    second: str,
    target: ReportTarget,
    *,
    overwrite: bool,
    limits: Limits,
    reader: PictureReader,
    messages: Messages,
) -> int:
    """Write the page that compares two saved runs and return the exit code.

    Raises UsageError if a run cannot be read, no images match or the page must not be written, OutputError if writing
    fails.
    """
    check_report(target, file_ids([first, second]), may_exist=overwrite)
    runs = read_saved_run(first), read_saved_run(second)
    rows = _row_places(runs[0]), _row_places(runs[1])
    matching = match_paths(*([path for _, path in run] for run in rows))
    if not matching.pairs:
        raise UsageError(
            f"{first} and {second} have no image in common: they begin with {rows[0][0][1]} and {rows[1][0][1]}",
            "images match if their paths below each run's common folder are equal, file suffix aside",
        )
    warning = settings_warning(*runs)
    if warning:
        messages.warn(warning)
    names = (name_text(first), name_text(second))
    title = " and ".join(names)
    facts = (run_facts(runs[0], names[0], None), run_facts(runs[1], names[1], None))
    page = ComparePage(target.path, title, facts, target.embed_limit_bytes, len(matching.pairs))
    progress = ImageProgress(len(matching.pairs), enabled=not messages.quiet)
    messages.clear = progress.cleared
    try:
        for pair in _pairs(runs, rows, matching, limits, reader, full_size=target.full_size):
            page.add(pair)
            progress.advance()
        progress.close()
        finish_report(page, target, RunFacts(title, __version__, warning=warning), messages)
    finally:
        progress.close()
        page.abandon()
    unmatched = len(matching.only_first), len(matching.only_second)
    if any(unmatched):
        messages.warn(
            f"{count(len(matching.pairs), 'pair')}; unmatched images: "
            f"{unmatched[0]:,} in {first}, {unmatched[1]:,} in {second}"
        )
    return ExitCode.OK


def settings_warning(first: SavedRun, second: SavedRun) -> str:
    """Name the settings in which two runs differ, since scores may differ for that reason alone; "" if none do."""
    settings = (
        ("weights", first.weights, second.weights),
        ("modes", first.modes, second.modes),
        ("versions", first.versions, second.versions),
        ("precisions", first.precisions, second.precisions),
        ("strides", first.strides, second.strides),
    )
    parts = [f"{name} {_listed(one)} and {_listed(two)}" for name, one, two in settings if one != two and one and two]
    return f"The runs used different settings ({'; '.join(parts)}), which alone can change scores." if parts else ""


def _listed(values: list[str] | list[int]) -> str:
    return ", ".join(map(str, values))


def _row_places(run: SavedRun) -> list[tuple[Place, str]]:
    """(place, path) of every row: all that is kept of a run in memory."""
    return [(place, row.path) for place, row in run.rows()]


def _pairs(
    runs: tuple[SavedRun, SavedRun],
    places: tuple[list[tuple[Place, str]], list[tuple[Place, str]]],
    matching: Matching,
    limits: Limits,
    reader: PictureReader,
    *,
    full_size: bool,
) -> Iterator[Pair]:
    """Yield the matched pairs, then the unmatched images; each row is read from its file when needed."""

    def rows(side: int) -> Iterator[tuple[Row, str | None]]:
        for _, *pair in matching.pairs:
            yield runs[side].row_at(places[side][pair[side]][0]), None

    def is_scored(score: float | None) -> bool:
        return score is not None

    names = [name for name, _, _ in matching.pairs]
    entries = [entries_from_rows(rows(side), is_scored, limits, reader, full_size=full_size) for side in (0, 1)]
    for name, first, second in zip(names, *entries, strict=True):
        yield Pair(name, first, second)
    for side, unmatched in enumerate((matching.only_first, matching.only_second)):
        for index in unmatched:
            row = runs[side].row_at(places[side][index][0])
            entry = ReportEntry(row.path, row.score, row.uncertainty, row.width, row.height, error=row.error)
            yield Pair(row.path, entry if side == 0 else None, entry if side == 1 else None)
