"""Ridge regression in closed form, with the means of groups apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BETWEEN_PENALTY = 0.3  # a row; of the fit of the groups' means


class Linear(NamedTuple):
    """y = x @ weight + bias."""

    weight: np.ndarray
    bias: float


def ridge(x: np.ndarray, y: np.ndarray, groups: np.ndarray, penalty: float, between: float) -> Linear:
    """Fit y (n,) on standardised x (n, p).

    Differences within groups are fitted first: x and y minus their group's means, with the penalty `penalty` a row.
    Then the share `between` of a second fit is added, of the groups' means on x. What separates groups of photographs
    (a camera, an enlargement) need not hold elsewhere, what orders photographs within each does.
    """
    _, numbers = np.unique(groups, return_inverse=True)
    counts = np.bincount(numbers)
    mean_y = np.bincount(numbers, y) / counts
    mean_x = np.stack([x[numbers == number].mean(axis=0, dtype=np.float64) for number in range(len(counts))])
    within = solve(x - mean_x[numbers], y - mean_y[numbers], penalty)
    overall = solve(x - x.mean(axis=0), mean_y[numbers] - mean_y[numbers].mean(), BETWEEN_PENALTY)
    weight = within.weight + between * overall.weight
    return Linear(weight, float(y.mean() - x.mean(axis=0) @ weight))


def solve(x: np.ndarray, y: np.ndarray, penalty: float) -> Linear:
    """Weights that minimise |y - x w|^2 + n penalty |s w|^2, s the deviations of x's columns."""
    wide = x.astype(np.float64)
    deviation = np.sqrt((wide**2).mean(axis=0)) + 1e-6
    wide /= deviation
    normal = wide.T @ wide
    normal[np.diag_indices_from(normal)] += penalty * len(y)
    return Linear(np.linalg.solve(normal, wide.T @ y.astype(np.float64)) / deviation, 0.0)
