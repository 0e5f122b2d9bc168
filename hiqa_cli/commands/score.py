"""`hiqa score`: the options, and what they must not be together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.engine.config import DEFAULT_BACKEND, DEFAULT_MAX_TILES, DEFAULT_STRIDE, DEFAULT_TOLERANCE, TILE
from hiqa_cli.errors import UsageError
from hiqa_cli.report.options import EMBED_LIMIT_MB, ReportTarget
from hiqa_cli.scoring.options import BackendOptions, ScoreOptions, if_exists_policy, make_limits, make_scoring

from . import options as common
from .options import one_of, points, whole_number

CsvFile = Annotated[
    str | None,
    typer.Option("--csv", metavar="FILE|-", help="Write rows of CSV; - for standard output."),
]
JsonLinesFile = Annotated[
    str | None,
    typer.Option(
        "--jsonl",
        metavar="FILE|-",
        help="Write lines of JSON, with every tile's score; - for standard output.",
    ),
]
MapsFolder = Annotated[
    Path | None,
    typer.Option(
        "--maps",
        metavar="DIR",
        help="Write every image's hallucination, discrepancy map and quality map.",
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write a page that shows every image, its hallucination and its maps, see hiqa report;"
        " --resume writes it anew, of all rows.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with existing files: skip what is finished, try errors again, keep maps.",
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        "--min-score",
        metavar="X",
        parser=points("--min-score"),
        help="Exit with 3 if an image scores below this.",
    ),
]
Sort = Annotated[
    str | None,
    typer.Option(
        "--sort",
        metavar="score|path",
        parser=one_of("--sort", common.ORDERS),
        autocompletion=lambda: list(common.ORDERS),
        help="Order standard output at the end: worst score first, or by path.",
    ),
]
Worst = Annotated[
    int | None,
    typer.Option(
        "--worst",
        metavar="N",
        parser=whole_number("--worst"),
        help="Show the N lowest scores only, on standard output, at the end.",
    ),
]
Stride = Annotated[
    int | None,
    typer.Option(
        "--stride",
        metavar="PX",
        parser=whole_number("--stride"),
        help=f"Pixels between tiles, 1 to {TILE}; {DEFAULT_STRIDE} if not given. Smaller averages more of them.",
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        "--tolerance",
        metavar="POINTS",
        parser=points("--tolerance"),
        help="Of a large image, stop sampling tiles when the score's standard error is below this; "
        f"{DEFAULT_TOLERANCE:g} if not given.",
    ),
]
MaxTiles = Annotated[
    int | None,
    typer.Option(
        "--max-tiles",
        metavar="N",
        parser=whole_number("--max-tiles"),
        help="Sample images of more pixels than N tiles side by side, and score N tiles of them at most; "
        f"{DEFAULT_MAX_TILES} if not given.",
    ),
]
AllTiles = Annotated[bool, typer.Option("--all-tiles", help="Score every tile of large images too.")]


def score(
    images: common.Images = None,
    recursive: common.Recursive = False,
    files_from: common.FilesFrom = None,
    null: common.NulSeparated = False,
    csv: CsvFile = None,
    jsonl: JsonLinesFile = None,
    maps: MapsFolder = None,
    report: ReportFile = None,
    embed_limit_mb: common.EmbedLimitMb = None,
    overwrite: common.Overwrite = False,
    resume: Resume = False,
    min_score: MinScore = None,
    sort: Sort = None,
    worst: Worst = None,
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
    """Score images: 0 to 100, high is good.

    On a terminal a table; in a pipe a line an image, score TAB path. Folders give the images in
    them. An image that cannot be scored is named on standard error, and the others go on.

    \b
    hiqa score photos/*.jpg --csv out.csv
    find . -name '*.jpg' -print0 | hiqa score --files-from - -0
    hiqa score build/ -r --min-score 60 --worst 5

    Exit codes: 0 all scored, and at or above the gate; 1 an image could not be scored, none was
    found, or output failed; 2 wrong usage, or nothing could start; 3 some below the gate.
    """
    from hiqa_cli.scoring.run import run_score

    if embed_limit_mb is not None and report is None:
        raise UsageError("--embed-limit-mb says how large a report may be", "give --report FILE")
    return run_score(
        ScoreOptions(
            images=tuple(images or ()),
            recursive=recursive,
            files_from=files_from,
            nul_separated=null,
            csv=csv,
            jsonl=jsonl,
            maps=maps,
            if_exists=if_exists_policy(overwrite, resume),
            min_score=min_score,
            order=sort or "",
            worst=worst,
            scoring=make_scoring(mode, stride, tolerance, max_tiles, all_tiles),
            limits=make_limits(max_pixels, max_bytes),
            engine=BackendOptions(device, precision, batch_size, threads, weights, backend),
            quiet=quiet,
            verbose=verbose,
            report=None if report is None else ReportTarget(report, "--report", embed_limit_mb or EMBED_LIMIT_MB),
        )
    )
