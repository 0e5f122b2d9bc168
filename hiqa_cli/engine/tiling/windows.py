"""Scores of overlapping windows from the features of tiles side by side: mode "fast".

The networks see tiles that lie side by side (the last of a row flush with the border), every pixel about once. A
window of 256x256 px that straddles up to four of them is pooled from their last features: cells of 32x32 px, each
with its share of the window, where two tiles overlap those of the first. A window that is itself a tile gets that
tile's score. Each window holds its usual share of places near a tile's border, where the networks see zeros beyond
it; features of the whole picture at once would not, and score some points lower.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.results import TilePrediction

from .grid import TileGrid

# Pooled features (n, C) float32 -> verdicts (n, 2), scores in points and doubts: R2 of formula (12).
Head = Callable[[np.ndarray], np.ndarray]


def side_weights(window: int, tiles: tuple[int, ...], cells: int, tile: int = TILE) -> dict[int, np.ndarray]:
    """What each tile's cells along one side count in the window that starts at `window`: tile number -> (cells,)
    float32, adding up to 1. `tiles`: starts of the tiles; tile: px, their side and the window's."""
    size = tile / cells
    if window in tiles:
        return {tiles.index(window): np.full(cells, 1 / cells, np.float32)}
    first = max(n for n, start in enumerate(tiles) if start <= window)
    border = tiles[first] + tile  # the second tile counts from here
    weights = {}
    for number, low, high in ((first, window, border), (first + 1, border, window + tile)):
        edges = tiles[number] + size * np.arange(cells + 1)
        covered = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
        weights[number] = (np.maximum(covered, 0) / tile).astype(np.float32)
    return weights


class _Side:
    """One side of the picture: for every tile the windows that it touches, first and after the last, and their
    weights (cells, windows)."""

    def __init__(self, windows: tuple[int, ...], tiles: tuple[int, ...], cells: int) -> None:
        shares = [side_weights(window, tiles, cells) for window in windows]
        self.spans: list[tuple[int, int, np.ndarray]] = []
        for tile in range(len(tiles)):
            touched = [n for n, share in enumerate(shares) if tile in share]
            first, after = touched[0], touched[-1] + 1
            weights = np.stack([shares[n].get(tile, np.zeros(cells, np.float32)) for n in range(first, after)], axis=1)
            self.spans.append((first, after, weights))
        self.last_tile = [max(share) for share in shares]


class WindowPooler:
    """Takes the features of tiles row by row; gives every window's verdict as soon as its tiles are there."""

    def __init__(self, windows: TileGrid, tiles: TileGrid, head: Head) -> None:
        self._windows, self._tiles, self._head = windows, tiles, head
        self._across: _Side | None = None
        self._down: _Side | None = None
        self._line = np.zeros(0, np.float32)  # the present row of tiles, pooled along x: (cells, windows, C)
        self._open: dict[int, np.ndarray] = {}  # row of windows -> (windows, C), so far
        self._row = 0

    def add(self, column: int, features: np.ndarray) -> None:
        """The features (cells, cells, C) float32 of the tile in that column of the present row."""
        rows, cells, channels = features.shape
        if self._across is None or self._down is None:
            self._across = _Side(self._windows.xs, self._tiles.xs, cells)
            self._down = _Side(self._windows.ys, self._tiles.ys, rows)
            self._line = np.zeros((rows, len(self._windows.xs), channels), np.float32)
        first, after, weights = self._across.spans[column]
        self._line[:, first:after] += np.matmul(weights.T, features)

    def finish_row(self) -> list[TilePrediction]:
        """Verdicts on the windows, row by row, that are complete with the present row of tiles."""
        assert self._down is not None
        first, after, weights = self._down.spans[self._row]
        for number in range(first, after):
            pooled = np.tensordot(weights[:, number - first], self._line, 1)
            self._open[number] = self._open[number] + pooled if number in self._open else pooled
        verdicts: list[TilePrediction] = []
        for number in sorted(self._open):
            if self._down.last_tile[number] == self._row:
                verdicts.extend(TilePrediction(*map(float, verdict)) for verdict in self._head(self._open.pop(number)))
        self._line[:] = 0
        self._row += 1
        return verdicts
