"""Anchors the scale at the end of a training that orders images but leaves their level open.

A gain and a shift of R's last logit give the scores of distorted validation photographs the mean and the standard
deviation of their full-reference targets. (A fit by least mean error would shrink the range of the scores, the more
the weaker R is, and make stated uncertainties too narrow for distorted images.) The order of scores and the qualities
that the maps to databases give do not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit, logit
from torch import nn

from hiqa_cli.networks.hiqa import AnyRegressor
from hiqa_cli.networks.pair_regressor import PairRegressor

from .coverage import IntervalCase

NEAREST = 1e-6  # to 0 and 1, before taking a logit
LARGEST_GAIN = 4.0  # its inverse is the smallest; bounds the gain for an R without any correlation


@dataclass(frozen=True)
class ScaleAnchor:
    """Maps scores in 0..1 to expit(gain * logit(score) + shift)."""

    gain: float
    shift: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return np.asarray(expit(self.gain * logit(np.clip(scores, NEAREST, 1 - NEAREST)) + self.shift))

    def moved(self, case: IntervalCase) -> IntervalCase:
        """The case with anchored scores; a human target moves along with the scale."""
        tiles = 100 * self(np.array(case.tiles) / 100)
        score = 100 * float(self(parts_of(case)).mean())
        target = 100 * float(self(np.array(case.target / 100))) if case.is_human else case.target
        return replace(case, score=score, tiles=tuple(map(float, tiles)), target=target)

    @torch.no_grad()
    def apply(self, regressor: AnyRegressor) -> None:
        """Anchor R's scores, in place."""
        for last in last_layers(regressor):
            last.weight.mul_(self.gain)
            last.bias.mul_(self.gain).add_(self.shift)

    def moved_knots(self, knots: Sequence[float]) -> list[float]:
        """Values of a map at evenly spaced scores, after anchoring."""
        places = np.linspace(0, 1, len(knots))
        back = ScaleAnchor(1 / self.gain, -self.shift / self.gain)
        return [round(float(value), 6) for value in np.interp(back(places), places, knots)]


def last_layers(regressor: AnyRegressor) -> list[nn.Linear]:
    """The layers that give R's logits, of whose values its logit is a mean."""
    if not isinstance(regressor, PairRegressor):
        return [regressor.head.score]
    return [regressor.image.told, *([regressor.comparison.told] if regressor.config.compares else [])]


def parts_of(case: IntervalCase) -> np.ndarray:
    """The scores in 0..1 whose mean is the image's: the tiles', or its own for an R that pools. (n,)."""
    return np.array([case.score] if case.pools else case.tiles) / 100


def fit_anchor(cases: Sequence[IntervalCase]) -> ScaleAnchor:
    """Fit the anchor on the cases with targets from references, of which there must be some."""
    from_references = [case for case in cases if not case.is_human]
    targets = np.array([case.target for case in from_references]) / 100
    return _fitted([parts_of(case) for case in from_references], targets)


def fit_anchor_to(scores: np.ndarray, targets: np.ndarray) -> ScaleAnchor:
    """The anchor that gives scores the mean and the spread of their targets, both (n,) 0..1."""
    return _fitted(list(scores[:, None]), targets)


def _fitted(parts: Sequence[np.ndarray], targets: np.ndarray) -> ScaleAnchor:
    """The anchor for images whose scores are the means of `parts`."""
    counts = np.array([len(some) for some in parts])
    begins = np.cumsum(counts) - counts
    together = np.concatenate(parts)

    def distance(numbers: np.ndarray) -> float:
        anchored = ScaleAnchor(float(np.exp(numbers[0])), float(numbers[1]))(together)
        scores = np.add.reduceat(anchored, begins) / counts
        return float((scores.mean() - targets.mean()) ** 2 + (scores.std() - targets.std()) ** 2)

    options = {"xatol": 1e-4, "fatol": 1e-12, "maxiter": 2000}
    most = float(np.log(LARGEST_GAIN))
    bounds = [(-most, most), (None, None)]
    found = minimize(distance, np.zeros(2), method="Nelder-Mead", bounds=bounds, options=options).x
    return ScaleAnchor(float(np.exp(found[0])), float(found[1]))
