"""The trunk stage of a run: trains the later blocks of the released R's trunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hiqa_cli.networks.pair_regressor import PairRegressor, PairRegressorConfig
from hiqa_cli.networks.statistics import COMPARED
from hiqa_train.data.batch import Batch, PatchSource
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.stages import TrunkStage
from hiqa_train.sources.mixed import CLEAN, MixedSource
from hiqa_train.sources.protocol import VALIDATION_SEED, evenly_spaced
from hiqa_train.stages.imagenet_init import load_lite0
from hiqa_train.trainer.network_trainer import NetworkTrainer
from hiqa_train.trainer.sample_grid import SampleGrid
from hiqa_train.trainer.validation import mean_srocc

from .objective import TrunkObjective
from .views import VIEWS, TrunkViews

FIRST_TRAINED = COMPARED[-1] + 1  # block; earlier ones, in which pairs are compared, keep ImageNet's filters
FITTED = 8  # batches that the scales are fitted on
APART = 0.02  # difference of quality from which `ordered_share` counts a pair


class TrunkTraining:
    """See `loop.TrainingStage`."""

    kind = "trunk"
    main_loss = "order"
    cycle = 1

    def __init__(
        self,
        name: str,
        recipe: TrunkStage,
        source: TrunkViews,
        validating: TrunkViews,
        run_device: RunDevice,
        *,
        databases: int,
        seed: int,
    ) -> None:
        self.name, self.recipe, self.seed = name, recipe, seed
        self.steps, self.batch, self.run_device = recipe.steps, recipe.batch, run_device
        self.source: PatchSource = source
        self.validating = validating
        regressor = untrained_regressor(recipe, seed)
        objective = TrunkObjective(regressor, recipe, databases + 1)
        factors = {"regressor.trunk": 1.0, "": recipe.head_rate}
        self.trainer = NetworkTrainer(objective, objective, recipe.learning, recipe.steps, run_device, factors)
        self.trainers = {"trunk": self.trainer}

    def describe(self) -> dict[str, Any]:
        return {"kind": self.kind, "seed": self.seed, "recipe": asdict(self.recipe)}

    def step(self, step: int, pieces: list[Batch]) -> dict[str, Tensor]:
        if step == 0:
            objective = self.trainer.module
            assert isinstance(objective, TrunkObjective)
            objective.fit_scales(self.source.draw(range(FITTED * self.batch)).to(self.run_device.device))
        losses, _ = self.trainer.train_step(step, [(piece,) for piece in pieces])
        return losses

    @torch.no_grad()
    def validate(self, step: int) -> dict[str, float]:
        objective = self.trainer.averaged_network
        assert isinstance(objective, TrunkObjective)
        of_batches: list[tuple[float, tuple[Tensor, ...]]] = []
        for batch in self._validation_batches():
            assert batch.quality is not None
            with self.run_device.autocast():
                logits = objective.logits(batch.distorted).float()
                loss = float(objective.losses(logits, batch).total)
            facts = (logits, batch.quality[::VIEWS], batch.database[::VIEWS], batch.group[::VIEWS])
            of_batches.append((loss, tuple(fact.cpu() for fact in facts)))
        of_batches = self.run_device.gather(of_batches)
        measures = {"error": float(np.mean([loss for loss, _ in of_batches]))}
        scores, quality, source, group = (
            torch.cat(values).numpy() for values in zip(*(facts for _, facts in of_batches), strict=True)
        )
        versions = source == CLEAN
        srocc = mean_srocc(scores[~versions], quality[~versions], source[~versions])
        if srocc is not None:
            measures["srocc"] = srocc
        measures["ordered"] = ordered_share(scores[versions], quality[versions], group[versions])
        return measures

    def remarks(self) -> list[str]:
        return []

    def samples(self) -> SampleGrid:
        return SampleGrid(next(self._validation_batches()).distorted, None, None)

    def _validation_batches(self) -> Iterator[Batch]:
        source = self.validating
        each = source.photographs_each
        count = source.cycle * max(2, len(source.photographs) // each if each else len(source.clean))
        device = self.run_device
        for first in range(device.rank * self.batch, count, device.world * self.batch):
            numbers = range(first, min(first + self.batch, count))
            yield source.draw(numbers).to(device.device)


def views_of(data: MixedSource, stage: TrunkStage, seed: int, most: int) -> tuple[TrunkViews, TrunkViews]:
    """The views to train on and those for validation, of photographs without references and of clean images. most:
    photographs for validation."""
    training, validating = (
        [image for image in images if image.reference is None]
        for images in (data.databases.training, data.databases.validating)
    )
    return (
        TrunkViews(training, data.photographs.training, stage, seed),
        TrunkViews(evenly_spaced(validating, most), data.photographs.validating, stage, VALIDATION_SEED),
    )


def untrained_regressor(stage: TrunkStage, seed: int) -> PairRegressor:
    """An R on images alone, with ImageNet's filters and a random head. Its head and the blocks from FIRST_TRAINED on
    have gradients."""
    config = PairRegressorConfig(semantic_channels=0, compares=False, image_units=stage.image_units)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        regressor = PairRegressor(config)
    load_lite0(regressor.trunk)
    regressor.requires_grad_(True)
    regressor.trunk.requires_grad_(False)
    for block in regressor.trunk.blocks[FIRST_TRAINED:]:
        block.requires_grad_(True)
    return regressor


def ordered_share(scores: np.ndarray, quality: np.ndarray, group: np.ndarray) -> float:
    """Of the pairs of versions of one image whose qualities differ by more than APART, the share that the scores put in
    the right order; NaN without pairs. All (n,)."""
    pairs = (group[:, None] == group[None, :]) & (quality[:, None] > quality[None, :] + APART)
    return float((scores[:, None] > scores[None, :])[pairs].mean()) if pairs.any() else float("nan")


def trained_image_part(state: dict[str, Any]) -> PairRegressor:
    """The R on images alone from the checkpoint of a finished trunk stage, with averaged weights."""
    prefix = "regressor."
    averaged = state["learns"]["trunk"]["averaged"]
    units = state["describe"]["recipe"]["image_units"]
    regressor = PairRegressor(PairRegressorConfig(semantic_channels=0, compares=False, image_units=units))
    regressor.load_state_dict({name: averaged[prefix + name] for name in regressor.state_dict()})
    return regressor.eval().requires_grad_(False)
