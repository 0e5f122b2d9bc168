"""The heads' training: their scales, losses and steps.

Everything is measured in units of one scale, that of the first database with references: its human scores less their
mean, over their deviation. Versions of clean images get there by a curve from the full-reference measure to the human
scores, fitted on that database; any other database has a gain and a shift of its own, trained along. Without a database
with references, the measure itself is the scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.networks.pair_regressor import PairLogits, PairRegressor
from hiqa_train.losses.subsets import subset_loss
from hiqa_train.losses.terms import ranking_loss
from hiqa_train.recipes.stages import HeadsStage

from .rows import CLEAN, Rows

CURVE_DEGREE = 3  # of the curve from measure to human scores
# Least slope of the curve, in deviations of human scores over deviations of the measure. A database has hardly any
# image as good as a clean one; there the fitted curve falls or lies flat, and versions that differ would be wanted
# alike.
LEAST_SLOPE = 0.5
RANKED = 5  # rows of one group in a step, for the ranking

Drop = Callable[[Tensor, float, bool], Tensor]  # numbers, share of them to drop, whether in training


@dataclass(frozen=True)
class Scales:
    """centre, deviation: (sources,) of the human scores of each source; for CLEAN those of the measure. base: the
    source whose units all others are brought to. curve: measured qualities and what people would say, ascending."""

    centre: np.ndarray
    deviation: np.ndarray
    base: int
    curve: tuple[np.ndarray, np.ndarray]

    def units(self, rows: Rows) -> np.ndarray:
        """(n,): each row's quality in units of its own scale; versions' in those of `base`."""
        of_versions = (np.interp(rows.measured, *self.curve) - self.centre[self.base]) / self.deviation[self.base]
        own = (rows.human - self.centre[rows.source]) / self.deviation[rows.source]
        return np.asarray(np.where(np.isfinite(rows.human), own, of_versions), np.float32)


def fit_scales(rows: Rows, sources: int) -> Scales:
    """Fit the scales on training rows."""
    centre, deviation = np.zeros(sources), np.ones(sources)
    has_both = np.isfinite(rows.measured) & np.isfinite(rows.human)
    compared = [source for source in range(1, sources) if has_both[rows.source == source].any()]
    for source in range(sources):
        told = rows.measured if source == CLEAN else rows.human
        values = told[(rows.source == source) & np.isfinite(told)]
        if len(values):
            centre[source], deviation[source] = values.mean(), values.std() + 1e-6
    base = compared[0] if compared else CLEAN
    grid = np.linspace(0, 1, 101)
    if base == CLEAN:
        return Scales(centre, deviation, base, (grid, grid))
    mine = (rows.source == base) & has_both
    return Scales(centre, deviation, base, rising_curve(rows.measured[mine], rows.human[mine]))


def rising_curve(measured: np.ndarray, human: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curve from measured qualities to human scores that rises up to 1, both ascending."""
    fitted = np.polynomial.Polynomial.fit(measured, human, CURVE_DEGREE)
    grid = np.linspace(float(measured.min()), 1, 101)
    least = LEAST_SLOPE * human.std() / measured.std() * (grid[1] - grid[0])
    values = fitted(grid)
    return grid, values[0] + np.concatenate([[0], np.cumsum(np.maximum(np.diff(values), least))])


class HeadObjective(nn.Module):
    """The heads on standardised statistics, and each source's gain and shift from the common scale.

    The image's head comes trained, on a scale of its own: `image_gain` (a logarithm) and `image_shift` bring its
    answers to the common one.
    """

    def __init__(self, regressor: PairRegressor, stage: HeadsStage, sources: int, base: int) -> None:
        super().__init__()
        self.image, self.compares = regressor.image, regressor.config.compares
        self.comparison = regressor.comparison if self.compares else None
        self.gate = regressor.gate if self.compares else None
        self.stage, self.base = stage, base
        self.image_gain = nn.Parameter(torch.zeros(()))
        self.image_shift = nn.Parameter(torch.zeros(()))
        self.gain = nn.Parameter(torch.zeros(sources))  # logarithms
        self.shift = nn.Parameter(torch.zeros(sources))

    def groups(self) -> list[dict[str, Any]]:
        """The parameters for an optimiser: `share` of the rate is theirs."""
        slow = {id(one) for one in self.image.parameters()}
        found = [{"params": [one for one in self.parameters() if id(one) not in slow], "share": 1.0}]
        if self.stage.image_rate:
            found.append({"params": list(self.image.parameters()), "share": self.stage.image_rate})
        return found

    def to_source(self, common: Tensor, source: Tensor) -> Tensor:
        """Units of the common scale -> of each row's source."""
        free = (source != self.base) & (source != CLEAN)
        gain = torch.where(free, self.gain[source], 0.0).exp()
        return common * gain + torch.where(free, self.shift[source], 0.0)

    def forward(
        self, image: Tensor, pair: Tensor | None, *, drop: Drop = functional.dropout
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Standardised statistics -> in units of the common scale the score, and of each head alone."""
        stage = self.stage
        seen = drop(image, stage.image_dropout, self.training)
        alone = self.image(seen) * self.image_gain.exp() + self.image_shift
        if self.comparison is None or self.gate is None or pair is None:
            return alone, alone, None
        hidden = self.comparison.activations(drop(pair, stage.pair_dropout, self.training))
        compared = self.comparison.logit_of(pair, drop(hidden, stage.hidden_dropout, self.training))
        return PairLogits(alone, compared, self.gate(image, pair)).joined, alone, compared

    @torch.no_grad()
    def merge(self) -> None:
        """Bring the image's head to the common scale."""
        self.image.rescale(float(self.image_gain.exp()), float(self.image_shift))


def drop_alike(numbers: Tensor, share: float, training: bool) -> Tensor:
    """Dropout of the same numbers in every row, so that it does not tell the rows apart."""
    if not training:
        return numbers
    kept = functional.dropout(torch.ones_like(numbers[:1]), share)
    return numbers * kept


class Loss:
    """The losses of one step's rows."""

    def __init__(self, objective: HeadObjective, stage: HeadsStage, subset: Tensor) -> None:
        """subset: (rows,) number of each training row's subset."""
        self.objective, self.stage, self.subset = objective, stage, subset

    def ranked(self, image: Tensor, pair: Tensor | None, target: Tensor, group: np.ndarray) -> Tensor:
        """The ranking of versions of one image; target: in units of the common scale."""
        joined, _, _ = self.objective(image, pair, drop=drop_alike)
        return ranking_loss(joined, target, torch.from_numpy(group))

    def compared(self, image: Tensor, pair: Tensor | None, target: Tensor, source: Tensor) -> Tensor:
        """Mean loss of rows with references, of the mixture and of the comparison alone."""
        joined, _, alone = self.objective(image, pair)
        loss = functional.smooth_l1_loss(self.objective.to_source(joined, source), target)
        if alone is not None:
            of_alone = functional.smooth_l1_loss(self.objective.to_source(alone, source), target)
            loss = loss + self.stage.alone_weight * of_alone
        return loss

    def photographs(self, image: Tensor, pair: Tensor | None, target: Tensor, source: Tensor, rows: Tensor) -> Tensor:
        """Mean squared error of photographs without references: within their subsets, and `between` of these."""
        joined, told, _ = self.objective(image, pair)
        subset = self.subset[rows]
        loss = torch.zeros(())
        for predicted, weight in ((joined, 1.0), (told, self.stage.alone_weight)):
            error = self.objective.to_source(predicted, source) - target
            loss = loss + weight * subset_loss(error, subset, self.stage.between)
        return loss


class RankedGroups:
    """Draws whole groups of versions for the ranking."""

    def __init__(self, group: np.ndarray, mine: np.ndarray) -> None:
        """group: (rows,) of every row; mine: numbers of the rows to draw from."""
        ordered = mine[np.argsort(group[mine], kind="stable")]
        ends = np.flatnonzero(np.diff(group[ordered])) + 1
        self._groups = np.split(ordered, ends)

    def draw(self, batch: int, random: np.random.Generator) -> np.ndarray:
        """Numbers of the rows of some groups, about `batch` of them, each group once."""
        chosen = random.choice(len(self._groups), min(len(self._groups), max(1, batch // RANKED)), replace=False)
        return np.concatenate([self._groups[number] for number in chosen])
