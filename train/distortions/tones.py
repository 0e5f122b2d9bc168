"""Tones: brightness, contrast, gamma, steps. Every function takes and returns (H, W, 3) uint8 RGB."""

from __future__ import annotations

import numpy as np

from .opencv import cv2
from .pixels import Random, as_float, to_8bit, white


def change_contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """Every value's distance from the image's mean, times `factor` (TID2013's type 17, CSIQ's `contrast`)."""
    mean = image.mean()
    return to_8bit((image - mean) * factor + mean)


def change_gamma(image: np.ndarray, gamma: float) -> np.ndarray:
    """Gamma: the full range to the power of `gamma`; below 1 brighter (KADID-10k's type 16), above darker (17)."""
    return to_8bit(255 * (as_float(image) / 255) ** gamma)


def shift_mean(image: np.ndarray, levels: float) -> np.ndarray:
    """Mean shift (TID2013's type 16, KADID-10k's 18): `levels` added to every value."""
    return to_8bit(as_float(image) + levels)


def expose(image: np.ndarray, stops: float) -> np.ndarray:
    """Exposure changed by `stops` in linear light (gamma 2.2); values above white are clipped."""
    return to_8bit(as_float(image) * 2 ** (stops / 2.2))


def quantize(image: np.ndarray, step: float) -> np.ndarray:
    """Quantisation noise (TID2013's type 7, KADID-10k's 22): to the nearest multiple of `step`, 255 at most."""
    return to_8bit(np.rint(as_float(image) / step) * step)


def band(image: np.ndarray, step: float, smooth: float) -> np.ndarray:
    """Banding: edge-preserving smoothing of `smooth` levels, then quantisation, so that gradients show contours."""
    return quantize(cv2.bilateralFilter(image, 7, smooth, 3), step)


def vignette(image: np.ndarray, strength: float, centre: tuple[float, float], size: float) -> np.ndarray:
    """Darkening by cos^4 of the angle to the axis: at `size` px from `centre` (y, x), 1 - `strength` remains."""
    height, width = image.shape[:2]
    y, x = np.ogrid[:height, :width]
    squared = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / size**2
    slope = 1 / np.sqrt(1 - strength) - 1  # cos^4 = (1 + slope r^2)^-2
    transmitted = (1 + slope * squared.astype(np.float32)) ** -2.0
    return to_8bit(as_float(image) * transmitted[..., None])


def haze(image: np.ndarray, density: float, airlight: np.ndarray, random: Random) -> np.ndarray:
    """Haze: J t + A (1 - t) with a transmission t that varies slowly around exp(-density); airlight (3,) in levels.

    Koschmieder's model, as in He et al., "Single image haze removal using dark channel prior", CVPR 2009.
    """
    height, width = image.shape[:2]
    depth = cv2.resize(white((4, 4), random), (width, height), interpolation=cv2.INTER_CUBIC)
    transmission = np.exp(-density * np.exp(0.4 * depth))[..., None]
    return to_8bit(as_float(image) * transmission + airlight.astype(np.float32) * (1 - transmission))
