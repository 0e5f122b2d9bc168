"""Blend overlapping tiles into one image, without seams, a strip of rows at a time.

Every tile is weighted by a raised cosine, highest in the middle, where the networks see most of the surroundings. Grid
and window are separable, so the weights are normalised along each side by itself and sum to 1 at every pixel. Memory
holds only rows that later tiles overlap, and only pixels of the image, not those added by reflection.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hiqa_cli.engine.config import TILE

from .grid import TileGrid

# The size of a strip, so that temporary copies of a wide image stay small.
STRIP_ROWS = 64
STRIP_PIXELS = 1_000_000


def raised_cosine() -> np.ndarray:
    """The window (TILE,) float64, small at both ends but never 0, because it becomes a divisor."""
    places = (np.arange(TILE) + 0.5) / TILE
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * places)


class SideWeights:
    """Weights of the tiles along one side of an image, with sum 1 at every pixel of the side."""

    def __init__(self, starts: tuple[int, ...], length: int) -> None:
        self.length = length
        self._window = raised_cosine()
        self._total = np.zeros(starts[-1] + TILE)
        for start in starts:
            self._total[start : start + TILE] += self._window

    def of_tile(self, start: int) -> np.ndarray:
        """Weights (n,) float32 of the tile at `start`; n is TILE, or less at the border."""
        weights = self._window / self._total[start : start + TILE]
        return weights[: self.length - start].astype(np.float32)


def row_strips(grid: TileGrid, row: int) -> Iterator[tuple[int, int]]:
    """(y, rows) of the strips that tile row `row` completes."""
    first = grid.ys[row]
    last = grid.ys[row + 1] if row + 1 < len(grid.ys) else grid.height
    at_once = max(1, min(STRIP_ROWS, STRIP_PIXELS // grid.width))
    for y in range(first, last, at_once):
        yield y, min(at_once, last - y)


class CorrectionBlender:
    """Blends the corrections of an image's tiles: add() every tile of a row, then finish_row()."""

    def __init__(self, grid: TileGrid) -> None:
        self._grid = grid
        self._columns = SideWeights(grid.xs, grid.width)
        self._rows = SideWeights(grid.ys, grid.height)
        self._band = np.zeros((min(TILE, grid.height), grid.width, 3), dtype=np.float32)
        self._row = 0

    def add(self, x: int, correction: np.ndarray) -> None:
        """Add a tile of the current row: correction (TILE, TILE, 3) float32 at left edge x."""
        down = self._rows.of_tile(self._grid.ys[self._row])
        across = self._columns.of_tile(x)
        part = correction[: len(down), : len(across)] * (down[:, None, None] * across[:, None])
        self._band[: len(down), x : x + len(across)] += part

    def finish_row(self) -> Iterator[tuple[int, np.ndarray]]:
        """Strips (y, correction (rows, W, 3) float32) that the current row completes; each is a view, valid until the
        next one. Read all of them before the next add()."""
        top = self._grid.ys[self._row]
        done = 0
        for y, rows in row_strips(self._grid, self._row):
            yield y, self._band[y - top : y - top + rows]
            done = y - top + rows
        kept = self._band.shape[0] - done
        for start in range(0, kept, STRIP_ROWS):  # downwards, so that no row is overwritten unread
            stop = min(start + STRIP_ROWS, kept)
            self._band[start:stop] = self._band[start + done : stop + done].copy()
        self._band[kept:] = 0.0
        self._row += 1


class ScoreBlender:
    """Blends tile scores with the same window into a quality map, points 0..100."""

    def __init__(self, grid: TileGrid) -> None:
        self._grid = grid
        self._columns = SideWeights(grid.xs, grid.width)
        self._rows = SideWeights(grid.ys, grid.height)
        self._profiles: dict[int, np.ndarray] = {}  # tile row -> its scores blended along x, (W,)
        self._row = 0

    def finish_row(self, scores: list[float]) -> Iterator[tuple[int, np.ndarray]]:
        """Strips (y, quality (rows, W) float32) that the current row completes, whose tiles have `scores` from left to
        right. Read all of them before the next row."""
        profile = np.zeros(self._grid.width, dtype=np.float32)
        for x, score in zip(self._grid.xs, scores, strict=True):
            across = self._columns.of_tile(x)
            profile[x : x + len(across)] += np.float32(score) * across
        top = self._grid.ys[self._row]
        self._profiles[self._row] = profile
        for row in [row for row in self._profiles if self._grid.ys[row] + TILE <= top]:
            del self._profiles[row]
        for y, rows in row_strips(self._grid, self._row):
            strip = np.zeros((rows, self._grid.width), dtype=np.float32)
            for row, across_scores in self._profiles.items():
                start = self._grid.ys[row]
                strip_weights = np.zeros(rows, dtype=np.float32)
                covered = self._rows.of_tile(start)[y - start : y - start + rows]
                strip_weights[: len(covered)] = covered
                strip += strip_weights[:, None] * across_scores
            yield y, strip
        self._row += 1
