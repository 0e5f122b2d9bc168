"""`hiqa train reasons`: a head of reasons for finished weights, whose G and R stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hiqa_cli.engine.backends.devices import place
from hiqa_cli.engine.config import TORCH
from hiqa_cli.engine.manifest import MANIFEST, default_folder, read_manifest
from hiqa_cli.engine.pipeline.reasons.file import add_head, read_head
from hiqa_cli.engine.pipeline.reasons.head import ReasonsHead
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.traits import PAIR
from hiqa_train.stages.heads.collect import collect_pieces
from hiqa_train.stages.reasons.fit import FitSettings, fit_head
from hiqa_train.stages.reasons.identity import layout_of, networks_of
from hiqa_train.stages.reasons.rows import FaultDraw, FaultRows, draws_of, rows_of
from hiqa_train.stages.reasons.thresholds import measure

from .options import RunOptions
from .sources import split_photographs

ROWS, WEIGHTS = "rows", "weights"  # folders in OUT
TURNS = 3  # draws of each image, beside the whole image

Report = Callable[[str], None]


def train_reasons(
    folders: Sequence[Path],
    weights: Path | None,
    out: Path,
    options: RunOptions,
    stopped: Callable[[], bool],
    report: Report,
    turns: int = TURNS,
) -> Path | None:
    """Fit a head of reasons to clean images with faults; write OUT/weights. Returns the folder, None if `stopped`.

    folders: of clean images. weights: whose G and trunk give the statistics; None: the installed ones. OUT/rows keeps
    what the networks said of every image: with `options.resume`, also for other weights of the same G and trunk.
    Raises UsageError, WeightsError and OutputError.
    """
    base = default_folder() if weights is None else weights
    layout, made_for = layout_of(base), networks_of(base)
    _check_out(out, resume=options.resume)
    training, validating = split_photographs(folders)
    report(f"{len(training):,} photographs to fit to, {len(validating):,} to validate on")
    precision = place("cpu", options.precision).precision
    scorer = Scorer.load(base, backend=TORCH, device="cpu", precision=precision)

    def compute(draws: Sequence[FaultDraw], file: Path) -> None:
        rows_of(draws, scorer.backend).save(file)

    names = sorted(image.name for image in (*training, *validating))
    settings = {"turns": turns, "seed": options.seed, "precision": precision}
    identity = {"networks": made_for, "clean_images": names, **settings}
    draws = draws_of(training, validating, turns, options.seed)
    files = collect_pieces("reasons", draws, compute, out / ROWS, identity, stopped=stopped, report=report)
    if files is None:
        return None
    rows = FaultRows.joined([FaultRows.load(file) for file in files])
    head = fit_head(rows, layout, made_for, FitSettings(), options.seed, report)
    validation = rows.of(rows.validates)
    measured = {"rows": len(rows), "seed": options.seed, "validation": measure(head, validation)}
    return _written(base, head, measured, out, report)


def copy_reasons(weights: Path, out: Path, report: Report) -> Path:
    """Give weights the head of the installed ones, which must have the same G and trunk; write OUT/weights."""
    source = default_folder()
    head = read_head(source, PAIR)
    if head is None:
        raise UsageError("the installed weights have no head of reasons", "give --clean-images to fit one")
    if head.made_for != networks_of(weights):
        raise UsageError(
            f"{weights} has another G or trunk than the installed head of reasons was fitted to",
            "give --clean-images to fit one",
        )
    _check_out(out, resume=False)
    return _written(weights, head, read_manifest(source).measured.get("reasons", {}), out, report)


def _check_out(out: Path, *, resume: bool) -> None:
    """UsageError unless OUT is empty, or with `resume` holds rows and no finished weights."""
    if not resume and out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty", "give --resume to continue its run, or another --out")
    if resume and not (out / ROWS).is_dir():
        raise UsageError(f"--resume: no rows in {out}", "start without --resume")
    if resume and (out / WEIGHTS / MANIFEST).exists():
        raise UsageError(f"{out / WEIGHTS} is finished", "move it elsewhere to fit a head again")


def _written(base: Path, head: ReasonsHead, measured: dict[str, object], out: Path, report: Report) -> Path:
    folder = out / WEIGHTS
    weights_id = add_head(base, head, measured, folder)
    report(f"weights {weights_id} in {folder}")
    return folder
