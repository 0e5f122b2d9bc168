"""A run of `hiqa report`: over images, over a finished run, or over two of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..errors import UsageError
from ..report.entry import RunFacts
from .exit_codes import ExitCode
from .finished_run import FinishedRun, is_finished_run, read_finished_run
from .messages import Messages
from .progress import ImageProgress
from .report import ReportOptions
from .report_output import check_report, finish_report, open_report, report_title
from .rows import Row
from .score import ScoreOptions
from .screen import write
from .tables import Existing
from .text import count, for_pipe, name_text


def run_report(options: ReportOptions) -> int:
    """Make what the options ask for; the exit code. Raises HiqaError where nothing could start, or output failed."""
    finished = [path for path in options.images if is_finished_run(path)]
    if options.compare is not None:
        if options.images or options.files_from is not None:
            raise UsageError("--compare takes two finished runs and nothing else", "leave the other paths out")
        if options.min_score is not None:
            raise UsageError("--min-score is a gate for one run, --compare shows two", "leave it out")
        if options.target.png:
            raise UsageError("--png shows one run, --compare two", "give one of them")
        _check_scores_nothing(options)
        from .report_compare import run_compare

        code = run_compare(options, *options.compare)
    elif finished:
        if len(options.images) > 1 or options.files_from is not None:
            raise UsageError(
                f"{finished[0]} is a finished run, other paths cannot go beside it",
                "give one run, or two with --compare",
            )
        _check_scores_nothing(options)
        code = _report_finished(options, finished[0])
    else:
        code = _report_images(options)
    write(f"{for_pipe(name_text(str(options.target.path)))}\n")
    return code


def _check_scores_nothing(options: ReportOptions) -> None:
    """UsageError for options that say how to find or score images, where none is scored."""
    if options.recursive or options.scoring_given:
        given = "--recursive" if options.recursive else "--mode, --stride, --tolerance, --max-tiles or --all-tiles"
        raise UsageError(f"{given} says how images are scored, a finished run is not scored again", "leave it out")


def _report_images(options: ReportOptions) -> int:
    from .score_run import run_score

    code = run_score(
        ScoreOptions(
            images=options.images,
            recursive=options.recursive,
            files_from=options.files_from,
            nul_separated=options.nul_separated,
            csv=None,
            jsonl=None,
            maps=None,
            existing=Existing.OVERWRITE if options.overwrite else Existing.REFUSE,
            min_score=options.min_score,
            order="",
            worst=None,
            scoring=options.scoring,
            limits=options.limits,
            engine=options.engine,
            quiet=options.quiet,
            verbose=options.verbose,
            report=options.target,
            shows_rows=False,
        )
    )
    # The gate is the page's: only `hiqa score` ends with 3.
    return ExitCode.OK if code == ExitCode.BELOW_GATE else code


def _report_finished(options: ReportOptions, path: str) -> int:
    from .report_entries import entries_of_rows

    target = options.target
    check_report(target, {os.path.realpath(path)}, may_exist=options.overwrite)
    run = read_finished_run(path)
    messages = Messages(quiet=options.quiet, verbose=options.verbose)
    if run.torn:
        messages.warn(f"{path}: its last line is not whole, as of a run that goes on or was stopped")
    title = report_title([path])
    report = open_report(target, title, run.count)
    progress = ImageProgress(run.count, wanted=not options.quiet)
    messages.clear = progress.cleared
    unseen = 0
    try:
        for entry in entries_of_rows(_with_paths(run), report.wants, options.limits):
            report.add(entry)
            progress.advance()
            if entry.score is not None and entry.preview is None and report.wants(entry.score):
                unseen += 1
                messages.detail(f"{entry.path}: shown without its picture: {entry.missing}")
        progress.close()
        finish_report(report, target, facts_of_run(run, title, options.min_score), messages)
    finally:
        progress.close()
        report.abandon()
    if unseen:
        messages.warn(
            f"{count(unseen, 'image')} of {run.count:,} shown without picture: not to be read where {path} says; "
            "run hiqa report in the folder where hiqa score ran, --verbose names them"
        )
    return ExitCode.OK


def _with_paths(run: FinishedRun) -> Iterator[tuple[Row, str | None]]:
    for _, row in run.rows():
        yield row, None


def facts_of_run(run: FinishedRun, title: str, gate: float | None) -> RunFacts:
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
