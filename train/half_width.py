"""Fitting how far off scores are: R's doubt, and the half-width that goes by it, on validation pictures.

The module `calibration` of the engine has the formula. Its coefficients are found by quantile regression, so that the
half-width covers 80 % of the errors. What R's hidden units tell of an error beside them is a ridge regression: of the
logarithm of the error on their means over a picture's windows. How much of it is to be believed shows on pictures
that it was not fitted on: the second regression sees each picture's doubt from a fit without its scene.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from hiqa_cli.engine.calibration import Calibration, features

from .uncertainty import COVERED, Case

SMALLEST_ERROR = 0.05  # points, that a logarithm is taken of
NOTABLE = 0.5  # points: to the ridge regression errors below it are alike
SLIGHT = 1e-3
USED = 4  # features of a score
FOLDS = 5
PENALTIES = (3e3, 1e3, 3e2, 1e2)  # of the ridge regression, to choose from
# Shares, of the weight of all cases, of those whose target the reference tells: for the regressions, since what people
# say of photographs is what most scores are read as; for the scale, since it is to hold for both.
IN_REGRESSIONS, IN_SCALE = 0.25, 0.5


@dataclass(frozen=True)
class Doubt:
    """A linear function of hidden units: weight (units,), bias."""

    weight: np.ndarray
    bias: float

    def __call__(self, seen: np.ndarray) -> np.ndarray:
        """(n, units) -> (n,)."""
        return np.asarray(seen @ self.weight + self.bias)


def fit_half_width(cases: list[Case]) -> tuple[Calibration, Doubt | None]:
    """Calibration and, where the cases say what hidden units saw, doubt.

    What people say of photographs and what the reference tells of distorted ones are two truths, and errors against
    them are of two kinds. Each counts by its share, however many cases there are of it. The number of tiles is left out:
    where databases have pictures of one size each, it would stand for the database.
    """
    weights, of_scale = weights_of(cases, IN_REGRESSIONS), weights_of(cases, IN_SCALE)
    x = np.array([features(case.score, case.tiles)[:USED] for case in cases])
    errors = np.array([case.error for case in cases])
    logs = np.log(np.maximum(errors, SMALLEST_ERROR))
    seen = [case.seen for case in cases if case.seen is not None]
    if len(seen) < len(cases):
        found = Calibration(with_all(quantile_regression(x, logs, COVERED, weights)))
        return replace(found, scale=scale_of(cases, [0.0] * len(cases), found, of_scale)), None
    doubt, elsewhere = fit_doubt(np.stack(seen), x, np.log(np.maximum(errors, NOTABLE)), weights, folds_of(cases))
    *coefficients, believed = quantile_regression(np.column_stack([x, elsewhere]), logs, COVERED, weights)
    found = Calibration(with_all(coefficients))
    scale = scale_of(cases, list(believed * elsewhere), found, of_scale)
    return replace(found, scale=scale), Doubt(believed * doubt.weight, believed * doubt.bias)


def with_all(numbers: list[float]) -> tuple[float, float, float, float, float]:
    """The coefficients of all features from those of the USED first."""
    c0, c1, c2, c3 = numbers
    return c0, c1, c2, c3, 0.0


def weights_of(cases: list[Case], of_references: float) -> np.ndarray:
    """(n,), 1 on average: of each kind equal; of the kinds as the share has it, where there are both."""
    of_people = np.array([case.of_people for case in cases])
    share = float(of_people.mean())
    if share in (0.0, 1.0):
        return np.ones(len(cases))
    return np.where(of_people, (1 - of_references) / share, of_references / (1 - share))


def folds_of(cases: list[Case]) -> np.ndarray:
    """(n,), 0..FOLDS-1: versions of one scene are in one."""
    return np.array([zlib.crc32(case.scene.encode()) % FOLDS for case in cases])


def scale_of(cases: list[Case], doubts: list[float], unscaled: Calibration, weights: np.ndarray) -> float:
    """What the half-widths are to be multiplied with, that just COVERED of the weight lies within."""
    pairs = zip(cases, doubts, strict=True)
    ratios = np.array([case.error / unscaled.half_width(case.score, case.tiles, doubt) for case, doubt in pairs])
    order = np.argsort(ratios)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(ratios[order][np.searchsorted(reached, COVERED)])


def fit_doubt(
    seen: np.ndarray, x: np.ndarray, logs: np.ndarray, weights: np.ndarray, folds: np.ndarray
) -> tuple[Doubt, np.ndarray]:
    """Doubt by ridge regression of `logs` (n,) on hidden units `seen` (n, units), beside x (n, p), which is free; and
    (n,) what a fit without a case's fold says of it. The penalty is the one with the least error there."""
    spread = seen.std(axis=0)
    alive = spread > 1e-6 * max(float(spread.max()), 1e-12)
    mean, spread = seen.mean(axis=0), np.where(alive, spread, 1.0)
    units = (seen - mean) / spread * alive
    best: tuple[float, float, np.ndarray] | None = None
    for penalty in PENALTIES:
        doubts, told = np.zeros(len(logs)), np.zeros(len(logs))
        for fold in range(FOLDS):
            inside, outside = folds != fold, folds == fold
            free, weight = ridge(x[inside], units[inside], logs[inside], weights[inside], penalty)
            doubts[outside] = units[outside] @ weight
            told[outside] = x[outside] @ free + doubts[outside]
        error = float(np.average((logs - told) ** 2, weights=weights))
        if best is None or error < best[0]:
            best = error, penalty, doubts
    assert best is not None
    _, weight = ridge(x, units, logs, weights, best[1])
    return Doubt(weight / spread, -float(mean @ (weight / spread))), best[2]


def ridge(
    x: np.ndarray, units: np.ndarray, logs: np.ndarray, weights: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares on x (n, p), whose first column is ones, and on units (n, q), of which the penalty is taken."""
    both = np.hstack([x, units])
    weighted = both * weights[:, None]
    penalties = np.repeat([SLIGHT, penalty], [x.shape[1], units.shape[1]])
    found = np.linalg.solve(weighted.T @ both + np.diag(penalties), weighted.T @ logs)
    return found[: x.shape[1]], found[x.shape[1] :]


def quantile_regression(x: np.ndarray, y: np.ndarray, quantile: float, weights: np.ndarray) -> list[float]:
    """Coefficients b of the least mean pinball loss of y - x b, x (n, p), y (n,), exactly, as a linear programme; with
    a little of the size of all but the first, since few validation pictures must not give wild ones."""
    count, width = x.shape
    penalty = np.full(width, SLIGHT)
    penalty[0] = 0.0
    # b = above - below, y - x b = over - under, all of them positive
    each = weights / weights.sum()
    costs = np.concatenate([penalty, penalty, quantile * each, (1 - quantile) * each])
    one = sparse.eye_array(count)
    equal = sparse.hstack([sparse.csr_array(x), sparse.csr_array(-x), one, -one])
    found = linprog(costs, A_eq=equal, b_eq=y, method="highs").x
    return [float(above - below) for above, below in zip(found[:width], found[width : 2 * width], strict=True)]
