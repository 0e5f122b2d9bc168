"""Anchors the scale after a training that orders images but leaves the level of their scores open.

A gain and a shift of R's logit give the scores of distorted validation images the mean and the standard deviation of
their full-reference qualities. (A least-squares fit would shrink the range of scores, the more the weaker R is, and
make stated uncertainties too narrow for distorted images.) The order of scores does not change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit, logit

from hiqa_cli.networks.hiqa import AnyRegressor
from hiqa_cli.networks.pair_regressor import PairRegressor

NEAREST = 1e-6  # smallest distance of a score from 0 and 1 before taking its logit
LARGEST_GAIN = 4.0  # and 1 / LARGEST_GAIN the smallest: bounds the gain of an R whose scores do not correlate


@dataclass(frozen=True)
class ScaleAnchor:
    """Maps scores in 0..1 to expit(gain * logit(score) + shift)."""

    gain: float
    shift: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return np.asarray(expit(self.gain * logit(np.clip(scores, NEAREST, 1 - NEAREST)) + self.shift))

    @torch.no_grad()
    def apply(self, regressor: AnyRegressor) -> None:
        """Anchor the scores of R in place."""
        if isinstance(regressor, PairRegressor):
            # the joined logit changes as those of both heads: the gate weights their difference, and gain > 0
            for head in (regressor.image, regressor.comparison) if regressor.config.compares else (regressor.image,):
                head.rescale(self.gain, self.shift)
            return
        last = regressor.head.score
        last.weight.mul_(self.gain)
        last.bias.mul_(self.gain).add_(self.shift)


def fit_anchor(scores: np.ndarray, targets: np.ndarray) -> ScaleAnchor:
    """Fit the anchor that gives scores the mean and standard deviation of their targets; both (n,), 0..1."""

    def distance(numbers: np.ndarray) -> float:
        anchored = ScaleAnchor(float(np.exp(numbers[0])), float(numbers[1]))(scores)
        return float((anchored.mean() - targets.mean()) ** 2 + (anchored.std() - targets.std()) ** 2)

    options = {"xatol": 1e-4, "fatol": 1e-12, "maxiter": 2000}
    most = float(np.log(LARGEST_GAIN))
    bounds = [(-most, most), (None, None)]
    fitted = minimize(distance, np.zeros(2), method="Nelder-Mead", bounds=bounds, options=options).x
    return ScaleAnchor(float(np.exp(fitted[0])), float(fitted[1]))
