"""`hiqa report`: a page about images, or about a finished run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.text import escape_for_pipe, name_text
from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import claimed_outputs
from hiqa_cli.report.options import EMBED_LIMIT_MB, WORST, ReportTarget
from hiqa_cli.rows.stored import is_table
from hiqa_cli.rows.table import IfExists
from hiqa_cli.scoring.inputs import InputOptions
from hiqa_cli.scoring.options import ScoreOptions
from hiqa_cli.scoring.row_printer import write

from . import options as common
from .usage.help import INPUT, OUTPUT, on_command_line
from .usage.values import points, whole_number

DEFAULT_PAGE, DEFAULT_SHEET = Path("report.html"), Path("report.png")
SCORING_PARAMETERS = ("mode", "stride", "tolerance", "max_tiles", "all_tiles")

ImagesOrRun = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IMAGE|RUN",
        help="Images, as for hiqa score, or a table of a finished run, in any form.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Inputs = Annotated[InputOptions, common.input_group(ImagesOrRun)]
# What this option did is the page of hiqa compare; its message says so.
Compare = Annotated[bool, typer.Option("--compare", hidden=True)]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        show_default=f"{DEFAULT_PAGE}, with --png {DEFAULT_SHEET}",
        help="File to write.",
        rich_help_panel=OUTPUT,
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        "--min-score",
        metavar="X",
        parser=points("--min-score"),
        help="Mark images below X; the page can change X.",
        rich_help_panel=OUTPUT,
    ),
]
ContactSheet = Annotated[
    bool,
    typer.Option("--png", help="Write a contact sheet of the worst images instead.", rich_help_panel=OUTPUT),
]
Worst = Annotated[
    int,
    typer.Option(
        "--worst",
        metavar="N",
        parser=whole_number("--worst", most=1000),
        help="Images on the contact sheet.",
        rich_help_panel=OUTPUT,
    ),
]


def report(
    context: typer.Context,
    scoring: common.SampledScoring,
    backend: common.Networks,
    limits: common.FileLimits,
    inputs: Inputs,
    compare: Compare = False,
    output: Output = None,
    min_score: MinScore = None,
    png: ContactSheet = False,
    worst: Worst = WORST,
    overwrite: common.Overwrite = False,
    embed_limit_mb: common.EmbedLimitMb = EMBED_LIMIT_MB,
    full_size: common.FullSize = True,
    quiet: common.Quiet = False,
    verbose: common.Verbose = False,
) -> int:
    """Write an HTML page of scores, images and maps.

    The page is one file that needs neither server nor network. It shows the
    worst images first, each with its hallucination and maps. A finished run
    is not scored again; its images are read from their original paths. Prints
    the path of the page.

    \b
    hiqa report photos/ -r -o report.html
    hiqa report out.jsonl --min-score 60
    hiqa report out.jsonl --png --worst 12 -o worst.png

    Exit codes: 0 written; 1 an image could not be scored, or output failed; 2 wrong usage, or nothing could start.
    """
    if compare:
        call = shlex.join(["hiqa", "compare", *(inputs.paths or ("A", "B")), "--report", str(output or DEFAULT_PAGE)])
        raise UsageError("--compare is a command of its own", call)
    if not png and on_command_line(context, "worst"):
        raise UsageError("--worst sets the number of images on a contact sheet", "give --png as well")
    if png and on_command_line(context, "embed_limit_mb"):
        raise UsageError("--embed-limit-mb limits an HTML page, --png writes an image", "give one of them")
    target = ReportTarget(
        output or (DEFAULT_SHEET if png else DEFAULT_PAGE), "--output", embed_limit_mb, full_size, png, worst
    )
    before = _stamp(target.path)
    say = Messages(quiet=quiet, verbose=verbose)
    runs = [path for path in inputs.paths if is_table(path)]
    if runs:
        from hiqa_cli.engine.pipeline.sources import picture_reader
        from hiqa_cli.report.saved import report_saved_run

        check_saved_run(runs[0], len(inputs.paths) > 1 or inputs.files_from is not None)
        check_not_scored(inputs.recursive, on_command_line(context, *SCORING_PARAMETERS))
        with claimed_outputs((target.option, target.path)), picture_reader(isolate=backend.isolate) as reader:
            code = report_saved_run(
                runs[0],
                target,
                min_score=min_score,
                overwrite=overwrite,
                limits=limits,
                reader=reader,
                messages=say,
            )
    else:
        code = report_images(
            ScoreOptions(
                inputs=inputs,
                csv=None,
                jsonl=None,
                csv_safe=False,
                print0=False,
                maps=None,
                if_exists=IfExists.OVERWRITE if overwrite else IfExists.REFUSE,
                min_score=min_score,
                order="",
                worst=None,
                scoring=scoring,
                limits=limits,
                backend=backend,
                quiet=quiet,
                verbose=verbose,
                report=target,
                shows_rows=False,
            )
        )
    if _stamp(target.path) != before:
        write(f"{escape_for_pipe(name_text(target.path))}\n")
    return code


def _stamp(path: Path) -> tuple[int, int] | None:
    """What differs once a report has replaced a file; None without a file."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def check_saved_run(run: str, has_other_inputs: bool) -> None:
    """UsageError for inputs that do not go with a finished run."""
    if has_other_inputs:
        raise UsageError(
            f"{run} is a finished run and cannot be combined with other paths",
            "give one run, or compare several by hiqa compare",
        )


def check_not_scored(recursive: bool, scoring_given: bool) -> None:
    """UsageError for options about finding or scoring images, where a finished run is shown."""
    if recursive or scoring_given:
        given = "--recursive" if recursive else "--mode, --stride, --tolerance, --max-tiles or --all-tiles"
        raise UsageError(f"{given} applies to scoring, a finished run is not scored again", "remove it")


def report_images(options: ScoreOptions) -> int:
    """Score images and write the page; the exit code. Only `hiqa score` exits with 3: here the gate is the page's."""
    from hiqa_cli.scoring.run import run_score

    code = run_score(options)
    return ExitCode.OK if code == ExitCode.BELOW_GATE else code
