"""The stage that trains R (section 3.3, formulas 10-12).

On distorted images alone it gives the quality features psi of formula (5) and the ablation's baseline; on image,
discrepancy map and G's features, G frozen, the final R.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.regressor import Regressor, RegressorConfig
from hiqa_train.data.batch import Batch, PatchSource, RegressorInputs
from hiqa_train.losses.objectives import RegressorObjective, centre_crop, regressor_inputs
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.recipes.schema import Networks, RegressorStage
from hiqa_train.trainer.distributed import RunDevice
from hiqa_train.trainer.network_trainer import NetworkTrainer
from hiqa_train.trainer.sample_grid import SampleGrid
from hiqa_train.trainer.validation import Validation, predict

from .frozen_generator import FrozenGenerator
from .frozen_prior import FrozenPrior
from .imagenet_init import load_lite0


class RegressorTraining:
    """See `loop.Stage`."""

    kind = "regressor"
    main = "score"

    def __init__(
        self,
        name: str,
        recipe: RegressorStage,
        networks: Networks,
        source: PatchSource,
        validation: Validation,
        machine: RunDevice,
        *,
        databases: int,
        seed: int,
        generator: Generator | None,
        begins: Sequence[MappedRegressor],
        with_references: bool,
    ) -> None:
        """generator: frozen, needed by what the recipe says R sees. begins: Rs to start from, one after the other.

        with_references: whether every image has one; without, nothing is lost place by place (`local_weight`).
        """
        self.name, self.recipe, self.seed = name, recipe, seed
        self.steps, self.batch, self.source, self.validation = recipe.steps, recipe.batch, source, validation
        self.machine = machine
        batch, side = recipe.batch // machine.world, recipe.patch
        self.generator = None if generator is None else FrozenGenerator(generator, machine, batch, side)
        channels = networks.generator.channels[-1] if generator is None else generator.config.channels[-1]
        torch.manual_seed(seed)
        regressor = Regressor(networks.regressor_of(recipe, channels))
        self.network = MappedRegressor(regressor, databases)
        if networks.regressor_pretrained and regressor.prior is not None:
            load_lite0(regressor.prior.trunk)
        for begin in begins:
            begin_from(regressor, begin.regressor.state_dict())
            if self.network.maps is not None and begin.maps is not None:
                self.network.maps.load_state_dict(begin.maps.state_dict())
        self.prior: FrozenPrior | None = None
        if recipe.learns == "distortions" and regressor.prior is not None:
            regressor.prior.requires_grad_(False)
            self.prior = FrozenPrior(regressor.prior, machine, batch, side)
        local = recipe.local_weight if with_references else 0.0
        objective = RegressorObjective(
            self.network,
            relative_share=recipe.relative_share,
            ranking_weight=recipe.ranking_weight,
            local_weight=local,
            order_weight=recipe.order_weight,
            order_margin=recipe.order_margin,
        )
        self.learner = NetworkTrainer(objective, self.network, recipe.learning, recipe.steps, machine)
        self.learns = {"regressor": self.learner}

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.seed,
            "recipe": asdict(self.recipe),
            "regressor": self.network.regressor.config.to_dict(),
            "databases": 1 if self.network.maps is None else len(self.network.maps.offsets) + 1,
            "generator": None if self.generator is None else self.generator.config.to_dict(),
        }

    def view(self, batch: Batch) -> RegressorInputs:
        """What R is shown of a batch."""
        view = regressor_inputs(self.generator, batch, self.recipe.sees, fusion=self.recipe.fusion)
        return view if self.prior is None else replace(view, prior=self.prior(batch.distorted))

    def step(self, step: int, pieces: list[Batch]) -> dict[str, Tensor]:
        with self.machine.autocast():
            views = [self.view(piece) for piece in pieces]
        losses, _ = self.learner.learn(step, list(zip(pieces, views, strict=True)))
        return losses

    def validate(self, step: int) -> dict[str, float]:
        network = self.learner.best
        assert isinstance(network, MappedRegressor)
        return predict(network, self.view, self.validation).measures()

    def remarks(self) -> list[str]:
        return []

    @torch.no_grad()
    def sheet(self) -> SampleGrid:
        batch = next(self.validation.batches())
        if self.generator is None:
            return SampleGrid(batch.distorted, None, batch.reference)
        return SampleGrid(batch.distorted, self.generator(batch.distorted).hallucination, batch.reference)


FIRST = "trunk.conv.0.weight"  # the convolution that sees the discrepancy map
DOUBT = "doubt."


def begin_from(network: Regressor, known: dict[str, Tensor]) -> None:
    """Take over what another R knows, one on images alone for instance: new inputs begin unheard, its scores stay.

    Of an R with more blocks in R1's stages the first ones are taken, of larger first filters the middle. Beside a prior
    that it did not have, R1 begins with adding nothing; where there is only a prior, that alone is taken. Doubt is not
    taken: it was fitted on another R's errors. UsageError where it has other sizes.
    """
    state, config = network.state_dict(), network.config
    gains_prior = network.prior is not None and not any(name.startswith("prior.") for name in known)
    taken = {name: old for name, old in known.items() if not _is_beyond(name, config) and not name.startswith(DOUBT)}
    if not config.blocks:
        taken = {name: old for name, old in taken.items() if name.startswith("prior.")}
    if FIRST in taken:
        taken[FIRST] = centre_crop(taken[FIRST], config.stem)
    if gains_prior:
        taken = {name: old for name, old in taken.items() if not name.startswith("head.score.")}
    if any(name not in state or state[name].shape[:1] != old.shape[:1] for name, old in taken.items()):
        raise UsageError("the R to begin with has other sizes than the recipe's", "see [networks] of the recipe")
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


def _is_beyond(name: str, config: RegressorConfig) -> bool:
    """Whether a tensor of R1 is of a block that there is no more."""
    words = name.split(".")
    return words[:2] == ["trunk", "stages"] and int(words[3]) >= config.blocks
