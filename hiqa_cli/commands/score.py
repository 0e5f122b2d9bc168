"""`hiqa score`: the options, and what they must not be together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..engine.engines import DEFAULT_ENGINE
from ..engine.limits import Limits
from ..engine.scoring import (
    DEFAULT_MAX_TILES,
    DEFAULT_MODE,
    DEFAULT_STRIDE,
    DEFAULT_TOLERANCE,
    TILE,
    Scoring,
)
from ..errors import UsageError
from ..report.defaults import MAX_MB, WORST
from . import options as common
from .options import EngineOptions, limits_from, one_of, points, whole_number
from .tables import Existing

STDOUT = "-"


@dataclass(frozen=True)
class ReportTarget:
    """A report to be written: a page, or a contact sheet as PNG.

    option: what the command line calls it. max_mb: millions of bytes that a page may have. worst: images on a sheet.
    """

    path: Path
    option: str
    max_mb: int
    png: bool = False
    worst: int = WORST


@dataclass(frozen=True)
class ScoreOptions:
    """The command line of `hiqa score`, checked. Empty or None: not given.

    shows_rows: whether standard output gets rows; `hiqa report` scores without showing them.
    """

    images: tuple[str, ...]
    recursive: bool
    files_from: str | None
    nul_separated: bool
    csv: str | None
    jsonl: str | None
    maps: Path | None
    existing: Existing
    min_score: float | None
    order: str
    worst: int | None
    scoring: Scoring
    limits: Limits
    engine: EngineOptions
    quiet: bool
    verbose: bool
    report: ReportTarget | None = None
    shows_rows: bool = True


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
    max_mb: common.MaxMb = None,
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
    engine: common.Engine = DEFAULT_ENGINE,
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
    from .score_run import run_score

    if max_mb is not None and report is None:
        raise UsageError("--max-mb says how large a report may be", "give --report FILE")
    return run_score(
        ScoreOptions(
            images=tuple(images or ()),
            recursive=recursive,
            files_from=files_from,
            nul_separated=null,
            csv=csv,
            jsonl=jsonl,
            maps=maps,
            existing=existing_policy(overwrite, resume),
            min_score=min_score,
            order=sort or "",
            worst=worst,
            scoring=scoring_from(mode, stride, tolerance, max_tiles, all_tiles),
            limits=limits_from(max_pixels, max_bytes),
            engine=EngineOptions(device, precision, batch_size, threads, weights, engine),
            quiet=quiet,
            verbose=verbose,
            report=None if report is None else ReportTarget(report, "--report", max_mb or MAX_MB),
        )
    )


def scoring_from(
    mode: str | None, stride: int | None, tolerance: float | None, max_tiles: int | None, all_tiles: bool
) -> Scoring:
    """The engine's way of scoring, with what was given in place of its own; UsageError for a wrong value."""
    if all_tiles and max_tiles is not None:
        raise UsageError("--all-tiles and --max-tiles contradict each other", "give one of them")
    return Scoring(
        DEFAULT_MODE if mode is None else mode,
        DEFAULT_STRIDE if stride is None else stride,
        DEFAULT_TOLERANCE if tolerance is None else tolerance,
        None if all_tiles else (DEFAULT_MAX_TILES if max_tiles is None else max_tiles),
    )


def existing_policy(overwrite: bool, resume: bool) -> Existing:
    """What becomes of files that are there; UsageError where both were asked for."""
    if overwrite and resume:
        raise UsageError("--overwrite and --resume contradict each other", "give one of them")
    if overwrite:
        return Existing.OVERWRITE
    return Existing.RESUME if resume else Existing.REFUSE


def check_together(options: ScoreOptions) -> None:
    """UsageError for options that make no sense together."""
    files = [name for name in (options.csv, options.jsonl) if name is not None]
    if files.count(STDOUT) > 1:
        raise UsageError("--csv - and --jsonl - both want standard output", "give one a file")
    for option, name in (("--csv", options.csv), ("--jsonl", options.jsonl)):
        if name == "":
            raise UsageError(f"{option}: expected a file or -, found an empty name")
    resumable = [name for name in files if name != STDOUT]
    if options.existing is Existing.RESUME and not resumable and options.maps is None:
        raise UsageError("--resume needs files to go on with", "give --csv, --jsonl or --maps")
