"""The stage that trains R (section 3.3, formulas 10-12).

On distorted images alone it gives the quality features psi of formula (5) and the ablation's baseline; on image,
discrepancy map and G's features, G frozen, the final R.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.lite import LiteTrunk
from hiqa_cli.networks.regressor import Regressor, Trunk

from .batch import Batch, Source
from .frozen_generator import FrozenGenerator
from .learner import Learner
from .machine import Machine
from .objectives import RegressorObjective, View, view_of
from .pretrained import load_lite0
from .recipe import Networks, RegressorStage
from .scales import MappedRegressor
from .sheets import Sheet
from .validation import Validation, predict


class RegressorTraining:
    """See `loop.Stage`."""

    kind = "regressor"
    main = "score"
    result = "best"

    def __init__(
        self, name: str, recipe: RegressorStage, networks: Networks, source: Source, validation: Validation,
        machine: Machine, *, databases: int, seed: int, generator: Generator | None, begin: MappedRegressor | None,
        with_references: bool,
    ) -> None:  # fmt: skip
        """generator: frozen, needed by what the recipe says R sees. begin: an R to start from.

        with_references: whether every image has one; without, nothing is lost place by place (`local_weight`).
        """
        self.name, self.recipe, self.seed = name, recipe, seed
        self.steps, self.batch, self.source, self.validation = recipe.steps, recipe.batch, source, validation
        self.machine = machine
        batch, side = recipe.batch // machine.world, recipe.patch
        self.generator = None if generator is None else FrozenGenerator(generator, machine, batch, side)
        channels = networks.generator.channels[-1] if generator is None else generator.config.channels[-1]
        config = networks.regressor(channels, discrepancy=recipe.sees != "image", fusion=recipe.fusion)
        torch.manual_seed(seed)
        self.network = MappedRegressor(Regressor(config), databases)
        trunk = self.network.regressor.trunk
        if networks.regressor_pretrained and isinstance(trunk, LiteTrunk):
            load_lite0(trunk)
        if begin is not None:
            begin_from(self.network.regressor, begin.regressor.state_dict())
            if self.network.maps is not None and begin.maps is not None:
                self.network.maps.load_state_dict(begin.maps.state_dict())
        if recipe.frozen_blocks:
            freeze(trunk, recipe.frozen_blocks)
        local = recipe.local_weight if with_references else 0.0
        objective = RegressorObjective(
            self.network, relative_share=recipe.relative_share, ranking_weight=recipe.ranking_weight, local_weight=local
        )
        self.learner = Learner(objective, self.network, recipe.learning, recipe.steps, machine)
        self.learns = {"regressor": self.learner}

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "seed": self.seed, "recipe": asdict(self.recipe),
            "regressor": self.network.regressor.config.to_dict(),
            "databases": 1 if self.network.maps is None else len(self.network.maps.offsets) + 1,
            "generator": None if self.generator is None else self.generator.config.to_dict(),
        }  # fmt: skip

    def view(self, batch: Batch) -> View:
        """What R is shown of a batch."""
        return view_of(self.generator, batch, self.recipe.sees, fusion=self.recipe.fusion)

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
    def sheet(self) -> Sheet:
        batch = next(self.validation.batches())
        if self.generator is None:
            return Sheet(batch.distorted, None, batch.reference)
        return Sheet(batch.distorted, self.generator(batch.distorted).hallucination, batch.reference)


# the convolutions that see the discrepancy map, in either layout
FIRST_CONVOLUTIONS = ("trunk.conv.0.weight", "trunk.branch.filters.0.weight")


def freeze(trunk: Trunk | LiteTrunk, blocks: int) -> None:
    """Keep a pretrained trunk's first convolution and first blocks. UsageError where the trunk is another one."""
    if not isinstance(trunk, LiteTrunk):
        raise UsageError("frozen_blocks: only a pretrained trunk has blocks to keep", "give frozen_blocks = 0")
    for module in (trunk.stem, *trunk.blocks[:blocks]):
        module.requires_grad_(False)


def begin_from(network: Regressor, alone: dict[str, Tensor]) -> None:
    """Take over what an R trained on images alone knows: the new inputs begin unheard, its scores stay as they are.

    UsageError where it has other sizes.
    """
    state = network.state_dict()
    if any(name not in state or state[name].shape[:1] != old.shape[:1] for name, old in alone.items()):
        raise UsageError("the R to begin with has other sizes than the recipe's", "see [networks] of the recipe")
    for name, old in alone.items():
        new = state[name]
        if new.shape == old.shape:
            new.copy_(old)
        else:  # first convolution: image channels first; head: fused features come before R1's own
            new.zero_()
            if name in FIRST_CONVOLUTIONS:
                new[:, : old.shape[1]].copy_(old)
            else:
                new[:, -old.shape[1] :].copy_(old)
    network.load_state_dict(state)
