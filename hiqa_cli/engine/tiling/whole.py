"""The whole image, reduced: one more view for an R that judges it (networks/pair_regressor.py).

Its shorter side becomes that of a tile, so that an image of usual proportions is one or two tiles; a long strip becomes
MOST_SIDE px long. Nothing is enlarged.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from hiqa_cli.engine.config import TILE

from .grid import cut_tile, plan_tiles

MOST_SIDE = 4 * TILE  # px
_STRIP = 2**20  # pixels


def reduced_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the reduced image in px."""
    factor = min(1.0, TILE / min(width, height), MOST_SIDE / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def whole_tiles(pixels: np.ndarray) -> list[np.ndarray]:
    """The adjacent tiles (TILE, TILE, 3) uint8 of an image (H, W, 3) uint8 or uint16, reduced by area averaging."""
    height, width = pixels.shape[:2]
    size = reduced_size(width, height)
    reduced = _as_8_bits(pixels) if size == (width, height) else _reduce(pixels, size)
    return [cut_tile(reduced, x, y) for x, y in plan_tiles(*size, TILE).places()]


def _reduce(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Reduce the rows in strips, then the columns, as Pillow does; at once it would copy all pixels to 4 bytes each."""
    at_once = max(1, _STRIP // pixels.shape[1])
    strips = (_as_8_bits(pixels[top : top + at_once]) for top in range(0, len(pixels), at_once))
    return _resized(np.concatenate([_resized(strip, (size[0], len(strip))) for strip in strips]), size)


def _resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _as_8_bits(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
