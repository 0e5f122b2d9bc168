"""The regressor stage: trains R (section 3.3, formulas 10-12).

On distorted images alone, R gives the quality features psi of formula (5) and the baseline of the ablation; on image,
discrepancy map and features of a frozen G, it is the final R.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.regressor import Regressor, RegressorConfig
from hiqa_train.data.batch import Batch, RegressorInputs
from hiqa_train.losses.frozen import FrozenGenerator
from hiqa_train.losses.objectives import RegressorObjective, centre_crop, regressor_inputs
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.recipes.schema import Networks
from hiqa_train.recipes.stages import RegressorStage
from hiqa_train.trainer.network_trainer import NetworkTrainer
from hiqa_train.trainer.sample_grid import SampleGrid
from hiqa_train.trainer.validation import predict

from .inputs import StageInputs


class RegressorTraining:
    """See `loop.TrainingStage`."""

    kind = "regressor"
    main_loss = "score"
    cycle = 1

    def __init__(
        self,
        given: StageInputs,
        recipe: RegressorStage,
        networks: Networks,
        *,
        generator: Generator | None,
        initial: MappedRegressor | None,
        with_references: bool,
    ) -> None:
        """generator: a frozen G, None if the recipe uses neither hallucination nor fusion. initial: an R to copy
        weights from. with_references: whether batches hold references; without them, the local loss is off."""
        self.name, self.recipe, self.seed = given.name, recipe, given.seed
        self.steps, self.batch, self.source = recipe.steps, recipe.batch, given.source
        self.validation, self.run_device = given.validation, given.run_device
        self.generator = None if generator is None else FrozenGenerator(generator, self.run_device)
        channels = networks.generator.channels[-1] if generator is None else generator.config.channels[-1]
        torch.manual_seed(self.seed)
        regressor = Regressor(networks.regressor_of(recipe, channels))
        self.network = MappedRegressor(regressor, given.databases)
        if initial is not None:
            initialise_from(regressor, initial.regressor.state_dict())
            if self.network.maps is not None and initial.maps is not None:
                self.network.maps.load_state_dict(initial.maps.state_dict())
        local = recipe.local_weight if with_references else 0.0
        objective = RegressorObjective(self.network, ranking_weight=recipe.ranking_weight, local_weight=local)
        self.trainer = NetworkTrainer(objective, self.network, recipe.learning, recipe.steps, self.run_device)
        self.trainers = {"regressor": self.trainer}

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.seed,
            "recipe": asdict(self.recipe),
            "regressor": self.network.regressor.config.to_dict(),
            "databases": 1 if self.network.maps is None else len(self.network.maps.offsets) + 1,
            "generator": None if self.generator is None else self.generator.config.to_dict(),
        }

    def inputs(self, batch: Batch) -> RegressorInputs:
        """R's inputs in addition to the distorted patches."""
        return regressor_inputs(self.generator, batch, self.recipe.sees, fusion=self.recipe.fusion)

    def step(self, step: int, pieces: list[Batch]) -> dict[str, Tensor]:
        with self.run_device.autocast():
            inputs = [self.inputs(piece) for piece in pieces]
        losses, _ = self.trainer.train_step(step, list(zip(pieces, inputs, strict=True)))
        return losses

    def validate(self, step: int) -> dict[str, float]:
        network = self.trainer.averaged_network
        assert isinstance(network, MappedRegressor)
        return predict(network, self.inputs, self.validation).measures()

    def remarks(self) -> list[str]:
        return []

    @torch.no_grad()
    def samples(self) -> SampleGrid:
        batch = next(self.validation.batches())
        if self.generator is None:
            return SampleGrid(batch.distorted, None, batch.reference)
        return SampleGrid(batch.distorted, self.generator(batch.distorted).hallucination, batch.reference)


FIRST = "trunk.conv.0.weight"  # the convolution on the image and the discrepancy map
ERROR_HEAD = "error_head."


def initialise_from(network: Regressor, weights: dict[str, Tensor]) -> None:
    """Copy the weights of another R. It may lack inputs that `network` has: these start with weight zero, so that the
    scores stay the same. Raises UsageError if sizes differ in any other way.

    Blocks that `network` lacks are dropped, and larger first filters are cropped. The error head is not copied: it was
    fitted to the errors of the other R.
    """
    state, config = network.state_dict(), network.config
    taken = {
        name: old for name, old in weights.items() if not _is_dropped(name, config) and not name.startswith(ERROR_HEAD)
    }
    if FIRST in taken:
        taken[FIRST] = centre_crop(taken[FIRST], config.stem)
    if any(name not in state or state[name].shape[:1] != old.shape[:1] for name, old in taken.items()):
        raise UsageError("the initial R has other sizes than the recipe's", "see [networks] of the recipe")
    for name, old in taken.items():
        new = state[name]
        if new.shape == old.shape:
            new.copy_(old)
        else:  # first convolution: image channels first; head: fused features come before R1's own
            new.zero_()
            if name == FIRST:
                new[:, : old.shape[1]].copy_(old)
            else:
                new[:, -old.shape[1] :].copy_(old)
    network.load_state_dict(state)


def _is_dropped(name: str, config: RegressorConfig) -> bool:
    """Whether a tensor belongs to a block of R1 that the configuration does not have."""
    words = name.split(".")
    return words[:2] == ["trunk", "stages"] and int(words[3]) >= config.blocks
