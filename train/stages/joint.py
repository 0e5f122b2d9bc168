"""The stage that goes on with G and R together, in turn (sections 3.3 and 3.4): R on what G makes now, then G with its
own losses and R's, which reaches it through the discrepancy map and the fused features.

D has no part in it: what it is to teach, not to mislead R, R's own loss says here directly.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from hiqa_cli.networks.generator import Generator
from hiqa_train.data.batch import Batch, PatchSource, RegressorInputs
from hiqa_train.losses.objectives import (
    FeatureNetworks,
    FrozenCritics,
    GeneratorObjective,
    RegressorObjective,
    regressor_inputs,
)
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.recipes.schema import GeneratorStage, JointStage, RegressorStage
from hiqa_train.trainer.distributed import RunDevice
from hiqa_train.trainer.network_trainer import NetworkTrainer
from hiqa_train.trainer.sample_grid import SampleGrid
from hiqa_train.trainer.validation import Validation, predict


class JointTraining:
    """See `loop.Stage`."""

    kind = "joint"
    main = "score"

    def __init__(
        self,
        name: str,
        recipe: JointStage,
        of_generator: GeneratorStage,
        of_regressor: RegressorStage,
        source: PatchSource,
        validation: Validation,
        machine: RunDevice,
        *,
        seed: int,
        generator: Generator,
        regressor: MappedRegressor,
        features: FeatureNetworks,
    ) -> None:
        """generator, regressor: what the two stages before have trained; of_generator, of_regressor: their recipes."""
        self.name, self.recipe, self.seed = name, recipe, seed
        self.steps, self.batch, self.source, self.validation = recipe.steps, recipe.batch, source, validation
        self.machine, self.of_generator, self.of_regressor = machine, of_generator, of_regressor
        torch.manual_seed(seed)
        self.generator = generator.requires_grad_(True)
        self.regressor = regressor.requires_grad_(True)
        used = FeatureNetworks(
            features.vgg.to(machine.device) if features.vgg is not None and of_generator.vgg_weight else None,
            features.psi.to(machine.device) if features.psi is not None and of_generator.psi_weight else None,
        )
        objective = GeneratorObjective(self.generator, of_generator, used, score_weight=recipe.score_weight)
        self.g = NetworkTrainer(objective, self.generator, recipe.generator_learning, recipe.steps, machine)
        # what told R's losses place by place is gone with its stage: new heads would begin with a push at R
        objective_r = RegressorObjective(
            self.regressor,
            relative_share=of_regressor.relative_share,
            ranking_weight=of_regressor.ranking_weight,
            local_weight=0.0,
        )

        self.r = NetworkTrainer(objective_r, self.regressor, recipe.learning, recipe.steps, machine)
        self.learns: dict[str, Any] = {"generator": self.g, "regressor": self.r}

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
        with self.machine.autocast():
            views = [
                regressor_inputs(self.generator, p, "hallucination", fusion=self.of_regressor.fusion) for p in pieces
            ]
        losses, _ = self.r.learn(step, list(zip(pieces, views, strict=True)))
        with_features = step % self.of_generator.features_every == 0
        judges = FrozenCritics(regressor=self.regressor)
        of_g, _ = self.g.learn(step, [(piece, judges, with_features) for piece in pieces])
        return losses | {f"g_{name}" if name == "gradient" else name: value for name, value in of_g.items()}

    def _view(self, batch: Batch) -> RegressorInputs:
        generator = self.g.best
        assert isinstance(generator, Generator)
        return regressor_inputs(generator, batch, "hallucination", fusion=self.of_regressor.fusion)

    def validate(self, step: int) -> dict[str, float]:
        network = self.r.best
        assert isinstance(network, MappedRegressor)
        return predict(network, self._view, self.validation).measures()

    def remarks(self) -> list[str]:
        return []

    @torch.no_grad()
    def sheet(self) -> SampleGrid:
        batch = next(self.validation.batches())
        generator = self.g.best
        assert isinstance(generator, Generator)
        return SampleGrid(batch.distorted, generator(batch.distorted).hallucination, batch.reference)
