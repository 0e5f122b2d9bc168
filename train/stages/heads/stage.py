"""The heads stage of a run: collects the rows of all its data, trains the heads on them, and anchors their scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import save_weights
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.pair_regressor import PairRegressor, PairRegressorConfig
from hiqa_train.losses.score_maps import SEGMENTS, to_common_scale
from hiqa_train.recipes.stages import HeadsStage
from hiqa_train.sources.mixed import CLEAN, MixedSource
from hiqa_train.sources.protocol import evenly_spaced, stage_seed
from hiqa_train.uncertainty.coverage import IntervalCase
from hiqa_train.uncertainty.scale_anchor import ScaleAnchor, fit_anchor

from .collect import collect_rows
from .examples import Draw, GroupSettings, of_clean_images, of_database, of_photographs
from .rows import Rows
from .training import train_heads

GROUPS_A_PART = 10**7  # group numbers reserved for each part of the draws
SMALLEST_SLOPE = 1e-3  # of a score map, so that it has an inverse
ROWS, NETWORKS = "rows", "networks"  # folders in the stage's
UNFITTED = Calibration((0.0, 0.0, 0.0, 0.0, 0.0))


@dataclass(frozen=True)
class TrainedHeads:
    """regressor: R with trained heads, before the scale is anchored. rows: of training and validation."""

    regressor: PairRegressor
    rows: Rows


def run_heads(
    folder: Path,
    stage: HeadsStage,
    name: str,
    generator: Generator,
    image_part: PairRegressor,
    data: MixedSource,
    seed: int,
    *,
    precision: str,
    stopped: Callable[[], bool],
    report: Callable[[str], None],
) -> TrainedHeads | None:
    """Collect the rows in `folder`, continuing after those of an earlier call, and train the heads. Returns None if
    `stopped` returned True before all rows were collected.

    image_part: the R on images alone that the trunk stage trained. precision: "fp32" or "bf16", of the networks that
    images go through; the heads are float32. Raises UsageError if `folder` holds rows of other data or networks, and
    OutputError.
    """
    for_rows = PairRegressorConfig(
        semantic_channels=generator.config.channels[-1],
        compares=stage.compares,
        image_units=image_part.config.image_units,
    )
    scorer = open_networks(folder / NETWORKS, generator, build_regressor(for_rows, image_part), precision)
    draws = draws_of(data, stage, stage_seed(seed, name))
    report(f"heads: {len(draws):,} images and groups go through the networks once, into {folder / ROWS}")
    settings = {**rows_identity(stage), "seed": seed, "precision": precision}
    identity = {"networks": scorer.weights_id, "data": data.describe(), **settings}
    rows = collect_rows(draws, scorer.backend, folder / ROWS, identity, stopped=stopped, report=report)
    if rows is None:
        return None
    sources = len(data.databases.names) + 1
    config = replace(for_rows, pair_units=stage.pair_units, gate_units=stage.gate_units)
    regressor = build_regressor(config, image_part)
    train_heads(regressor, rows.of(~rows.validates), sources, stage, stage_seed(seed, name), report)
    return TrainedHeads(regressor, rows)


def build_regressor(config: PairRegressorConfig, image_part: PairRegressor) -> PairRegressor:
    """Build R with the trunk and the image head of `image_part`. Its other parts have random weights of a fixed seed,
    since stored rows are identified by the weights id of their networks."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        regressor = PairRegressor(config).eval().requires_grad_(False)
    regressor.trunk.load_state_dict(image_part.trunk.state_dict())
    regressor.of_image.load_state_dict(image_part.of_image.state_dict())
    regressor.image.load_state_dict(image_part.image.state_dict())
    return regressor


def open_networks(folder: Path, generator: Generator, regressor: PairRegressor, precision: str) -> Scorer:
    """Save the networks and load them as weights, so that statistics are those of scoring in this precision, bit for
    bit."""
    save_weights(
        folder,
        generator,
        regressor,
        UNFITTED,
        name="networks without heads",
        version="0",
        licence="none",
        training_data=[],
        measured={},
    )
    return Scorer.load(folder, device="cpu", precision=precision)


def draws_of(data: MixedSource, stage: HeadsStage, seed: int) -> list[Draw]:
    """All images of the databases, and groups of clean images and photographs."""
    draws: list[Draw] = []
    usual = GroupSettings(stage.patches, stage.ladder_share, stage.shares, seed)
    for validates in (False, True):
        scored = data.databases.validating if validates else data.databases.training
        draws += of_database(scored, validates=validates, first_group=GROUPS_A_PART * 5 * validates)
        draws += groups_of(data, stage.groups, stage.photograph_share, usual, validates=validates, part=1)
    mild = GroupSettings(stage.patches, 0.0, stage.mild_shares, seed + 4)
    for validates in (False, True):
        draws += groups_of(data, stage.mild_groups, stage.mild_photograph_share, mild, validates=validates, part=6)
    return draws


def groups_of(
    data: MixedSource, groups: int, photograph_share: float, settings: GroupSettings, *, validates: bool, part: int
) -> list[Draw]:
    """`groups` distortion groups of each clean image, and one of each photograph of a share of them.

    part: group numbers are reserved for four parts from this one on.
    """
    clean = data.photographs.validating if validates else data.photographs.training
    scored = data.databases.validating if validates else data.databases.training
    photographs = [image for image in scored if image.reference is None]
    distorted = evenly_spaced(photographs, round(photograph_share * len(photographs)))
    part += 2 * validates
    of_clean, of_scored = (replace(settings, seed=settings.seed + more + validates) for more in (0, 2))
    return [
        *of_clean_images(clean, groups, of_clean, validates=validates, first_group=GROUPS_A_PART * part),
        *of_photographs(distorted, of_scored, validates=validates, first_group=GROUPS_A_PART * (part + 1)),
    ]


def anchored_cases(
    trained: TrainedHeads, growth: Callable[[int], float]
) -> tuple[ScaleAnchor, list[list[float]], list[IntervalCase]]:
    """Anchor the scale of the trained heads. Returns the anchor, the score map of each database, and the cases to fit
    the uncertainty on: validation rows, and the training rows of sources with a `growth` above 0.

    The anchor gives the scores of validation versions the mean and the spread of their full-reference qualities. The
    map of a database is the line, fitted by least squares to its training rows, from scores to qualities, 0..1. growth:
    by source, how many times larger errors are on images that the heads were not trained on.
    """
    regressor, rows = trained.regressor, trained.rows
    scores = scores_of(regressor, rows)
    versions = rows.validates & (rows.source == CLEAN)
    anchor = fit_anchor(scores[versions], rows.measured[versions])
    anchor.apply(regressor)
    scores = scores_of(regressor, rows)
    sources = int(rows.source.max()) + 1
    knots = [map_of(scores, rows, source) for source in range(1, sources)]
    return anchor, knots, interval_cases(scores, activations_of(regressor, rows), rows, knots, growth)


def interval_cases(
    scores: np.ndarray, activations: np.ndarray, rows: Rows, knots: list[list[float]], growth: Callable[[int], float]
) -> list[IntervalCase]:
    """The cases to fit the uncertainty on, see `anchored_cases`. scores: (n,) 0..1; activations: (n, units)."""
    used = rows.validates | np.array([growth(int(source)) > 0 for source in rows.source])
    used &= (rows.source == CLEAN) | np.isfinite(rows.human)  # versions of photographs have no target
    cases = []
    for number in np.flatnonzero(used):
        source = int(rows.source[number])
        is_human = bool(np.isfinite(rows.human[number]))
        quality = float(rows.human[number] if is_human else rows.measured[number])
        target = to_common_scale(quality, knots[source - 1]) if is_human else quality
        cases.append(
            IntervalCase(
                score=100 * float(scores[number]),
                tiles=(100 * float(scores[number]),),
                half_width=0.0,
                target=100 * target,
                database=source if is_human else None,
                scene=str(rows.scene[number]),
                activations=activations[number][None],
                growth=1.0 if rows.validates[number] else growth(source),
            )
        )
    return cases


@torch.no_grad()
def scores_of(regressor: PairRegressor, rows: Rows) -> np.ndarray:
    """The scores of rows, (n,) 0..1."""
    scores: np.ndarray = regressor.predict(*tensors(rows))[:, 0].numpy()
    return scores


@torch.no_grad()
def activations_of(regressor: PairRegressor, rows: Rows) -> np.ndarray:
    """The inputs of the error head for rows, (n, units)."""
    activations: np.ndarray = regressor.activations(*tensors(rows)).numpy()
    return activations


def tensors(rows: Rows) -> tuple[Tensor, Tensor]:
    """The statistics of tiles and of the reduced image, as R takes them."""
    return torch.from_numpy(rows.statistics), torch.from_numpy(rows.whole)


def map_of(scores: np.ndarray, rows: Rows, source: int) -> list[float]:
    """A database's qualities at the scores 0, 1/S, ... 1, on a rising line fitted to its training rows."""
    trained = (rows.source == source) & ~rows.validates & np.isfinite(rows.human)
    slope, level = np.polyfit(scores[trained], rows.human[trained], 1)
    at_scores = np.linspace(0, 1, SEGMENTS + 1)
    return [round(float(value), 6) for value in level + max(slope, SMALLEST_SLOPE) * at_scores]


def rows_identity(stage: HeadsStage) -> dict[str, Any]:
    """The settings of the recipe that determine the rows; others may change without collecting rows again."""
    return {
        "groups": stage.groups,
        "photograph_share": stage.photograph_share,
        "patches": stage.patches,
        "ladder_share": stage.ladder_share,
        "shares": dict(stage.shares),
        "mild_groups": stage.mild_groups,
        "mild_photograph_share": stage.mild_photograph_share,
        "mild_shares": dict(stage.mild_shares),
    }
