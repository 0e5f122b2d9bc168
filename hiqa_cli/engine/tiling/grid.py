"""The tile grid: fixed, without randomness, covering every pixel (section 3.4).

Tiles of TILE x TILE px start every `stride` px; the last row and column are flush with the border. A side shorter than
TILE is extended by reflection to the right and downwards. Each tile is reflected by index when it is cut, so that an
image of 1 x 100000 px never needs a copy of 256 x 100000.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.config import TILE, check_stride


@dataclass(frozen=True)
class TileGrid:
    """The tiles of one image.

    width, height: px of the image.
    xs, ys: left and top edges of the tiles, ascending; the grid is their product.
    """

    width: int
    height: int
    xs: tuple[int, ...]
    ys: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.xs) * len(self.ys)

    @property
    def padded_width(self) -> int:
        """Px of the image after reflection."""
        return max(self.width, TILE)

    @property
    def padded_height(self) -> int:
        """Px of the image after reflection."""
        return max(self.height, TILE)

    @property
    def note(self) -> str:
        """The note on an image that was extended by reflection, else empty."""
        if self.width >= TILE and self.height >= TILE:
            return ""
        return f"reflected to {self.padded_width}x{self.padded_height}"

    @property
    def weights(self) -> np.ndarray:
        """The share of the image that each tile stands for, (count,) float64, row by row, with sum 1: a pixel that
        several tiles cover is divided among them."""
        across, down = side_shares(self.xs), side_shares(self.ys)
        return np.outer(down, across).ravel()

    def places(self) -> Iterator[tuple[int, int]]:
        """(x, y) of every tile, row by row."""
        for y in self.ys:
            for x in self.xs:
                yield x, y


def tile_starts(length: int, stride: int, tile: int = TILE) -> tuple[int, ...]:
    """Starts of tiles of `tile` px along one side of `length` px; the last one ends at the border."""
    last = max(length, tile) - tile
    return (*range(0, last, stride), last)


def side_shares(starts: tuple[int, ...], tile: int = TILE) -> np.ndarray:
    """The share of one side that each tile stands for, (n,) float64 with sum 1."""
    covered = np.zeros(starts[-1] + tile)
    for start in starts:
        covered[start : start + tile] += 1
    shares = np.array([(1 / covered[start : start + tile]).sum() for start in starts])
    return shares / len(covered)


def plan_tiles(width: int, height: int, stride: int) -> TileGrid:
    """The grid for an image of width x height px (both at least 1)."""
    check_stride(stride)
    return TileGrid(width, height, tile_starts(width, stride), tile_starts(height, stride))


def reflected_indices(start: int, length: int, count: int = TILE) -> np.ndarray:
    """Indices (count,) into a side of `length` px for places start .. start+count-1, reflected past
    its end without repeating the border, several times if needed; a side of 1 px is repeated."""
    if length == 1:
        return np.zeros(count, dtype=np.intp)
    period = 2 * (length - 1)
    places = np.arange(start, start + count) % period
    return np.minimum(places, period - places)


def cut_tile(pixels: np.ndarray, x: int, y: int, side: int = TILE) -> np.ndarray:
    """The tile (side, side, 3) of pixels (H, W, 3) at x, y; a copy where it is reflected."""
    height, width = pixels.shape[:2]
    tile = pixels[y : y + side, x : x + side]  # a side that is short starts at 0 and has one tile
    if tile.shape[1] < side:
        tile = tile[:, reflected_indices(x, width, side)]
    if tile.shape[0] < side:
        tile = tile[reflected_indices(y, height, side)]
    return tile
