"""Trains the heads on rows: a few minutes on one core, without checkpoints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from hiqa_cli.networks.pair_regressor import PairRegressor
from hiqa_train.recipes.stages import HeadsStage
from hiqa_train.sources.mixed import CLEAN
from hiqa_train.trainer.network_trainer import build_optimiser, learning_rate

from .objective import (
    HeadInputs,
    HeadObjective,
    RankedGroups,
    Scales,
    fit_scales,
    order_loss,
    photograph_loss,
    reference_loss,
)
from .rows import Rows

REPORTS = 5  # times that a training reports its losses


def train_heads(
    regressor: PairRegressor, rows: Rows, sources: int, stage: HeadsStage, seed: int, report: Callable[[str], None]
) -> None:
    """Train the heads of `regressor` in place. The image head continues from its weights, the comparison's head and the
    gate start from random ones. Afterwards a logit is a score in units of `Scales.base`.

    rows: those for training. sources: number of sources, including those without rows.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    reset(regressor)
    image, pair = standardised(regressor, rows)
    scales = fit_scales(rows, sources)
    objective = HeadObjective(regressor, stage, sources, scales.base)
    losses = StepLosses(objective, rows, head_inputs(rows, image, pair, scales))
    objective.train().requires_grad_(True)  # R comes frozen: its statistics must not change
    optimiser = build_optimiser(objective.groups(), stage.learning)
    for step in range(stage.steps):
        terms = losses.draw(random)
        for group in optimiser.param_groups:
            group["lr"] = group["factor"] * learning_rate(step, stage.steps, stage.learning)
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimiser.step()
        if (step + 1) % max(1, stage.steps // REPORTS) == 0:
            listed = ", ".join(f"{name} {value.detach().item():.4f}" for name, value in terms.items())
            report(f"heads: step {step + 1:,} of {stage.steps:,}, {listed}")
    objective.eval().requires_grad_(False)
    objective.merge()


class StepLosses:
    """Draws the rows of each step and computes their weighted losses."""

    def __init__(self, objective: HeadObjective, rows: Rows, inputs: HeadInputs) -> None:
        self.objective, self.stage, self.inputs = objective, objective.stage, inputs
        has_reference, has_score = np.isfinite(rows.measured), np.isfinite(rows.human)
        self.versions = np.flatnonzero(rows.source == CLEAN)
        self.ranked = RankedGroups(rows.group, np.flatnonzero(~has_score)) if len(self.versions) else None
        self.with_references = np.flatnonzero(has_score & has_reference)
        self.photographs = np.flatnonzero(has_score & ~has_reference)

    def draw(self, random: np.random.Generator) -> dict[str, Tensor]:
        """The losses of a step by name, scalars; a kind of rows that the data lack has none."""
        objective, stage = self.objective, self.stage
        losses: dict[str, Tensor] = {}

        def chosen(numbers: np.ndarray) -> HeadInputs:
            return self.inputs.of(random.choice(numbers, stage.batch))

        if len(self.versions):
            losses["versions"] = stage.versions_weight * reference_loss(objective, chosen(self.versions))
        if self.ranked is not None:
            ranked = self.inputs.of(self.ranked.draw(stage.batch, random))
            losses["order"] = stage.order_weight * order_loss(objective, ranked)
        if len(self.with_references):
            losses["compared"] = stage.compared_weight * reference_loss(objective, chosen(self.with_references))
        if len(self.photographs):
            losses["photographs"] = stage.photographs_weight * photograph_loss(objective, chosen(self.photographs))
        return losses


def head_inputs(rows: Rows, image: Tensor, pair: Tensor | None, scales: Scales) -> HeadInputs:
    """All training rows as inputs of the losses. image, pair: standardised statistics."""
    _, subset = np.unique(np.char.add(rows.source.astype(str), rows.subset), return_inverse=True)
    of_rows = (torch.from_numpy(one) for one in (scales.units(rows), rows.source, subset, rows.group))
    return HeadInputs(image, pair, *of_rows)


@torch.no_grad()
def reset(regressor: PairRegressor) -> None:
    """Initialise the comparison's head and the gate at random; the head's linear function starts at zero."""
    for name, module in regressor.named_modules():
        if name.startswith(("comparison.", "gate.")) and isinstance(module, torch.nn.Linear):
            module.reset_parameters()
    if regressor.config.compares:
        regressor.comparison.linear.weight.zero_()


@torch.no_grad()
def standardised(regressor: PairRegressor, rows: Rows) -> tuple[Tensor, Tensor | None]:
    """Fit the standardisation of the comparison to the rows, and return the standardised statistics of image and
    comparison, (n, N) and (n, M), None without a comparison. That of the image stays as the trunk stage fitted it."""
    image, pair = regressor.described(torch.from_numpy(rows.statistics), torch.from_numpy(rows.whole))
    if pair is not None:
        regressor.of_pair.fit(pair)
    return regressor.of_image(image), None if pair is None else regressor.of_pair(pair)
