"""Distortions of places: patches moved, blocks painted over, pixels jittered, samples lost and filled in again.

Every function takes and gives (H, W, 3) uint8 RGB. The numbers are TID2013's types; KADID-10k's are named.
"""

from __future__ import annotations

import numpy as np

from hiqa_cli.engine.opencv import cv2

from .values import Random, as_float, dct_blocks, to_8bit, undo_dct_blocks


def place(height: int, width: int, side: int, random: Random) -> tuple[int, int]:
    """Top and left edge of a square inside the picture."""
    return int(random.integers(height - side + 1)), int(random.integers(width - side + 1))


def moved_patches(image: np.ndarray, count: int, random: Random, *, side: int = 15, reach: int = 16) -> np.ndarray:
    """Non-eccentricity pattern noise (14; KADID-10k's 20): `count` squares replaced by what is up to `reach` px away.

    Such patches look at home where they are: viewers hardly notice them, measures of error do.
    """
    height, width = image.shape[:2]
    out = image.copy()
    for _ in range(count):
        y, x = place(height, width, side, random)
        from_y = int(np.clip(y + random.integers(-reach, reach + 1), 0, height - side))
        from_x = int(np.clip(x + random.integers(-reach, reach + 1), 0, width - side))
        out[y : y + side, x : x + side] = image[from_y : from_y + side, from_x : from_x + side]
    return out


def shifted_blocks(image: np.ndarray, count: int, shift: float, random: Random, *, side: int = 32) -> np.ndarray:
    """Local block-wise distortions of different intensity (15): `count` squares, each `shift` levels off.

    Brighter or darker at random, in every channel by its own sign.
    """
    height, width = image.shape[:2]
    out = as_float(image)
    for _ in range(count):
        y, x = place(height, width, side, random)
        out[y : y + side, x : x + side] += shift * random.choice((-1.0, 1.0), 3)
    return to_8bit(out)


def colour_blocks(image: np.ndarray, count: int, random: Random, *, side: int = 32) -> np.ndarray:
    """`count` squares of random colours (KADID-10k's type 23)."""
    height, width = image.shape[:2]
    out = image.copy()
    for _ in range(count):
        y, x = place(height, width, side, random)
        out[y : y + side, x : x + side] = random.integers(0, 256, 3)
    return out


def jitter(image: np.ndarray, reach: float, random: Random) -> np.ndarray:
    """Every pixel fetched from up to `reach` px away, between pixels by cubic interpolation (KADID-10k's type 19)."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    away = random.uniform(-reach, reach, (2, height, width)).astype(np.float32)
    return cv2.remap(image, x + away[0], y + away[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def sparse_sampling(image: np.ndarray, share: float, random: Random, *, rounds: int = 12) -> np.ndarray:
    """Sparse sampling and reconstruction (24): a random `share` of the pixels is kept, the rest is imagined.

    Iterative thresholding of the DCT of 8x8 blocks on a grid that moves from round to round, with a threshold that
    falls: Donoho and Elad's sparse recovery, in the simple form of Guleryuz, "Nonlinear approximation based image
    recovery using adaptive sparse reconstructions", IEEE TIP 15, 2006.
    """
    height, width = image.shape[:2]
    kept = (random.random((height, width), dtype=np.float32) < share)[..., None]
    known = as_float(image) * kept
    weight = cv2.GaussianBlur(kept[..., 0].astype(np.float32), (0, 0), 1.5)[..., None]
    guess = np.where(kept, known, cv2.GaussianBlur(known, (0, 0), 1.5) / np.maximum(weight, 1e-3))
    for threshold in np.geomspace(100, 4, rounds):
        y, x = (int(start) for start in random.integers(8, size=2))
        coefficients = dct_blocks(np.pad(guess, ((y, 0), (x, 0), (0, 0)), mode="symmetric"), 8)
        small = np.abs(coefficients) < threshold
        small[..., 0, 0] = False
        coefficients[small] = 0
        guess = np.where(kept, known, undo_dct_blocks(coefficients, height + y, width + x)[y:, x:])
    return to_8bit(guess)
