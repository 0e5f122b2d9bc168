"""A run of `hiqa report`: over images, over a finished run, or over two of them."""

from __future__ import annotations

from dataclasses import dataclass

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.text import escape_for_pipe, name_text
from hiqa_cli.engine.config import Scoring
from hiqa_cli.errors import UsageError
from hiqa_cli.images.source import Limits
from hiqa_cli.report.options import ReportTarget
from hiqa_cli.rows.saved_run import is_saved_run
from hiqa_cli.rows.table import IfExists
from hiqa_cli.scoring.options import BackendOptions, ScoreOptions
from hiqa_cli.scoring.row_printer import write


@dataclass(frozen=True)
class ReportOptions:
    """The command line of `hiqa report`, checked. compare: two finished runs, or None.

    scoring_given: whether the command line says anything of how to score.
    """

    images: tuple[str, ...]
    compare: tuple[str, str] | None
    target: ReportTarget
    recursive: bool
    files_from: str | None
    nul_separated: bool
    min_score: float | None
    scoring: Scoring
    scoring_given: bool
    overwrite: bool
    limits: Limits
    engine: BackendOptions
    quiet: bool
    verbose: bool


def run_report(options: ReportOptions) -> int:
    """Make what the options ask for; the exit code. Raises HiqaError where nothing could start, or output failed."""
    finished = [path for path in options.images if is_saved_run(path)]
    if options.compare is not None:
        if options.images or options.files_from is not None:
            raise UsageError("--compare takes two finished runs and nothing else", "leave the other paths out")
        if options.min_score is not None:
            raise UsageError("--min-score is a gate for one run, --compare shows two", "leave it out")
        if options.target.png:
            raise UsageError("--png shows one run, --compare two", "give one of them")
        _check_scores_nothing(options)
        from hiqa_cli.report.compare import compare_saved_runs

        code = compare_saved_runs(
            *options.compare,
            options.target,
            overwrite=options.overwrite,
            limits=options.limits,
            messages=_messages(options),
        )
    elif finished:
        if len(options.images) > 1 or options.files_from is not None:
            raise UsageError(
                f"{finished[0]} is a finished run, other paths cannot go beside it",
                "give one run, or two with --compare",
            )
        _check_scores_nothing(options)
        from hiqa_cli.report.saved import report_saved_run

        code = report_saved_run(
            finished[0],
            options.target,
            min_score=options.min_score,
            overwrite=options.overwrite,
            limits=options.limits,
            messages=_messages(options),
        )
    else:
        code = _report_images(options)
    write(f"{escape_for_pipe(name_text(options.target.path))}\n")
    return code


def _messages(options: ReportOptions) -> Messages:
    return Messages(quiet=options.quiet, verbose=options.verbose)


def _check_scores_nothing(options: ReportOptions) -> None:
    """UsageError for options that say how to find or score images, where none is scored."""
    if options.recursive or options.scoring_given:
        given = "--recursive" if options.recursive else "--mode, --stride, --tolerance, --max-tiles or --all-tiles"
        raise UsageError(f"{given} says how images are scored, a finished run is not scored again", "leave it out")


def _report_images(options: ReportOptions) -> int:
    from hiqa_cli.scoring.run import run_score

    code = run_score(
        ScoreOptions(
            images=options.images,
            recursive=options.recursive,
            files_from=options.files_from,
            nul_separated=options.nul_separated,
            csv=None,
            jsonl=None,
            maps=None,
            if_exists=IfExists.OVERWRITE if options.overwrite else IfExists.REFUSE,
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
