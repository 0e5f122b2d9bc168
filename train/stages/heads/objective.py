"""The heads' training: their scales, losses and steps.

Everything is measured in units of one scale, that of the first database with references: its human scores less their
mean, over their deviation. Versions of clean images get there by a curve from the full-reference measure to the human
scores, fitted on that database; any other database has a gain and a shift of its own, trained along. Without a database
with references, the measure itself is the scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.networks.pair_regressor import PairHead, PairRegressor
from hiqa_train.losses.subsets import subset_loss
from hiqa_train.losses.terms import ranking_loss
from hiqa_train.recipes.stages import HeadsStage

from .ridge import Linear, ridge
from .rows import CLEAN, Rows

CURVE_DEGREE = 3  # of the curve from measure to human scores
# Least slope of the curve, in deviations of human scores over deviations of the measure. A database has hardly any
# image as good as a clean one; there the fitted curve falls or lies flat, and versions that differ would be wanted
# alike.
LEAST_SLOPE = 0.25
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
    """The heads on standardised statistics, and each source's gain and shift from the common scale."""

    linear: Tensor

    def __init__(self, regressor: PairRegressor, stage: HeadsStage, sources: int, base: int) -> None:
        super().__init__()
        self.image, self.compares = regressor.image, regressor.config.compares
        self.comparison = regressor.comparison if self.compares else None
        self.gate = regressor.gate if self.compares else None
        self.stage, self.base = stage, base
        self.gain = nn.Parameter(torch.zeros(sources))  # logarithms
        self.shift = nn.Parameter(torch.zeros(sources))
        self.register_buffer("linear", torch.zeros(regressor.image.linear.in_features))
        self.linear_bias = 0.0
        self.linear_source = base

    def set_linear(self, fitted: Linear, source: int) -> None:
        """The ridge regression, in units of `source`."""
        self.linear.copy_(torch.from_numpy(fitted.weight))
        self.linear_bias, self.linear_source = fitted.bias, source

    def to_source(self, common: Tensor, source: Tensor) -> Tensor:
        """Units of the common scale -> of each row's source."""
        free = (source != self.base) & (source != CLEAN)
        gain = torch.where(free, self.gain[source], 0.0).exp()
        return common * gain + torch.where(free, self.shift[source], 0.0)

    def _linear(self, image: Tensor) -> Tensor:
        """The ridge regression in units of the common scale."""
        number = self.linear_source
        return (image @ self.linear + self.linear_bias - self.shift[number]) / self.gain[number].exp()

    def forward(
        self, image: Tensor, pair: Tensor | None, *, drop: Drop = functional.dropout
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Standardised statistics -> in units of the common scale the score, and of each head alone; the image's is its
        network, without the linear function."""
        share = self.stage.linear_share
        told = mlp(self.image, image, self.stage.image_dropout, self.stage.hidden_dropout, self.training, drop)
        alone = (1 - share) * told + share * self._linear(image) if share else told
        if self.comparison is None or self.gate is None or pair is None:
            return alone, told, None
        compared = mlp(self.comparison, pair, self.stage.pair_dropout, self.stage.hidden_dropout, self.training, drop)
        gate = self.gate(image, pair)
        return alone + gate * (compared - alone), told, compared

    @torch.no_grad()
    def merge(self) -> None:
        """Write the linear function, with its share, into the image's head."""
        share = self.stage.linear_share
        gain = float(self.gain[self.linear_source].exp())
        self.image.told.weight.mul_(1 - share)
        self.image.told.bias.mul_(1 - share)
        self.image.linear.weight.copy_(share / gain * self.linear[None])
        self.image.told.bias.add_(share * (self.linear_bias - float(self.shift[self.linear_source])) / gain)


def mlp(head: PairHead, numbers: Tensor, dropout: float, hidden_dropout: float, training: bool, drop: Drop) -> Tensor:
    """The head's network, with dropout."""
    hidden = head.activations(drop(numbers, dropout, training))
    told: Tensor = head.told(drop(hidden, hidden_dropout, training)).squeeze(1)
    return told


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


def fit_linear(image: np.ndarray, rows: Rows, units: np.ndarray, stage: HeadsStage) -> tuple[Linear, int] | None:
    """The ridge regression on photographs without references, and their source; None without any.

    Of several such databases the largest is used: the gain between two scales is not known yet.
    """
    of_photographs = np.isfinite(rows.human) & ~np.isfinite(rows.measured)
    if not of_photographs.any() or not stage.linear_share:
        return None
    source = int(np.bincount(rows.source[of_photographs]).argmax())
    mine = of_photographs & (rows.source == source)
    return ridge(image[mine], units[mine], rows.subset[mine], stage.ridge, stage.between), source


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
