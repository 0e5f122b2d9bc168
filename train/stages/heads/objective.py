"""The objective of the heads: their common scale and their losses.

The common scale is that of the first database with references: a unit is one standard deviation of its human scores, 0
their mean. Full-reference qualities of versions are mapped to it by a curve that is fitted to the human scores of that
database; every other database has a gain and a shift of its own, trained together with the heads. Without a database
with references, the scale is that of the full-reference measure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.networks.pair_regressor import PairLogits, PairRegressor
from hiqa_train.losses.subsets import subset_loss
from hiqa_train.losses.terms import ranking_loss
from hiqa_train.recipes.stages import HeadsStage
from hiqa_train.sources.mixed import CLEAN

from .rows import Rows

CURVE_DEGREE = 3  # of the curve from full-reference quality to human scores
# Smallest slope of the curve, in standard deviations of human scores per standard deviation of the full-reference
# quality. Databases have hardly any image as good as a clean one: there the fitted curve is flat or falls, and versions
# of different strength would have the same target.
LEAST_SLOPE = 0.5
ALIKE = 0.05  # versions whose qualities, in standard deviations, differ by less are not ranked
RANKED = 5  # the ranking takes a group for every RANKED rows of the batch

Dropout = Callable[[Tensor, float, bool], Tensor]  # (n, N), the share to drop, whether in training -> (n, N)


@dataclass(frozen=True)
class Scales:
    """The scales of the sources.

    centre, deviation: (sources,) of the human scores of each source; for CLEAN, of the full-reference qualities.
    base: the source whose scale is the common one.
    curve: full-reference qualities, ascending, and the human scores that correspond to them.
    """

    centre: np.ndarray
    deviation: np.ndarray
    base: int
    curve: tuple[np.ndarray, np.ndarray]

    def units(self, rows: Rows) -> np.ndarray:
        """The quality of each row in units of its source's scale, (n,); that of versions in units of `base`."""
        of_versions = (np.interp(rows.measured, *self.curve) - self.centre[self.base]) / self.deviation[self.base]
        own = (rows.human - self.centre[rows.source]) / self.deviation[rows.source]
        return np.asarray(np.where(np.isfinite(rows.human), own, of_versions), np.float32)


def fit_scales(rows: Rows, sources: int) -> Scales:
    """Fit the scales on training rows."""
    centre, deviation = np.zeros(sources), np.ones(sources)
    has_both = np.isfinite(rows.measured) & np.isfinite(rows.human)
    compared = [source for source in range(1, sources) if has_both[rows.source == source].any()]
    for source in range(sources):
        quality = rows.measured if source == CLEAN else rows.human
        values = quality[(rows.source == source) & np.isfinite(quality)]
        if len(values):
            centre[source], deviation[source] = values.mean(), values.std() + 1e-6
    base = compared[0] if compared else CLEAN
    grid = np.linspace(0, 1, 101)
    if base == CLEAN:
        return Scales(centre, deviation, base, (grid, grid))
    of_base = (rows.source == base) & has_both
    return Scales(centre, deviation, base, rising_curve(rows.measured[of_base], rows.human[of_base]))


def rising_curve(measured: np.ndarray, human: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit a curve from full-reference qualities to human scores that rises up to a quality of 1. Returns its qualities
    and human scores, (101,) each, ascending."""
    fitted = np.polynomial.Polynomial.fit(measured, human, CURVE_DEGREE)
    grid = np.linspace(float(measured.min()), 1, 101)
    least = LEAST_SLOPE * human.std() / measured.std() * (grid[1] - grid[0])
    values = fitted(grid)
    return grid, values[0] + np.concatenate([[0], np.cumsum(np.maximum(np.diff(values), least))])


class HeadObjective(nn.Module):
    """The heads of R on standardised statistics, and the gain and shift of each source from the common scale.

    The trunk stage trained the image head on another scale: `image_gain` (a logarithm) and `image_shift` map its logits
    to the common one.
    """

    def __init__(self, regressor: PairRegressor, stage: HeadsStage, sources: int, base: int) -> None:
        """sources: their number. base: see `Scales`."""
        super().__init__()
        compares = regressor.config.compares
        self.image = regressor.image
        self.comparison = regressor.comparison if compares else None
        self.gate = regressor.gate if compares else None
        self.stage, self.base = stage, base
        self.image_gain = nn.Parameter(torch.zeros(()))
        self.image_shift = nn.Parameter(torch.zeros(()))
        self.gain = nn.Parameter(torch.zeros(sources))  # logarithms
        self.shift = nn.Parameter(torch.zeros(sources))

    def groups(self) -> list[dict[str, Any]]:
        """The parameter groups of the optimiser. "factor": of the learning rate."""
        of_image = {id(one) for one in self.image.parameters()}
        groups = [{"params": [one for one in self.parameters() if id(one) not in of_image], "factor": 1.0}]
        if self.stage.image_rate:
            groups.append({"params": list(self.image.parameters()), "factor": self.stage.image_rate})
        return groups

    def to_source(self, common: Tensor, source: Tensor) -> Tensor:
        """Map predictions (n,) on the common scale to the scale of each row's source."""
        free = (source != self.base) & (source != CLEAN)
        gain = torch.where(free, self.gain[source], 0.0).exp()
        return common * gain + torch.where(free, self.shift[source], 0.0)

    def forward(
        self, image: Tensor, pair: Tensor | None, *, dropout: Dropout = functional.dropout
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Standardised statistics of image and comparison -> logits (n,) on the common scale: of the score, of the
        image head, and of the comparison's head, None without one."""
        stage = self.stage
        kept = dropout(image, stage.image_dropout, self.training)
        of_image = self.image(kept) * self.image_gain.exp() + self.image_shift
        if self.comparison is None or self.gate is None or pair is None:
            return of_image, of_image, None
        hidden = self.comparison.activations(dropout(pair, stage.pair_dropout, self.training))
        of_comparison = self.comparison.logit_of(pair, dropout(hidden, stage.hidden_dropout, self.training))
        gate = self.gate(*(dropout(numbers, stage.gate_dropout, self.training) for numbers in (image, pair)))
        return PairLogits(of_image, of_comparison, gate).joined, of_image, of_comparison

    @torch.no_grad()
    def merge(self) -> None:
        """Apply `image_gain` and `image_shift` to the weights of the image head."""
        self.image.rescale(float(self.image_gain.exp()), float(self.image_shift))


def drop_alike(numbers: Tensor, share: float, training: bool) -> Tensor:
    """Drop the same columns of (n, N) in every row, so that dropout does not change the order of the rows."""
    if not training:
        return numbers
    kept = functional.dropout(torch.ones_like(numbers[:1]), share)
    return numbers * kept


class HeadInputs(NamedTuple):
    """Rows of a step.

    image, pair: standardised statistics (n, N), (n, M); pair is None without a comparison. target: (n,) in units of the
    source's scale. source, subset, group: (n,) numbers.
    """

    image: Tensor
    pair: Tensor | None
    target: Tensor
    source: Tensor
    subset: Tensor
    group: Tensor

    def of(self, chosen: np.ndarray) -> HeadInputs:
        """The rows of these numbers."""
        return HeadInputs(*(None if one is None else one[chosen] for one in self))  # type: ignore[arg-type]


def order_loss(objective: HeadObjective, rows: HeadInputs) -> Tensor:
    """The ranking loss of versions of one image, on the common scale."""
    score, _, _ = objective(rows.image, rows.pair, dropout=drop_alike)
    return ranking_loss(score, rows.target, rows.group, margin=objective.stage.margin, alike=ALIKE)


def reference_loss(objective: HeadObjective, rows: HeadInputs) -> Tensor:
    """Smooth L1 loss of rows with references, of the score and of the comparison's head."""
    score, _, of_comparison = objective(rows.image, rows.pair)
    loss = functional.smooth_l1_loss(objective.to_source(score, rows.source), rows.target)
    if of_comparison is not None:
        alone = functional.smooth_l1_loss(objective.to_source(of_comparison, rows.source), rows.target)
        loss = loss + objective.stage.alone_weight * alone
    return loss


def photograph_loss(objective: HeadObjective, rows: HeadInputs) -> Tensor:
    """`subset_loss` of photographs without references, of the score and of the image head."""
    score, of_image, _ = objective(rows.image, rows.pair)
    loss = torch.zeros(())
    for predicted, weight in ((score, 1.0), (of_image, objective.stage.alone_weight)):
        error = objective.to_source(predicted, rows.source) - rows.target
        loss = loss + weight * subset_loss(error, rows.subset, objective.stage.between)
    return loss


class RankedGroups:
    """Draws whole groups of versions for the ranking."""

    def __init__(self, group: np.ndarray, versions: np.ndarray) -> None:
        """group: (rows,) numbers of groups. versions: numbers of the rows to draw from."""
        ordered = versions[np.argsort(group[versions], kind="stable")]
        ends = np.flatnonzero(np.diff(group[ordered])) + 1
        self._groups = np.split(ordered, ends)

    def draw(self, batch: int, random: np.random.Generator) -> np.ndarray:
        """Numbers of the rows of batch / RANKED groups, at least one, each group at most once."""
        chosen = random.choice(len(self._groups), min(len(self._groups), max(1, batch // RANKED)), replace=False)
        return np.concatenate([self._groups[number] for number in chosen])
