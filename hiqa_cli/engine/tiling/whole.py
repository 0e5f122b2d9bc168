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


def reduced_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) of the reduced image in px."""
    factor = min(1.0, TILE / min(width, height), MOST_SIDE / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def whole_tiles(pixels: np.ndarray) -> list[np.ndarray]:
    """The adjacent tiles (TILE, TILE, 3) uint8 of an image (H, W, 3) uint8 or uint16, reduced by area averaging."""
    height, width = pixels.shape[:2]
    size = reduced_size(width, height)
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if size != (width, height):
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    return [cut_tile(pixels, x, y) for x, y in plan_tiles(*size, TILE).places()]
