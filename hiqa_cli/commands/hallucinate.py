"""`hiqa hallucinate`: the hallucinated reference of an image, and its discrepancy map."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hiqa_cli.console.exit_codes import code_for_counts
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import count, escape_for_pipe, name_text
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import NO_OUTPUTS, Job, Outputs
from hiqa_cli.errors import HiqaError, UsageError
from hiqa_cli.images.source import Limits
from hiqa_cli.rows.row import DISCREPANCY, HALLUCINATION
from hiqa_cli.scoring.inputs import Input, InputOptions, Inputs, find_inputs
from hiqa_cli.scoring.jobs import check_standard_input, job_for, load_scorer, score_jobs
from hiqa_cli.scoring.options import BackendOptions
from hiqa_cli.scoring.output_paths import PANEL, OutputPaths, check_output_paths, plan_output_paths

from . import options as common
from .usage.help import OUTPUT

if TYPE_CHECKING:
    from hiqa_cli.engine.scorer import Scorer

DEFAULT_FOLDER = Path("hiqa-out")


@dataclass(frozen=True)
class HallucinateOptions:
    """The command line of `hiqa hallucinate`. output: None if -o was not given."""

    inputs: InputOptions
    output: Path | None
    panel: bool
    overwrite: bool
    limits: Limits
    backend: BackendOptions
    print0: bool
    quiet: bool
    verbose: bool


Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        show_default=str(DEFAULT_FOLDER),
        help="Folder for the images; created if missing.",
        rich_help_panel=OUTPUT,
    ),
]
Panel = Annotated[
    bool,
    typer.Option(
        "--panel", help="Also write image, hallucination, map and score in one panel.", rich_help_panel=OUTPUT
    ),
]


def hallucinate(
    backend: common.Networks,
    limits: common.FileLimits,
    inputs: common.Inputs,
    output: Output = None,
    panel: Panel = False,
    overwrite: common.Overwrite = False,
    print0: common.Print0 = False,
    quiet: common.Quiet = False,
    verbose: common.Verbose = False,
) -> int:
    """Write the hallucinated reference and discrepancy map of images.

    Writes NAME.hallucination.png and NAME.discrepancy.png (false colour with a
    scale) and prints their paths. Refuses existing files before it starts.

    \b
    hiqa hallucinate photo.jpg --panel
    hiqa hallucinate photos/ -r -o evidence
    hiqa hallucinate - < photo.jpg > hallucination.png

    Exit codes: 0 all written; 1 an image failed; 2 wrong usage, or nothing could start.
    """
    return run_hallucinate(
        HallucinateOptions(
            inputs=inputs,
            output=output,
            panel=panel,
            overwrite=overwrite,
            limits=limits,
            backend=backend,
            print0=print0,
            quiet=quiet,
            verbose=verbose,
        )
    )


def run_hallucinate(options: HallucinateOptions) -> int:
    """Write the outputs of every input; the exit code."""
    inputs = find_inputs(options.inputs)
    check_standard_input(inputs.images)
    to_stdout = options.output is None and any(image.is_standard_input for image in inputs.images)
    if to_stdout:
        _check_stdout(options, inputs.images)
        targets: list[OutputPaths | None] = [None]
    else:
        targets = _plan_targets(options, inputs.images)
    jobs = _jobs(options, inputs.images, targets, to_stdout)
    messages = Messages(quiet=options.quiet, verbose=options.verbose)
    scorer: Scorer | None = None
    if any(not job.problem for job in jobs):
        scorer = load_scorer(options.backend, messages)
    written, failed = _run_jobs(options, scorer, jobs, targets, messages)
    _report_summary(inputs, written, failed, messages)
    return code_for_counts(written, failed, below_gate=0)


def _check_stdout(options: HallucinateOptions, images: Sequence[Input]) -> None:
    if len(images) > 1:
        raise UsageError(
            "- writes one image to standard output and cannot be combined with other inputs",
            "give -o DIR to write files",
        )
    if options.panel:
        raise UsageError("--panel is a second image, standard output takes one", "give -o DIR")
    if options.print0:
        raise UsageError("--print0 prints paths, standard output takes the image", "give -o DIR")
    if sys.stdout.isatty():
        raise UsageError(
            "standard output is a terminal, an image cannot be written to it",
            "redirect it: hiqa hallucinate - > hallucination.png, or give -o DIR",
        )


def _plan_targets(options: HallucinateOptions, images: Sequence[Input]) -> list[OutputPaths | None]:
    folder = DEFAULT_FOLDER if options.output is None else options.output
    kinds = (HALLUCINATION, DISCREPANCY, *((PANEL,) if options.panel else ()))
    targets = plan_output_paths(images, folder, kinds)
    check_output_paths(
        targets,
        images,
        folder,
        may_exist=options.overwrite,
        hint="replace it with --overwrite, or give another folder with -o",
    )
    return targets


def _jobs(
    options: HallucinateOptions, images: Sequence[Input], targets: Sequence[OutputPaths | None], to_stdout: bool
) -> list[Job]:
    """A job for each input; the outputs of a file that is given twice are written once."""
    if to_stdout:
        return [job_for(images[0], options.limits, Outputs(hallucination=sys.stdout.buffer))]
    jobs = []
    planned = set()
    for image, target in zip(images, targets, strict=True):
        outputs = NO_OUTPUTS
        if target is not None and target.pictures[HALLUCINATION] not in planned:
            planned.add(target.pictures[HALLUCINATION])
            outputs = Outputs(
                hallucination=target.pictures[HALLUCINATION],
                discrepancy=target.pictures[DISCREPANCY],
                panel=target.pictures.get(PANEL),
            )
        jobs.append(job_for(image, options.limits, outputs))
    return jobs


def _run_jobs(
    options: HallucinateOptions,
    scorer: Scorer | None,
    jobs: Sequence[Job],
    targets: Sequence[OutputPaths | None],
    messages: Messages,
) -> tuple[int, int]:
    """Score the jobs and print the paths written; (images written, images failed)."""
    written = failed = 0
    progress = ImageProgress(len(jobs), enabled=not options.quiet)
    messages.clear = progress.cleared
    try:
        with score_jobs(scorer, jobs, Scoring()) as outcomes:
            for target, (job, outcome) in zip(targets, outcomes, strict=True):
                if isinstance(outcome, HiqaError):
                    failed += 1
                    messages.error(f"{job.name}: {name_text(str(outcome))}")
                else:
                    written += 1
                    for note in outcome.notes:
                        messages.detail(f"{job.name}: {note}")
                    with progress.cleared_for_results():
                        _print_paths(target, options.print0)
                progress.advance()
    finally:
        progress.close()
    return written, failed


def _print_paths(target: OutputPaths | None, print0: bool) -> None:
    for path in target.pictures.values() if target is not None else ():
        name = name_text(path)
        write_output(f"{name}\0" if print0 else f"{escape_for_pipe(name)}\n")


def _report_summary(inputs: Inputs, written: int, failed: int, messages: Messages) -> None:
    if not inputs.images:
        messages.error(f"no image found: {inputs.why_empty}")
    elif failed or inputs.outputs_skipped:
        parts = [f"{count(written, 'image')} hallucinated"]
        parts += [f"{failed:,} failed"] if failed else []
        if inputs.outputs_skipped:
            parts.append(f"{count(inputs.outputs_skipped, 'picture')} written by hiqa skipped")
        messages.warn(", ".join(parts))
