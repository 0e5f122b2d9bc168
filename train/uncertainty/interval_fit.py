"""Fits the half-width that hiqa states (engine/calibration.py), including R's error head.

Human scores of photographs, human scores of distorted images, and targets from references differ, and R errs on
different images with respect to each. Every database has equal weight, and all targets from references together have
that of one.

A fit needs many scenes. If the validation images have few, images that R was trained on are added, with their errors
multiplied by `growth`. Cross-validation by scene shrinks the predicted errors to what generalises to other scenes, and
scales them so that the share COVERED of the errors there lies within the half-width.
"""

from __future__ import annotations

import zlib
from collections import Counter

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from hiqa_cli.engine.calibration import Calibration, features
from hiqa_cli.networks.tile_regressor import ErrorHead

from .coverage import COVERED, IntervalCase
from .error_head import ErrorExamples, fit_error_head, padded

MIN_ERROR = 0.05  # points, before taking a logarithm
PENALTY = 1e-3
USED = 4  # features of a score; the next, the number of tiles, would identify a database whose images have one size
PARTS = 4  # of the cross-validation


def fit_half_width(cases: list[IntervalCase]) -> tuple[Calibration, ErrorHead]:
    """Fit calibration and error head on cases with recorded activations."""
    examples = examples_of(cases)
    parts = np.array([zlib.crc32(case.scene.encode()) % PARTS for case in cases])  # a scene's versions stay together
    predicted = np.zeros(len(cases))
    for part in range(PARTS):
        held_out = parts == part
        if held_out.any() and not held_out.all():
            fitted = fit_error_head(examples.of(~held_out), COVERED)
            predicted[held_out] = fitted.predict(examples.of(held_out))
    logs = np.log(np.maximum(examples.errors, MIN_ERROR))
    columns = np.column_stack([np.ones(len(predicted)), predicted])
    _, slope = quantile_regression(columns, logs, examples.weights, COVERED)
    factor = min(max(slope, 0.0), 1.0)
    scale = weighted_quantile(examples.errors / np.exp(factor * predicted), examples.weights, COVERED)
    fitted = fit_error_head(examples, COVERED).shrunk(factor)
    c0, c1, c2, c3 = fitted.coefficients.tolist()
    return Calibration((c0, c1, c2, c3, 0.0), scale), fitted.error_head


def examples_of(cases: list[IntervalCase]) -> ErrorExamples:
    """The examples to fit on."""
    of_scores = np.array([features(case.score, case.tiles)[:USED] for case in cases])
    activations, row_weights = padded([case.activations for case in cases if case.activations is not None])
    errors = np.array([case.error * case.growth for case in cases])
    return ErrorExamples(of_scores, activations, row_weights, errors, case_weights(cases))


def case_weights(cases: list[IntervalCase]) -> np.ndarray:
    """Weights (n,) that sum to 1 for each database, and for all targets from references together."""
    number = Counter(case.database for case in cases)
    return np.array([1 / number[case.database] for case in cases])


def weighted_quantile(values: np.ndarray, weights: np.ndarray, quantile: float) -> float:
    """The smallest value with at least the share `quantile` of the weight at or below it."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(reached, quantile)])


def quantile_regression(x: np.ndarray, y: np.ndarray, weights: np.ndarray, quantile: float) -> list[float]:
    """Coefficients b (p,) that minimise the weighted mean pinball loss of y - x b, for x (n, p), y and weights (n,).

    Solves a linear programme exactly. A small L1 penalty on all but the first keeps them bounded with few images.
    """
    count, width = x.shape
    penalty = np.full(width, PENALTY)
    penalty[0] = 0.0
    each = weights / weights.sum()
    # b = above - below, y - x b = over - under, all non-negative
    costs = np.concatenate([penalty, penalty, quantile * each, (1 - quantile) * each])
    identity = sparse.eye_array(count)
    equal = sparse.hstack([sparse.csr_array(x), sparse.csr_array(-x), identity, -identity])
    solution = linprog(costs, A_eq=equal, b_eq=y, method="highs").x
    return [float(above - below) for above, below in zip(solution[:width], solution[width : 2 * width], strict=True)]
