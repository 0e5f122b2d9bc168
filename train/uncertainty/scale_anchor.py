"""Anchors the scale at the end of a training with a `relative_share`, which orders images but leaves their level open.

A gain and a shift of R's last logit give the scores of distorted validation photographs the mean and the standard
deviation of their full-reference targets. (A fit by least mean error would shrink the range of the scores, the more
the weaker R is, and make stated uncertainties too narrow for distorted images.) The order of tiles and the qualities
that the maps to databases give do not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit, logit

from hiqa_cli.networks.regressor import Regressor

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
        target = 100 * float(self(np.array(case.target / 100))) if case.is_human else case.target
        return replace(case, score=float(tiles.mean()), tiles=tuple(map(float, tiles)), target=target)

    @torch.no_grad()
    def apply(self, regressor: Regressor) -> None:
        """Anchor R's scores, in place."""
        for head in regressor.heads:  # their logits are summed
            head.score.weight.mul_(self.gain)
            head.score.bias.mul_(self.gain)
        regressor.heads[0].score.bias.add_(self.shift)

    def moved_knots(self, knots: Sequence[float]) -> list[float]:
        """Values of a map at evenly spaced scores, after anchoring."""
        places = np.linspace(0, 1, len(knots))
        back = ScaleAnchor(1 / self.gain, -self.shift / self.gain)
        return [round(float(value), 6) for value in np.interp(back(places), places, knots)]


def fit_anchor_to(scores: np.ndarray, targets: np.ndarray) -> ScaleAnchor:
    """The anchor that gives scores the mean and the spread of their targets, both (n,) 0..1."""

    def distance(numbers: np.ndarray) -> float:
        anchored = ScaleAnchor(float(np.exp(numbers[0])), float(numbers[1]))(scores)
        return float((anchored.mean() - targets.mean()) ** 2 + (anchored.std() - targets.std()) ** 2)

    options = {"xatol": 1e-4, "fatol": 1e-12, "maxiter": 2000}
    most = float(np.log(LARGEST_GAIN))
    bounds = [(-most, most), (None, None)]
    found = minimize(distance, np.zeros(2), method="Nelder-Mead", bounds=bounds, options=options).x
    return ScaleAnchor(float(np.exp(found[0])), float(found[1]))


def fit_anchor(cases: Sequence[IntervalCase]) -> ScaleAnchor:
    """Fit the anchor on the cases with targets from references, of which there must be some."""
    from_references = [case for case in cases if not case.is_human]
    tiles = [np.array(case.tiles) / 100 for case in from_references]
    targets = np.array([case.target for case in from_references]) / 100

    def distance(numbers: np.ndarray) -> float:
        anchor = ScaleAnchor(float(np.exp(numbers[0])), float(numbers[1]))
        scores = np.array([anchor(some).mean() for some in tiles])
        return float((scores.mean() - targets.mean()) ** 2 + (scores.std() - targets.std()) ** 2)

    options = {"xatol": 1e-4, "fatol": 1e-12, "maxiter": 2000}
    most = float(np.log(LARGEST_GAIN))
    bounds = [(-most, most), (None, None)]
    found = minimize(distance, np.zeros(2), method="Nelder-Mead", bounds=bounds, options=options).x
    return ScaleAnchor(float(np.exp(found[0])), float(found[1]))
