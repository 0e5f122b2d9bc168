"""`hiqa report`: a page about images, or about a finished run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import escape_for_pipe, name_text
from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import claimed_outputs
from hiqa_cli.images.source import Limits
from hiqa_cli.report.options import EMBED_LIMIT_MB, WORST, ReportTarget
from hiqa_cli.rows.stored import is_table
from hiqa_cli.rows.table import IfExists
from hiqa_cli.scoring.inputs import InputOptions
from hiqa_cli.scoring.options import ScoreOptions

from . import options as common
from .usage.help import INPUT, OUTPUT, on_command_line
from .usage.values import points, whole_number

DEFAULT_PAGE, DEFAULT_SHEET = Path("report.html"), Path("report.png")
FOR_SCORING = ("recursive", "exclude", "mode", "stride", "tolerance", "max_tiles", "all_tiles", "keep_borders")

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
    check_form_of_report(context, png=png)
    path = output or (DEFAULT_SHEET if png else DEFAULT_PAGE)
    target = ReportTarget(path, "--output", embed_limit_mb, full_size, png, worst)
    before = _file_state(path)
    run = find_saved_run(context, inputs)
    if run is None:
        options = ScoreOptions(
            inputs=inputs,
            scoring=scoring,
            limits=limits,
            backend=backend,
            if_exists=IfExists.OVERWRITE if overwrite else IfExists.REFUSE,
            min_score=min_score,
            quiet=quiet,
            verbose=verbose,
            report=target,
            shows_rows=False,
        )
        code = report_images(options)
    else:
        say = Messages(quiet=quiet, verbose=verbose)
        code = report_run(run, target, limits, say, min_score=min_score, overwrite=overwrite, isolate=backend.isolate)
    if _file_state(path) != before:
        write_output(f"{escape_for_pipe(name_text(path))}\n")
    return code


def _file_state(path: Path) -> tuple[int, int] | None:
    """What differs once a report has replaced a file: its inode, and its time in ns; None without a file."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def check_form_of_report(context: typer.Context, *, png: bool) -> None:
    """UsageError for options of the page where a contact sheet is written (png), and the other way round."""
    if not png and on_command_line(context, "worst"):
        raise UsageError("--worst sets the number of images on a contact sheet", "give --png as well")
    if png and on_command_line(context, "embed_limit_mb"):
        raise UsageError("--embed-limit-mb limits an HTML page, --png writes an image", "give one of them")


def find_saved_run(context: typer.Context, inputs: InputOptions) -> str | None:
    """The table of a finished run among the inputs, or None. UsageError for inputs and options that do not go with
    one."""
    run = next((path for path in inputs.paths if is_table(path)), None)
    if run is None:
        return None
    if len(inputs.paths) > 1 or inputs.files_from is not None:
        raise UsageError(
            f"{run} is a finished run and cannot be combined with other paths",
            "give one run, or compare several by hiqa compare",
        )
    for parameter in FOR_SCORING:
        if on_command_line(context, parameter):
            option = f"--{parameter.replace('_', '-')}"
            raise UsageError(f"{option} applies to scoring, a finished run is not scored again", "remove it")
    return run


def report_images(options: ScoreOptions) -> int:
    """Score images and write the page; the exit code. Only `hiqa score` exits with 3: here the gate is the page's."""
    from hiqa_cli.scoring.run import run_score

    code = run_score(options)
    return ExitCode.OK if code == ExitCode.BELOW_GATE else code


def report_run(
    run: str,
    target: ReportTarget,
    limits: Limits,
    say: Messages,
    *,
    min_score: float | None,
    overwrite: bool,
    isolate: bool | None,
) -> int:
    """Write the page of a finished run from its table; the exit code. isolate: see `picture_reader`."""
    from hiqa_cli.engine.pipeline.sources import picture_reader
    from hiqa_cli.report.saved import report_saved_run

    with claimed_outputs((target.option, target.path)), picture_reader(isolate=isolate) as reader:
        return report_saved_run(
            run, target, min_score=min_score, overwrite=overwrite, limits=limits, reader=reader, messages=say
        )
