"""`hiqa report`: the options, and what they must not be together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.engine.config import DEFAULT_BACKEND
from hiqa_cli.errors import UsageError
from hiqa_cli.report.options import EMBED_LIMIT_MB, WORST, ReportTarget
from hiqa_cli.scoring.options import BackendOptions, make_limits, make_scoring

from . import options as common
from .options import points, whole_number
from .score import AllTiles, MaxTiles, Stride, Tolerance

DEFAULT_PAGE, DEFAULT_SHEET = Path("report.html"), Path("report.png")


def report(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE|RUN.jsonl",
            help="Images to be scored, as hiqa score takes them; or a run that hiqa score --jsonl wrote.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=f"The page to write; {DEFAULT_PAGE} if not given, {DEFAULT_SHEET} with --png.",
        ),
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", metavar="A.jsonl B.jsonl", help="Show two finished runs side by side."),
    ] = None,
    png: Annotated[bool, typer.Option("--png", help="Write a contact sheet of the worst images instead.")] = False,
    worst: Annotated[
        int | None,
        typer.Option(
            "--worst",
            metavar="N",
            parser=whole_number("--worst", most=1000),
            help=f"How many images a contact sheet shows; {WORST} if not given.",
        ),
    ] = None,
    embed_limit_mb: common.EmbedLimitMb = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score",
            metavar="X",
            parser=points("--min-score"),
            help="The gate that the page counts against; it can be moved there.",
        ),
    ] = None,
    recursive: common.Recursive = False,
    files_from: common.FilesFrom = None,
    null: common.NulSeparated = False,
    overwrite: common.Overwrite = False,
    mode: common.Mode = None,
    stride: Stride = None,
    tolerance: Tolerance = None,
    max_tiles: MaxTiles = None,
    all_tiles: AllTiles = False,
    backend: common.Backend = DEFAULT_BACKEND,
    device: common.Device = "auto",
    precision: common.Precision = "auto",
    batch_size: common.BatchSize = None,
    threads: common.Threads = None,
    weights: common.WeightsFolder = None,
    max_pixels: common.MaxPixels = None,
    max_bytes: common.MaxBytes = None,
    quiet: common.Quiet = False,
    verbose: common.Verbose = False,
) -> int:
    """Make a page that shows scores, pictures and what is wrong with them.

    One file that opens by double click, without a server or a network: the worst pictures first, each with its
    hallucination, discrepancy map and quality map. Images are scored; a finished run is shown without scoring again,
    its pictures read from where they were. The file is named on standard output.

    \b
    hiqa report photos/ -r -o report.html
    hiqa report out.jsonl --min-score 60
    hiqa report --compare before.jsonl after.jsonl
    hiqa report out.jsonl --png --worst 12 -o worst.png

    Exit codes: 0 written; 1 an image could not be scored, or output failed; 2 wrong usage, or nothing could start.
    """
    from .report_run import ReportOptions, run_report

    if worst is not None and not png:
        raise UsageError("--worst says how many images a contact sheet shows", "give --png as well")
    if embed_limit_mb is not None and png:
        raise UsageError("--embed-limit-mb says how large a page may be, --png writes a picture", "give one of them")
    default = DEFAULT_SHEET if png else DEFAULT_PAGE
    return run_report(
        ReportOptions(
            images=tuple(images or ()),
            compare=compare,
            target=ReportTarget(output or default, "--output", embed_limit_mb or EMBED_LIMIT_MB, png, worst or WORST),
            recursive=recursive,
            files_from=files_from,
            nul_separated=null,
            min_score=min_score,
            scoring=make_scoring(mode, stride, tolerance, max_tiles, all_tiles),
            scoring_given=all_tiles or any(one is not None for one in (mode, stride, tolerance, max_tiles)),
            overwrite=overwrite,
            limits=make_limits(max_pixels, max_bytes),
            engine=BackendOptions(device, precision, batch_size, threads, weights, backend),
            quiet=quiet,
            verbose=verbose,
        )
    )
