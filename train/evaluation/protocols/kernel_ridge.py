"""Kernel ridge regression with a Gaussian kernel: the regression of the baselines, where papers use support vectors.

Both find a smooth function of the features; this one is a linear system, which scipy solves. Width of the kernel and
strength of the ridge are chosen on a validation part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

WIDTHS = tuple(4.0**power for power in range(-3, 4))  # of the kernel, in roots of the number of features
RIDGES = tuple(10.0**power for power in range(-5, 2))
MOST_TO_CHOOSE = 4000  # training points that width and ridge are chosen with; a system of all takes minutes each time


@dataclass(frozen=True)
class KernelRidge:
    """A fitted regression. low, high: (F,) of the training features, which are brought to -1..1 by them.

    points: (N, F) in -1..1. weights: (N,). middle: mean of the targets.
    """

    width: float
    ridge: float
    low: np.ndarray
    high: np.ndarray
    points: np.ndarray
    weights: np.ndarray
    middle: float

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(M, F) -> (M,) predicted targets."""
        return _kernel(_scaled(features, self.low, self.high), self.points, self.width) @ self.weights + self.middle


def fit(features: np.ndarray, targets: np.ndarray, width: float, ridge: float) -> KernelRidge:
    """Fit on (N, F) features and (N,) targets. LinAlgError where the ridge is too weak for float64."""
    low, high = features.min(axis=0), features.max(axis=0)
    points = _scaled(features, low, high)
    kernel = _kernel(points, points, width)
    kernel[np.diag_indices_from(kernel)] += ridge
    middle = float(targets.mean())
    weights = cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), targets - middle)
    return KernelRidge(width, ridge, low, high, points, weights, middle)


def choose_and_fit(
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    widths: Sequence[float] = WIDTHS,
    ridges: Sequence[float] = RIDGES,
) -> KernelRidge:
    """Choose width and ridge by the rank correlation on the validation part, then fit on both parts together.

    training, validation: (N, F) features and (N,) targets. Of equally good ones the smoother is taken. Of more than
    MOST_TO_CHOOSE training points evenly spread ones are chosen with; all are fitted on.
    """
    step = -(-len(training[1]) // MOST_TO_CHOOSE)
    some = training[0][::step], training[1][::step]
    best, chosen = -np.inf, (max(widths), max(ridges))
    for width in sorted(widths, reverse=True):
        for ridge in sorted(ridges, reverse=True):
            try:
                predicted = fit(*some, width, ridge)(validation[0])
            except LinAlgError:
                continue
            if np.ptp(predicted) == 0 or np.ptp(validation[1]) == 0:
                continue
            reached = float(spearmanr(predicted, validation[1])[0])
            if reached > best:
                best, chosen = reached, (width, ridge)
    features, targets = (np.concatenate([a, b]) for a, b in zip(training, validation, strict=True))
    return fit(features, targets, *chosen)


def _scaled(features: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    span = np.where(high > low, high - low, 1.0)
    return 2 * (features - low) / span - 1


def _kernel(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-cdist(a, b, "sqeuclidean") / (2 * width**2 * a.shape[1]))
