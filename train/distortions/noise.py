"""Noise. Every function takes and returns (H, W, 3) uint8 RGB; `sigma` is in 8-bit levels.

The kinds are TID2013's (Ponomarenko et al., "Image database TID2013: Peculiarities, results and perspectives",
Signal Processing: Image Communication 30, 2015), which names them without giving code; the numbers are its types.
"""

from __future__ import annotations

import numpy as np

from .opencv import cv2
from .pixels import Random, as_float, dct_blocks, from_ycc, to_8bit, to_ycc, undo_dct_blocks, white


def add_noise(image: np.ndarray, sigma: float, random: Random, *, grey: bool = False) -> np.ndarray:
    """Additive white Gaussian noise (1); `grey`: the same in all three channels."""
    height, width, channels = image.shape
    noise = white((height, width, 1 if grey else channels), random) * sigma
    return to_8bit(as_float(image) + noise)


def chroma_noise(image: np.ndarray, sigma: float, random: Random, *, ratio: float = 2.0) -> np.ndarray:
    """Noise stronger in colour than in brightness (2): `sigma` in Y, `ratio` times that in Cb and Cr (BT.601)."""
    scale = np.array([sigma, sigma * ratio, sigma * ratio], np.float32)
    return to_8bit(from_ycc(to_ycc(image) + white(image.shape, random) * scale))


def correlated_noise(image: np.ndarray, sigma: float, random: Random, *, width: float = 3.0) -> np.ndarray:
    """Spatially correlated noise (3): white noise averaged over `width` px and scaled to the deviation `sigma`.

    width: 1 is white; between odd numbers the window's outermost weights are smaller.
    """
    half = (width - 1) / 2
    steps = np.arange(-int(np.ceil(half)), int(np.ceil(half)) + 1)
    row = np.clip(half + 1 - np.abs(steps), 0, 1)
    row /= np.sqrt(np.square(row).sum())  # keeps the deviation at 1
    noise = cv2.sepFilter2D(white(image.shape, random), -1, row, row, borderType=cv2.BORDER_REFLECT)
    return to_8bit(as_float(image) + sigma * noise)


def masked_noise(image: np.ndarray, sigma: float, random: Random) -> np.ndarray:
    """Noise where texture masks it (4): its deviation is `sigma` times s / (s + 64).

    s is the deviation of the same channel in a window of 7x7: no noise in a flat sky, much on grass.
    """
    values = as_float(image)
    mean = cv2.blur(values, (7, 7))
    contrast = np.sqrt(np.maximum(cv2.blur(values * values, (7, 7)) - mean * mean, 0))
    return to_8bit(values + white(image.shape, random) * (sigma * contrast / (contrast + 64)))


def high_frequency_noise(image: np.ndarray, sigma: float, random: Random, *, blur: float = 1.0) -> np.ndarray:
    """High-frequency noise (5): white noise minus its Gaussian blur (`blur` px), scaled to deviation `sigma`."""
    noise = white(image.shape, random)
    noise -= cv2.GaussianBlur(noise, (0, 0), blur)
    return to_8bit(as_float(image) + noise * (sigma / noise.std()))


def impulse_noise(image: np.ndarray, share: float, random: Random) -> np.ndarray:
    """Impulse noise (6): each value of each channel is replaced by any of 0..255 with probability `share`."""
    hit = random.random(image.shape, dtype=np.float32) < share
    return np.where(hit, random.integers(0, 256, image.shape, dtype=np.uint8), image)


def salt_and_pepper(image: np.ndarray, share: float, random: Random) -> np.ndarray:
    """Each value of each channel is replaced by 0 or 255 with probability `share` (KADID-10k's type 13)."""
    chance = random.random(image.shape, dtype=np.float32)
    out = image.copy()
    out[chance < share / 2] = 0
    out[chance > 1 - share / 2] = 255
    return out


def multiplicative_noise(image: np.ndarray, sigma: float, random: Random) -> np.ndarray:
    """Multiplicative Gaussian noise (19): every value times 1 + n, n of deviation `sigma` (relative, not levels)."""
    return to_8bit(as_float(image) * (1 + sigma * white(image.shape, random)))


def shot_noise(image: np.ndarray, sigma: float, random: Random, *, read: float = 0.3) -> np.ndarray:
    """Sensor noise, whose variance grows with the signal, in linear light (gamma 2.2).

    sigma: deviation at half of the full linear range, in 8-bit levels of that range; read: the share that
    remains in darkness. Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting", IEEE TIP 17, 2008.
    """
    linear = (as_float(image) / 255) ** 2.2
    deviation = sigma / 255 * np.sqrt(read**2 + (1 - read**2) * linear / 0.5)
    noisy = np.clip(linear + deviation * white(image.shape, random), 0, 1)
    return to_8bit(255 * noisy ** (1 / 2.2))


def comfort_noise(image: np.ndarray, threshold: float, random: Random) -> np.ndarray:
    """Comfort noise (20): fine texture replaced by another realisation of itself.

    In the orthonormal DCT of 8x8 blocks, every coefficient smaller than `threshold` (levels), except the mean, gets a
    random sign: the spectrum stays, the pattern changes. According to TID2013, viewers cannot see such noise.
    """
    coefficients = dct_blocks(as_float(image), 8)
    signs = np.where(random.random(coefficients.shape, dtype=np.float32) < 0.5, -1, 1).astype(np.float32)
    signs[..., 0, 0] = 1
    changed = np.where(np.abs(coefficients) < threshold, coefficients * signs, coefficients)
    return to_8bit(undo_dct_blocks(changed, *image.shape[:2]))


def compressed_noise(image: np.ndarray, sigma: float, random: Random, *, step: float = 3.5) -> np.ndarray:
    """Lossy compression of a noisy image (21): white noise of `sigma`, then a DCT coder of 32x32 blocks.

    The coder's uniform quantiser has a step of `step` times `sigma`, where compression takes most of the noise away:
    Ponomarenko et al., "Lossy compression of noisy images based on visual quality", EURASIP J. ASP, 2010.
    """
    noisy = as_float(add_noise(image, sigma, random))
    width = max(step * sigma, 1e-3)
    coefficients = np.rint(dct_blocks(to_ycc(noisy), 32) / width) * width
    return to_8bit(from_ycc(np.ascontiguousarray(undo_dct_blocks(coefficients, *image.shape[:2]))))
