"""The joint stage: trains G and R further, in turn (sections 3.3 and 3.4).

R trains on G's current hallucinations; then G trains on its own losses and R's, which reaches it through the
discrepancy map and the fused features. D takes no part: it teaches G not to mislead R, which R's own loss does here.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from hiqa_cli.networks.generator import Generator
from hiqa_train.data.batch import Batch, RegressorInputs
from hiqa_train.losses.objectives import (
    FeatureNetworks,
    FrozenCritics,
    GeneratorObjective,
    RegressorObjective,
    regressor_inputs,
)
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.recipes.stages import GeneratorStage, JointStage, RegressorStage
from hiqa_train.trainer.network_trainer import NetworkTrainer
from hiqa_train.trainer.sample_grid import SampleGrid
from hiqa_train.trainer.validation import predict

from .inputs import StageInputs


class JointTraining:
    """See `loop.TrainingStage`."""

    kind = "joint"
    main_loss = "score"

    def __init__(
        self,
        given: StageInputs,
        recipe: JointStage,
        generator_recipe: GeneratorStage,
        regressor_recipe: RegressorStage,
        *,
        generator: Generator,
        regressor: MappedRegressor,
        features: FeatureNetworks,
    ) -> None:
        """generator, regressor: the networks of the two earlier stages. generator_recipe, regressor_recipe: the recipes
        of these stages. features: networks of the feature losses that G's recipe has a weight for."""
        self.name, self.recipe, self.seed = given.name, recipe, given.seed
        self.steps, self.batch, self.source = recipe.steps, recipe.batch, given.source
        self.validation, self.run_device = given.validation, given.run_device
        self.generator_recipe, self.regressor_recipe = generator_recipe, regressor_recipe
        torch.manual_seed(self.seed)
        self.generator = generator.requires_grad_(True)
        self.regressor = regressor.requires_grad_(True)
        used = features.to(self.run_device.device)
        objective = GeneratorObjective(self.generator, generator_recipe, used, score_weight=recipe.score_weight)
        self.generator_trainer = NetworkTrainer(
            objective, self.generator, recipe.generator_learning, recipe.steps, self.run_device
        )
        # no local loss: its heads ended with their stage, and new ones would disturb R at first
        regressor_objective = RegressorObjective(
            self.regressor, ranking_weight=regressor_recipe.ranking_weight, local_weight=0.0
        )
        self.regressor_trainer = NetworkTrainer(
            regressor_objective, self.regressor, recipe.learning, recipe.steps, self.run_device
        )
        self.trainers: dict[str, Any] = {"generator": self.generator_trainer, "regressor": self.regressor_trainer}

    @property
    def cycle(self) -> int:
        return self.generator_recipe.features_every

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.seed,
            "recipe": asdict(self.recipe),
            "generator": self.generator.config.to_dict(),
            "regressor": self.regressor.regressor.config.to_dict(),
            "databases": 1 if self.regressor.maps is None else len(self.regressor.maps.offsets) + 1,
        }

    def step(self, step: int, pieces: list[Batch]) -> dict[str, Tensor]:
        with self.run_device.autocast():
            inputs = [
                regressor_inputs(self.generator, p, "hallucination", fusion=self.regressor_recipe.fusion)
                for p in pieces
            ]
        losses, _ = self.regressor_trainer.train_step(step, list(zip(pieces, inputs, strict=True)))
        with_features = step % self.generator_recipe.features_every == 0
        critics = FrozenCritics(regressor=self.regressor)
        g_losses, _ = self.generator_trainer.train_step(step, [(piece, critics, with_features) for piece in pieces])
        return losses | {f"g_{name}" if name == "gradient" else name: value for name, value in g_losses.items()}

    def _inputs(self, batch: Batch) -> RegressorInputs:
        generator = self.generator_trainer.averaged_network
        assert isinstance(generator, Generator)
        return regressor_inputs(generator, batch, "hallucination", fusion=self.regressor_recipe.fusion)

    def validate(self, step: int) -> dict[str, float]:
        network = self.regressor_trainer.averaged_network
        assert isinstance(network, MappedRegressor)
        return predict(network, self._inputs, self.validation).measures()

    def remarks(self) -> list[str]:
        return []

    @torch.no_grad()
    def samples(self) -> SampleGrid:
        batch = next(self.validation.batches())
        generator = self.generator_trainer.averaged_network
        assert isinstance(generator, Generator)
        return SampleGrid(batch.distorted, generator(batch.distorted).hallucination, batch.reference)
