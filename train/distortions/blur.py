"""Blur of several kinds, loss of resolution, denoising, sharpening.

Every function takes and returns (H, W, 3) uint8 RGB; lengths are in px.
"""

from __future__ import annotations

import math

import numpy as np

from .noise import add_noise
from .opencv import cv2
from .pixels import Random, as_float, dct_blocks, from_ycc, to_8bit, to_ycc, undo_dct_blocks


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur by OpenCV in 8 bits, with its default kernel size and border."""
    return cv2.GaussianBlur(image, (0, 0), sigma)


def zero_bordered_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur like TID2013's type 8: a kernel of 11x11, zeros beyond the border, rounded at the end."""
    # In floating point: OpenCV's blur of 8-bit values rounds the kernel, which is 0.1 dB off at mild levels.
    return to_8bit(cv2.GaussianBlur(image.astype(np.float64), (11, 11), sigma, borderType=cv2.BORDER_CONSTANT))


def defocus(image: np.ndarray, radius: float) -> np.ndarray:
    """Lens blur: the mean over a disc of `radius` (KADID-10k's type 2), its rim weighted by coverage."""
    reach = math.ceil(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return cv2.filter2D(image, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)


def motion_blur(image: np.ndarray, length: float, angle: float) -> np.ndarray:
    """The mean along a straight line of `length` at `angle` (radians, KADID-10k's type 3)."""
    reach = math.ceil(length / 2)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float64)
    for along in np.linspace(-length / 2, length / 2, 8 * reach + 1):
        y, x = reach + along * math.sin(angle), reach + along * math.cos(angle)
        top, left = min(int(y), 2 * reach - 1), min(int(x), 2 * reach - 1)
        down, right = y - top, x - left
        kernel[top : top + 2, left : left + 2] += np.outer((1 - down, down), (1 - right, right))
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def astigmatic_blur(image: np.ndarray, sigma: float, ratio: float, angle: float) -> np.ndarray:
    """Lens blur that differs by direction: a Gaussian of `sigma` px along `angle` (radians), sigma / ratio across."""
    reach = math.ceil(3 * sigma)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    kernel = np.exp(-(along**2 + (across * ratio) ** 2) / (2 * sigma**2))
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def downscale(image: np.ndarray, factor: float, up: int = cv2.INTER_CUBIC) -> np.ndarray:
    """Loss of resolution: reduced by area averaging by `factor` >= 1, then enlarged to the original size."""
    height, width = image.shape[:2]
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    return cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height), interpolation=up)


def pixelate(image: np.ndarray, factor: float) -> np.ndarray:
    """Loss of resolution, each remaining pixel shown as a square (KADID-10k's type 21)."""
    return downscale(image, factor, cv2.INTER_NEAREST)


def unsharp(image: np.ndarray, amount: float, sigma: float = 1.0) -> np.ndarray:
    """Unsharp masking: adds `amount` times the difference from a Gaussian blur (KADID-10k's type 24: 1..12)."""
    values = as_float(image)
    return to_8bit(values + amount * (values - cv2.GaussianBlur(values, (0, 0), sigma)))


def denoise(image: np.ndarray, sigma: float, *, shifts: int = 4, threshold: float = 2.7) -> np.ndarray:
    """Remove white noise of `sigma` (levels) by hard thresholds on the DCT of overlapping 8x8 blocks.

    Luma and chroma are processed separately; coefficients below `threshold` sigma count as noise. The results of
    `shifts` evenly shifted block grids are averaged. Yu and Sapiro, "DCT image denoising: a simple
    and effective image denoising algorithm", IPOL 1, 2011.
    """
    height, width = image.shape[:2]
    ycc = to_ycc(image)
    deviation = sigma * np.array([0.669, 0.604, 0.657], np.float32)  # of white RGB noise in Y, Cb, Cr
    least = (threshold * deviation)[:, None, None, None, None]
    total = np.zeros_like(ycc)
    for step in range(shifts):
        y, x = 8 * step // shifts, 8 * ((step * 3) % shifts) // shifts
        padded = np.pad(ycc, ((y, 0), (x, 0), (0, 0)), mode="symmetric") if y or x else ycc
        coefficients = dct_blocks(padded, 8)
        small = np.abs(coefficients) < least
        small[..., 0, 0] = False
        coefficients[small] = 0
        total += undo_dct_blocks(coefficients, height + y, width + x)[y:, x:]
    return to_8bit(from_ycc(total / shifts))


def add_noise_and_denoise(image: np.ndarray, sigma: float, random: Random, *, shifts: int = 4) -> np.ndarray:
    """White noise of `sigma`, then `denoise` with the same sigma (TID2013's type 9)."""
    return denoise(add_noise(image, sigma, random), sigma, shifts=shifts)
