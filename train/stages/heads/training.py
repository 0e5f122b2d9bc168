"""Train the heads on rows: a few minutes on one core, without checkpoints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from hiqa_cli.networks.pair_regressor import PairRegressor
from hiqa_train.recipes.stages import HeadsStage
from hiqa_train.trainer.network_trainer import build_optimiser, learning_rate

from .objective import HeadObjective, Loss, RankedGroups, Scales, fit_scales
from .rows import CLEAN, Rows

REPORTS = 5  # of the losses, in a training


def train_heads(
    regressor: PairRegressor, rows: Rows, sources: int, stage: HeadsStage, seed: int, report: Callable[[str], None]
) -> Scales:
    """Train the heads of `regressor` in place on rows, none of which validates. The image's goes on from what it is,
    the others begin anew. sources: how many there may be.

    Returns the scales; the score in units of their base is the logit of the heads.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    reset(regressor)
    image, pair = standardised(regressor, rows)
    scales = fit_scales(rows, sources)
    units = scales.units(rows)
    objective = HeadObjective(regressor, stage, sources, scales.base)
    _, subset = np.unique(np.char.add(rows.source.astype(str), rows.subset), return_inverse=True)
    losses = Loss(objective, stage, torch.from_numpy(subset))
    target, source = torch.from_numpy(units), torch.from_numpy(rows.source)
    has_reference, has_score = np.isfinite(rows.measured), np.isfinite(rows.human)
    versions = np.flatnonzero(rows.source == CLEAN)
    ranked = RankedGroups(rows.group, np.flatnonzero(~has_score)) if len(versions) else None
    compared = np.flatnonzero(has_score & has_reference)
    photographs = np.flatnonzero(has_score & ~has_reference)

    def of(some: np.ndarray) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
        return image[some], None if pair is None else pair[some], target[some], source[some]

    objective.train().requires_grad_(True)  # R comes frozen: its statistics must not change
    optimiser = build_optimiser(objective.groups(), stage.learning)
    for step in range(stage.steps):
        found: dict[str, Tensor] = {}
        if len(versions):
            found["versions"] = stage.versions_weight * losses.compared(*of(random.choice(versions, stage.batch)))
        if ranked is not None:
            some = ranked.draw(stage.batch, random)
            found["order"] = stage.order_weight * losses.ranked(*of(some)[:2], target[some], rows.group[some])
        if len(compared):
            found["compared"] = stage.compared_weight * losses.compared(*of(random.choice(compared, stage.batch)))
        if len(photographs):
            some = random.choice(photographs, stage.batch)
            found["photographs"] = stage.photographs_weight * losses.photographs(*of(some), torch.from_numpy(some))
        for group in optimiser.param_groups:
            group["lr"] = group["share"] * learning_rate(step, stage.steps, stage.learning)
        optimiser.zero_grad()
        torch.stack(list(found.values())).sum().backward()
        optimiser.step()
        if (step + 1) % max(1, stage.steps // REPORTS) == 0:
            listed = ", ".join(f"{name} {value.detach().item():.4f}" for name, value in found.items())
            report(f"heads: step {step + 1:,} of {stage.steps:,}, {listed}")
    objective.eval().requires_grad_(False)
    objective.merge()
    return scales


@torch.no_grad()
def reset(regressor: PairRegressor) -> None:
    """Random heads of comparison and gate, without any linear function."""
    for name, module in regressor.named_modules():
        if name.startswith(("comparison.", "gate.")) and isinstance(module, torch.nn.Linear):
            module.reset_parameters()
    if regressor.config.compares:
        regressor.comparison.linear.weight.zero_()


@torch.no_grad()
def standardised(regressor: PairRegressor, rows: Rows) -> tuple[Tensor, Tensor | None]:
    """Fit the means and deviations of the comparison on the rows, and return what the heads see of each."""
    image, pair = regressor.described(torch.from_numpy(rows.statistics), torch.from_numpy(rows.whole))
    if pair is not None:
        regressor.of_pair.fit(pair)
    return regressor.of_image(image), None if pair is None else regressor.of_pair(pair)
