"""Where hiqa's scale lies: set once, at the end of a training that told a photograph's versions from their mean only.

Such a training (`relative_share`) orders pictures and leaves their level open. The release is to say, on the average,
what the reference tells of distorted photographs, and to use as much of the scale: R's last logit is multiplied and
moved, so that scores of validation photographs have the mean and the standard deviation of what the reference tells.
(The numbers with the least mean error would draw all scores together, by as much as R does not know, and stated
uncertainties would be too narrow for distorted pictures where they hold for people's scores.) No order of tiles
changes, nor what the maps to databases say of them.
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

NEAREST = 1e-6  # to 0 and 1 that a logit is taken of
LARGEST_GAIN = 4.0  # and its inverse the smallest: an R that tells nothing is not stretched without end


@dataclass(frozen=True)
class ScaleAnchor:
    """Scores in 0..1 move to expit(gain * logit(score) + shift)."""

    gain: float
    shift: float

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return np.asarray(expit(self.gain * logit(np.clip(scores, NEAREST, 1 - NEAREST)) + self.shift))

    def moved(self, case: IntervalCase) -> IntervalCase:
        """The case as the moved R gives it; a target that people gave moves along with the scale."""
        tiles = 100 * self(np.array(case.tiles) / 100)
        target = 100 * float(self(np.array(case.target / 100))) if case.of_people else case.target
        return replace(case, score=float(tiles.mean()), tiles=tuple(map(float, tiles)), target=target)

    @torch.no_grad()
    def apply(self, regressor: Regressor) -> None:
        """Move R's scores, in place."""
        for head in regressor.heads:  # whose logits add up
            head.score.weight.mul_(self.gain)
            head.score.bias.mul_(self.gain)
        regressor.heads[0].score.bias.add_(self.shift)

    def moved_knots(self, knots: Sequence[float]) -> list[float]:
        """A map's values at evenly spread scores, now that the scores have moved."""
        places = np.linspace(0, 1, len(knots))
        back = ScaleAnchor(1 / self.gain, -self.shift / self.gain)
        return [round(float(value), 6) for value in np.interp(back(places), places, knots)]


def fit_anchor(cases: Sequence[IntervalCase]) -> ScaleAnchor:
    """The anchor that gives the cases whose target the reference tells the mean and spread of their targets; it needs
    some."""
    told = [case for case in cases if not case.of_people]
    tiles = [np.array(case.tiles) / 100 for case in told]
    targets = np.array([case.target for case in told]) / 100

    def apart(numbers: np.ndarray) -> float:
        move = ScaleAnchor(float(np.exp(numbers[0])), float(numbers[1]))
        scores = np.array([move(some).mean() for some in tiles])
        return float((scores.mean() - targets.mean()) ** 2 + (scores.std() - targets.std()) ** 2)

    options = {"xatol": 1e-4, "fatol": 1e-12, "maxiter": 2000}
    most = float(np.log(LARGEST_GAIN))
    bounds = [(-most, most), (None, None)]
    found = minimize(apart, np.zeros(2), method="Nelder-Mead", bounds=bounds, options=options).x
    return ScaleAnchor(float(np.exp(found[0])), float(found[1]))
