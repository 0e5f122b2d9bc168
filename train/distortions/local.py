"""Local distortions: displaced patches, flat blocks, jittered pixels, and reconstruction from sparse samples.

Every function takes and returns (H, W, 3) uint8 RGB. The numbers are TID2013's types; KADID-10k's are named.
"""

from __future__ import annotations

import numpy as np

from .opencv import cv2
from .pixels import Random, as_float, dct_blocks, to_8bit, undo_dct_blocks


def random_square(height: int, width: int, side: int, random: Random) -> tuple[int, int]:
    """Top and left edge of a square inside the picture."""
    return int(random.integers(height - side + 1)), int(random.integers(width - side + 1))


def moved_patches(image: np.ndarray, count: int, random: Random, *, side: int = 15, reach: int = 16) -> np.ndarray:
    """Non-eccentricity pattern noise (14; KADID-10k's 20): `count` squares replaced by others up to `reach` px away.

    Such patches fit their surroundings: viewers hardly notice them, error measures do.
    """
    height, width = image.shape[:2]
    out = image.copy()
    for _ in range(count):
        y, x = random_square(height, width, side, random)
        from_y = int(np.clip(y + random.integers(-reach, reach + 1), 0, height - side))
        from_x = int(np.clip(x + random.integers(-reach, reach + 1), 0, width - side))
        out[y : y + side, x : x + side] = image[from_y : from_y + side, from_x : from_x + side]
    return out


def flat_blocks(image: np.ndarray, count: int, shift: float, random: Random, *, side: int = 32) -> np.ndarray:
    """Local block-wise distortions of different intensity (15): `count` squares, each all of one colour.

    A square's colour is its own mean, `shift` levels brighter or darker, in every channel by its own sign, away from
    an end of the scale that is closer than `shift`. Squares are on a grid of their side, each at most once.
    """
    rows, columns = image.shape[0] // side, image.shape[1] // side
    out = as_float(image)
    for number in random.choice(rows * columns, size=min(count, rows * columns), replace=False):
        y, x = number // columns * side, number % columns * side
        block = out[y : y + side, x : x + side]
        mean = block.mean(axis=(0, 1))
        sign = np.where(mean + shift > 255, -1, np.where(mean < shift, 1, random.choice((-1, 1), 3)))
        block[:] = mean + sign * shift
    return to_8bit(out)


def colour_blocks(image: np.ndarray, count: int, random: Random, *, side: int = 32) -> np.ndarray:
    """`count` squares of random colours (KADID-10k's type 23)."""
    height, width = image.shape[:2]
    out = image.copy()
    for _ in range(count):
        y, x = random_square(height, width, side, random)
        out[y : y + side, x : x + side] = random.integers(0, 256, 3)
    return out


def cut_off(image: np.ndarray, share: float, level: int) -> np.ndarray:
    """A file that ended early: the lower `share` of the picture is grey of one level."""
    out = image.copy()
    out[round(image.shape[0] * (1 - share)) :] = level
    return out


def dissolve(image: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Two pictures of one size at once, `share` of the second, as in a fade between scenes or a double exposure."""
    return to_8bit(as_float(image) * (1 - share) + as_float(other) * share)


def jitter(image: np.ndarray, reach: float, random: Random) -> np.ndarray:
    """Every pixel taken from up to `reach` px away, with cubic interpolation (KADID-10k's type 19)."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    away = random.uniform(-reach, reach, (2, height, width)).astype(np.float32)
    return cv2.remap(image, x + away[0], y + away[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def radial_samples(height: int, width: int, lines: float, start: float) -> np.ndarray:
    """(H, W) bool: frequencies of `np.fft.fft2` on `lines` evenly rotated lines through zero, the first at `start`.

    A frequency is on a line if its distance is at most half a grid step: near zero all are, far out few.
    """
    y = np.fft.fftfreq(height)[:, None] * height
    x = np.fft.fftfreq(width)[None] * width
    turn = (np.arctan2(y / height, x / width) / np.pi * lines + start) % 1  # 0 on a line, 1 on the next
    across = np.minimum(turn, 1 - turn) * np.pi / lines * np.hypot(y, x)
    return across <= 0.5


def sparse_sampling(image: np.ndarray, lines: float, random: Random, *, rounds: int = 8) -> np.ndarray:
    """Sparse sampling and reconstruction (24): only `lines` through zero of the Fourier transform are known.

    The rest is reconstructed by decreasing thresholds on the DCT of 8x8 blocks, on a grid that moves in every round,
    restoring the known frequencies each time; after Egiazarian, Foi and Katkovnik, "Compressed
    sensing image reconstruction via recursive spatially adaptive filtering", ICIP 2007, whose filter is BM3D.
    """
    height, width = image.shape[:2]
    known = radial_samples(height, width, lines, random.random())[:, : width // 2 + 1, None]
    samples = np.fft.rfft2(as_float(image), axes=(0, 1)) * known
    guess = np.fft.irfft2(samples, (height, width), axes=(0, 1)).astype(np.float32)
    for threshold in np.geomspace(80, 8, rounds):
        y, x = (int(start) for start in random.integers(8, size=2))
        coefficients = dct_blocks(np.pad(guess, ((y, 0), (x, 0), (0, 0)), mode="symmetric"), 8)
        small = np.abs(coefficients) < threshold
        small[..., 0, 0] = False
        coefficients[small] = 0
        guess = undo_dct_blocks(coefficients, height + y, width + x)[y:, x:]
        spectrum = np.where(known, samples, np.fft.rfft2(guess, axes=(0, 1)))
        guess = np.fft.irfft2(spectrum, (height, width), axes=(0, 1)).astype(np.float32)
    return to_8bit(guess)
