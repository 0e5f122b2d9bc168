"""Fitting how far off scores are: R's doubt, and the half-width that goes by it, on validation pictures.

The module `calibration` of the engine has the formula. Its coefficients are found by quantile regression, so that the
half-width covers 80 % of the errors. What R's hidden units tell of an error beside them is a ridge regression: of the
logarithm of the error on their means over a picture's windows. How much of it is to be believed shows on pictures
that it was not fitted on: the second regression sees each picture's doubt from a fit without its scene.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

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
# Of the largest spread; units that hardly ever move would be given weights that a strange picture makes much of.
LEAST_SPREAD = 0.005
# Of the weight in the scale, for cases of people: theirs is the word that scores are read as.
OF_PEOPLE = 0.75


@dataclass(frozen=True)
class Doubt:
    """A linear function of hidden units: weight (units,), bias."""

    weight: np.ndarray
    bias: float

    def __call__(self, seen: np.ndarray) -> np.ndarray:
        """(n, units) -> (n,)."""
        return np.asarray(seen @ self.weight + self.bias)


@dataclass(frozen=True)
class Fit:
    """On cases of one kind. coefficients: (USED,) of `features`; doubt: what hidden units tell beside these, as far as
    it is to be believed; told: (n,) logarithms of these cases' half-widths, by doubts that did not see their scenes."""

    coefficients: np.ndarray
    doubt: Doubt | None
    told: np.ndarray

    def tells(self, cases: list[Case]) -> np.ndarray:
        """(n,) logarithms of the half-widths of other cases."""
        logs = used_features(cases) @ self.coefficients
        return logs if self.doubt is None else logs + self.doubt(seen_of(cases))


def fit_half_width(cases: list[Case]) -> tuple[Calibration, Doubt | None]:
    """Calibration and, where the cases say what hidden units saw, doubt.

    What people say of photographs and what the reference tells of distorted ones are two truths, and R errs against
    them in different places: what a fit on all cases gains on one kind it loses on the other. So each kind has a fit of
    its own, and the half-width is the geometric mean of the two, scaled so that COVERED of all lie within.
    """
    kinds = [[case for case in cases if case.of_people is of_people] for of_people in (False, True)]
    kinds = [kind for kind in kinds if kind]
    fits = [fit_kind(kind) for kind in kinds]
    ratios, weights = [], []
    for kind, own in zip(kinds, fits, strict=True):
        logs = np.mean([own.told, *(other.tells(kind) for other in fits if other is not own)], axis=0)
        ratios.append(np.array([case.error for case in kind]) / np.exp(logs))
        share = OF_PEOPLE if kind[0].of_people else 1 - OF_PEOPLE
        weights.append(np.full(len(kind), share / len(kind)))
    scale = weighted_quantile(np.concatenate(ratios), np.concatenate(weights), COVERED)
    c0, c1, c2, c3 = np.mean([fit.coefficients for fit in fits], axis=0).tolist()
    doubts = [fit.doubt for fit in fits if fit.doubt is not None]
    calibration = Calibration((c0, c1, c2, c3, 0.0), scale)
    if len(doubts) < len(fits):
        return calibration, None
    weight = np.mean([doubt.weight for doubt in doubts], axis=0)
    return calibration, Doubt(weight, float(np.mean([doubt.bias for doubt in doubts])))


def fit_kind(cases: list[Case]) -> Fit:
    """A fit on cases of one kind.

    The number of tiles is left out: where databases have pictures of one size each, it would stand for the database.
    """
    x = used_features(cases)
    errors = np.array([case.error for case in cases])
    logs = np.log(np.maximum(errors, SMALLEST_ERROR))
    if any(case.seen is None for case in cases):
        coefficients = np.array(quantile_regression(x, logs, COVERED))
        return Fit(coefficients, None, x @ coefficients)
    doubt, elsewhere = fit_doubt(seen_of(cases), x, np.log(np.maximum(errors, NOTABLE)), folds_of(cases))
    both = np.column_stack([x, elsewhere])
    *found, believed = quantile_regression(both, logs, COVERED)
    as_believed = Doubt(believed * doubt.weight, believed * doubt.bias)
    return Fit(np.array(found), as_believed, both @ np.array([*found, believed]))


def used_features(cases: list[Case]) -> np.ndarray:
    """(n, USED)."""
    return np.array([features(case.score, case.tiles)[:USED] for case in cases])


def seen_of(cases: list[Case]) -> np.ndarray:
    """(n, units)."""
    return np.stack([case.seen for case in cases if case.seen is not None])


def weighted_quantile(values: np.ndarray, weights: np.ndarray, quantile: float) -> float:
    """The least of the values that so much of the weight does not exceed."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(reached, quantile)])


def folds_of(cases: list[Case]) -> np.ndarray:
    """(n,), 0..FOLDS-1: versions of one scene are in one."""
    return np.array([zlib.crc32(case.scene.encode()) % FOLDS for case in cases])


def fit_doubt(seen: np.ndarray, x: np.ndarray, logs: np.ndarray, folds: np.ndarray) -> tuple[Doubt, np.ndarray]:
    """Doubt by ridge regression of `logs` (n,) on hidden units `seen` (n, units), beside x (n, p), which is free; and
    (n,) what a fit without a case's fold says of it. The penalty is the one with the least error there."""
    spread = seen.std(axis=0)
    alive = spread > LEAST_SPREAD * float(spread.max())
    mean, spread = seen.mean(axis=0), np.where(alive, spread, 1.0)
    units = (seen - mean) / spread * alive
    best: tuple[float, float, np.ndarray] | None = None
    for penalty in PENALTIES:
        doubts, told = np.zeros(len(logs)), np.zeros(len(logs))
        for fold in range(FOLDS):
            inside, outside = folds != fold, folds == fold
            free, weight = ridge(x[inside], units[inside], logs[inside], penalty)
            doubts[outside] = units[outside] @ weight
            told[outside] = x[outside] @ free + doubts[outside]
        error = float(np.mean((logs - told) ** 2))
        if best is None or error < best[0]:
            best = error, penalty, doubts
    assert best is not None
    _, weight = ridge(x, units, logs, best[1])
    return Doubt(weight / spread, -float(mean @ (weight / spread))), best[2]


def ridge(x: np.ndarray, units: np.ndarray, logs: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """Least squares on x (n, p), whose first column is ones, and on units (n, q), of which the penalty is taken."""
    both = np.hstack([x, units])
    penalties = np.repeat([SLIGHT, penalty], [x.shape[1], units.shape[1]])
    found = np.linalg.solve(both.T @ both + np.diag(penalties), both.T @ logs)
    return found[: x.shape[1]], found[x.shape[1] :]


def quantile_regression(x: np.ndarray, y: np.ndarray, quantile: float) -> list[float]:
    """Coefficients b of the least mean pinball loss of y - x b, x (n, p), y (n,), exactly, as a linear programme; with
    a little of the size of all but the first, since few validation pictures must not give wild ones."""
    count, width = x.shape
    penalty = np.full(width, SLIGHT)
    penalty[0] = 0.0
    # b = above - below, y - x b = over - under, all of them positive
    costs = np.concatenate([penalty, penalty, np.full(count, quantile / count), np.full(count, (1 - quantile) / count)])
    one = sparse.eye_array(count)
    equal = sparse.hstack([sparse.csr_array(x), sparse.csr_array(-x), one, -one])
    found = linprog(costs, A_eq=equal, b_eq=y, method="highs").x
    return [float(above - below) for above, below in zip(found[:width], found[width : 2 * width], strict=True)]
