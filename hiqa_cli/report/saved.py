"""The report of a finished run: its rows, and the pictures where they were."""

from __future__ import annotations

import os
from collections.abc import Iterator

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import count
from hiqa_cli.images.limits import Limits
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.saved_run import SavedRun, read_saved_run

from .entries import entries_of_rows
from .entry import RunFacts
from .options import ReportTarget
from .output import check_report, finish_report, open_report, report_title


def report_saved_run(
    path: str, target: ReportTarget, *, min_score: float | None, overwrite: bool, limits: Limits, messages: Messages
) -> int:
    """Write the report of a finished run, whose pictures are read again; the exit code."""
    check_report(target, {os.path.realpath(path)}, may_exist=overwrite)
    run = read_saved_run(path)
    if run.torn:
        messages.warn(f"{path}: its last line is not whole, as of a run that goes on or was stopped")
    title = report_title([path])
    report = open_report(target, title, run.count)
    progress = ImageProgress(run.count, wanted=not messages.quiet)
    messages.clear = progress.cleared
    unseen = 0
    try:
        for entry in entries_of_rows(_with_paths(run), report.wants, limits):
            report.add(entry)
            progress.advance()
            if entry.score is not None and entry.preview is None and report.wants(entry.score):
                unseen += 1
                messages.detail(f"{entry.path}: shown without its picture: {entry.missing}")
        progress.close()
        finish_report(report, target, facts_of_run(run, title, min_score), messages)
    finally:
        progress.close()
        report.abandon()
    if unseen:
        messages.warn(
            f"{count(unseen, 'image')} of {run.count:,} shown without picture: not to be read where {path} says; "
            "run hiqa report in the folder where hiqa score ran, --verbose names them"
        )
    return ExitCode.OK


def _with_paths(run: SavedRun) -> Iterator[tuple[Row, str | None]]:
    for _, row in run.rows():
        yield row, None


def facts_of_run(run: SavedRun, title: str, gate: float | None) -> RunFacts:
    """What a finished run tells of itself."""
    return RunFacts(
        title=title,
        version=", ".join(run.versions),
        weights=", ".join(run.weights),
        mode=", ".join(run.modes),
        precision=", ".join(run.precisions),
        stride=run.strides[0] if len(run.strides) == 1 else None,
        gate=gate,
        unfinished="the last line of the run is not whole: it goes on, or was stopped" if run.torn else "",
    )
