"""The BRISQUE-like baseline: 36 natural-scene statistics and a kernel ridge regression.

Mittal, Moorthy and Bovik, "No-Reference Image Quality Assessment in the Spatial Domain", IEEE TIP 21, 2012. Luma minus
its local mean, divided by its local deviation (equation 1), is nearly Gaussian in undistorted photographs; distortions
change that. At each of two scales: shape and variance of a generalised Gaussian (2 numbers), and of the
products of neighbours in four directions shape, mean and both variances of an asymmetric one (4 x 4).

Where we differ: the half scale is by area averaging, where the authors' code uses MATLAB's bicubic imresize; the
regression is kernel ridge with a Gaussian kernel, one linear system, where the paper has support vectors. Both fit a
smooth function of the features. Kernel width and ridge are chosen on a validation part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.spatial.distance import cdist
from scipy.special import gamma
from scipy.stats import spearmanr

from hiqa_train.distortions.opencv import cv2

WINDOW, SIGMA = 7, 7 / 6  # px, of the local mean and deviation
SATURATION = 1.0  # the paper's C, for values in 0..255
LUMA = (0.2989, 0.5870, 0.1140)  # ITU-R BT.601
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows down, columns to the right
FEATURES = 36

WIDTHS = tuple(4.0**power for power in range(-3, 4))  # of the kernel, in roots of the number of features
RIDGES = tuple(10.0**power for power in range(-5, 2))
SELECTION_POINTS = 4000  # training points to select width and ridge with; each fit on all takes minutes

SHAPES = np.arange(0.2, 10.001, 0.001)
# Moment ratio of a generalised Gaussian of each shape: (E|x|)^2 / E x^2.
RATIOS = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))


def natural_scene_features(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) RGB in 0..255 -> (36,) float64. Sides below 16 px are extended by reflection."""
    luma = np.asarray(image, np.float64) @ np.array(LUMA)
    missing = [max(0, 16 - side) for side in luma.shape]
    if any(missing):
        luma = np.pad(luma, [(0, short) for short in missing], mode="symmetric")
    half = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return np.concatenate([_scale_features(luma), _scale_features(half)])


def normalised(luma: np.ndarray) -> np.ndarray:
    """Mean subtracted, contrast normalised coefficients (equation 1), same shape."""

    def blurred(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_REPLICATE)

    mean = blurred(luma)
    deviation = np.sqrt(np.maximum(blurred(luma * luma) - mean * mean, 0.0))
    return (luma - mean) / (deviation + SATURATION)


def _scale_features(luma: np.ndarray) -> np.ndarray:
    values = normalised(luma)
    features = list(generalised_gaussian(values))
    for down, right in NEIGHBOURS:
        features += asymmetric_gaussian(values * np.roll(values, (-down, -right), axis=(0, 1)))
    return np.array(features)


def generalised_gaussian(values: np.ndarray) -> tuple[float, float]:
    """Shape and variance by moment matching; for a flat image the largest shape and no variance."""
    variance = float(np.mean(values**2))
    if variance == 0:
        return float(SHAPES[-1]), 0.0
    ratio = float(np.mean(np.abs(values))) ** 2 / variance
    return float(SHAPES[np.argmin(np.abs(RATIOS - ratio))]), variance


def asymmetric_gaussian(values: np.ndarray) -> list[float]:
    """Shape, mean, variance on the left and on the right of zero, by moment matching (equations 7 to 9)."""
    left, right = values[values < 0], values[values > 0]
    low = float(np.mean(left**2)) if left.size else 0.0
    high = float(np.mean(right**2)) if right.size else 0.0
    square = float(np.mean(values**2))
    if not low or not high or not square:
        return [float(SHAPES[-1]), 0.0, low, high]
    skew = np.sqrt(low / high)
    ratio = float(np.mean(np.abs(values))) ** 2 / square
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = float(SHAPES[np.argmin(np.abs(RATIOS - ratio))])
    mean = (np.sqrt(high) - np.sqrt(low)) * gamma(2 / shape) / np.sqrt(gamma(1 / shape) * gamma(3 / shape))
    return [shape, float(mean), low, high]


@dataclass(frozen=True)
class KernelRidge:
    """A fitted regression. low, high: (F,) of the training features, which scale features to -1..1.

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
    """Fit on (N, F) features and (N,) targets. LinAlgError if the ridge is too weak for float64."""
    low, high = features.min(axis=0), features.max(axis=0)
    points = _scaled(features, low, high)
    kernel = _kernel(points, points, width)
    kernel[np.diag_indices_from(kernel)] += ridge
    middle = float(targets.mean())
    weights = cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), targets - middle)
    return KernelRidge(width, ridge, low, high, points, weights, middle)


def select_and_fit(
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    widths: Sequence[float] = WIDTHS,
    ridges: Sequence[float] = RIDGES,
) -> KernelRidge:
    """Select width and ridge by the rank correlation on the validation part, then fit on both parts together.

    training, validation: (N, F) features and (N,) targets. Ties go to the smoother fit. With more than SELECTION_POINTS
    training points, the selection uses evenly spaced ones, the final fit all.
    """
    step = -(-len(training[1]) // SELECTION_POINTS)
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
