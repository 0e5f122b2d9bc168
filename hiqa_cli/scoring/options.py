"""The options of a run that scores images, checked: plain records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hiqa_cli.engine.config import (
    DEFAULT_BACKEND,
    DEFAULT_MAX_TILES,
    DEFAULT_MODE,
    DEFAULT_STRIDE,
    DEFAULT_TOLERANCE,
    Scoring,
)
from hiqa_cli.errors import UsageError
from hiqa_cli.images.source import Limits
from hiqa_cli.report.options import ReportTarget
from hiqa_cli.rows.table import Existing

STDOUT = "-"


@dataclass(frozen=True)
class BackendOptions:
    """How to compute, as the command line gave it; None: the engine's own default."""

    device: str
    precision: str
    batch_size: int | None
    threads: int | None
    weights: Path | None
    backend: str = DEFAULT_BACKEND


def limits_from(max_pixels: int | None, max_bytes: int | None) -> Limits:
    """The engine's limits, with those that the command line gave in place of its own."""
    own = Limits()
    return Limits(
        max_pixels=own.max_pixels if max_pixels is None else max_pixels,
        max_bytes=own.max_bytes if max_bytes is None else max_bytes,
    )


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
    engine: BackendOptions
    quiet: bool
    verbose: bool
    report: ReportTarget | None = None
    shows_rows: bool = True


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
