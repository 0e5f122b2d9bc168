"""Fitting how far off scores are: the half-width of the engine's `calibration`, and R's doubt in it.

What people say of photographs, what they say of distorted ones, and what the reference tells of these are different
truths, and R errs against them in different places. Each database has the same say. The reference has less: it calls
flawless what people find dull, and of two pictures that look alike one cannot be sure and the other unsure.

What an error goes by, and how large errors are, shows on many scenes. Where the validation pictures have few, pictures
that R was trained on are taken too, whose errors are smaller: by how much, their `growth` says. Of R's doubt as much is
believed as holds for scenes that it was not fitted on, and COVERED of such errors lie within the half-width.
"""

from __future__ import annotations

import zlib
from collections import Counter

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from hiqa_cli.engine.calibration import Calibration, features
from hiqa_cli.networks.regressor import ErrorHead

from .coverage import COVERED, IntervalCase
from .error_head import ErrorExamples, learn, padded

SMALLEST_ERROR = 0.05  # points, that a logarithm is taken of
SLIGHT = 1e-3
OF_REFERENCE = 0.2  # of the say of a database
USED = 4  # features of a score; the number of tiles would stand for the database where its pictures have one size
FOLDS = 4


def fit_half_width(cases: list[IntervalCase]) -> tuple[Calibration, ErrorHead]:
    """Calibration and doubt (`Regressor.set_error_head`), from cases whose hidden units somebody looked at."""
    examples = examples_of(cases)
    folds = np.array([zlib.crc32(case.scene.encode()) % FOLDS for case in cases])  # versions of one scene are in one
    told = np.zeros(len(cases))
    for fold in range(FOLDS):
        asked = folds == fold
        if asked.any() and not asked.all():
            told[asked] = learn(examples.of(~asked), COVERED).tells(examples.of(asked))
    logs = np.log(np.maximum(examples.errors, SMALLEST_ERROR))
    _, slope = quantile_regression(np.column_stack([np.ones(len(told)), told]), logs, examples.weights, COVERED)
    share = min(max(slope, 0.0), 1.0)
    scale = weighted_quantile(examples.errors / np.exp(share * told), examples.weights, COVERED)
    learned = learn(examples, COVERED).believed(share)
    c0, c1, c2, c3 = learned.coefficients.tolist()
    return Calibration((c0, c1, c2, c3, 0.0), scale), learned.doubt


def examples_of(cases: list[IntervalCase]) -> ErrorExamples:
    """What is learned from."""
    known = np.array([features(case.score, case.tiles)[:USED] for case in cases])
    seen, share = padded([case.seen for case in cases if case.seen is not None])
    errors = np.array([case.error * case.growth for case in cases])
    return ErrorExamples(known, seen, share, errors, say_of(cases))


def say_of(cases: list[IntervalCase]) -> np.ndarray:
    """(n,) weights, 1 in all for each database, OF_REFERENCE for what the reference tells."""
    number = Counter(case.database for case in cases)
    return np.array([(OF_REFERENCE if case.database is None else 1) / number[case.database] for case in cases])


def weighted_quantile(values: np.ndarray, weights: np.ndarray, quantile: float) -> float:
    """The least of the values that so much of the weight does not exceed."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(reached, quantile)])


def quantile_regression(x: np.ndarray, y: np.ndarray, weights: np.ndarray, quantile: float) -> list[float]:
    """Coefficients b of the least weighted mean pinball loss of y - x b, x (n, p), y and weights (n,), exactly, as a
    linear programme; with a little of the size of all but the first, since few pictures must not give wild ones."""
    count, width = x.shape
    penalty = np.full(width, SLIGHT)
    penalty[0] = 0.0
    each = weights / weights.sum()
    # b = above - below, y - x b = over - under, all of them positive
    costs = np.concatenate([penalty, penalty, quantile * each, (1 - quantile) * each])
    one = sparse.eye_array(count)
    equal = sparse.hstack([sparse.csr_array(x), sparse.csr_array(-x), one, -one])
    found = linprog(costs, A_eq=equal, b_eq=y, method="highs").x
    return [float(above - below) for above, below in zip(found[:width], found[width : 2 * width], strict=True)]
