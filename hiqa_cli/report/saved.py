"""The report of a saved run, with previews made from its images and maps."""

from __future__ import annotations

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import count
from hiqa_cli.engine.pipeline.sources import PictureReader
from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import file_ids
from hiqa_cli.images.source import Limits
from hiqa_cli.rows.saved_run import RunSettings, read_saved_run

from .entries import entries_from_rows
from .entry import RunFacts
from .options import ReportTarget
from .output import INPUTS_HINT, check_report, finish_report, open_report, report_title


def report_saved_run(
    path: str,
    target: ReportTarget,
    *,
    min_score: float | None,
    overwrite: bool,
    limits: Limits,
    reader: PictureReader,
    messages: Messages,
) -> int:
    """Write the report of a saved run and return the exit code.

    Raises UsageError if the run cannot be read or the report must not be written, OutputError if writing fails.
    """
    check_report(target, file_ids([path]), may_exist=overwrite)
    run = read_saved_run(path)
    if not run.scored:
        raise UsageError(
            f"{path}: none of {count(run.count, 'row')} has a score, so there is nothing to show", INPUTS_HINT
        )
    if run.torn:
        messages.warn(f"{path}: last line is incomplete; the run is unfinished or was interrupted")
    title = report_title([path])
    report = open_report(target, title, run.count)
    progress = ImageProgress(run.count, enabled=not messages.quiet)
    messages.clear = progress.cleared
    without_preview = 0
    rows = ((row, None) for _, row in run.rows())
    try:
        for entry in entries_from_rows(rows, report.needs_preview, limits, reader, full_size=target.full_size):
            report.add(entry)
            progress.advance()
            if entry.score is not None and entry.preview is None and report.needs_preview(entry.score):
                without_preview += 1
                messages.detail(f"{entry.path}: no preview: {entry.missing}")
        progress.close()
        finish_report(report, target, run_facts(run.settings, title, min_score, torn=run.torn), messages)
    finally:
        progress.close()
        report.abandon()
    if without_preview:
        messages.warn(
            f"{count(without_preview, 'image')} of {run.count:,} shown without a preview: not readable at the paths in "
            f"{path}; run hiqa report in the folder where hiqa score ran, --verbose lists them"
        )
    return ExitCode.OK


def run_facts(settings: RunSettings, title: str, gate: float | None = None, *, torn: bool = False) -> RunFacts:
    """Facts about a run, collected from its rows. torn: whether its last row is incomplete."""
    return RunFacts(
        title=title,
        version=", ".join(settings.versions),
        weights=", ".join(settings.weights),
        mode=", ".join(settings.modes),
        precision=", ".join(settings.precisions),
        stride=settings.strides[0] if len(settings.strides) == 1 else None,
        gate=gate,
        warning="The last line of the run is incomplete: it is unfinished or was interrupted." if torn else "",
    )
