"""Pool the scores of overlapping windows from the features of adjacent tiles: mode "fast".

The networks run on adjacent tiles (the last of a row flush with the border), so each pixel is processed about once. A
window of 256x256 px that overlaps up to four tiles is pooled from their last features: cells of 32x32 px, each weighted
by the part of it inside the window; where two tiles overlap, the first one is used. A window that is itself a tile gets
that tile's score. Every window thus has the usual fraction of cells next to the zero padding of a tile border; features
computed on the whole image at once do not, and their scores are some points lower.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hiqa_cli.engine.config import TILE

from .grid import TileGrid

# R2 of formula (12): pooled features (n, C) float32 -> predictions (n, 2), as in `TileOutputs`.
PredictPooled = Callable[[np.ndarray], np.ndarray]


def side_weights(window: int, tiles: tuple[int, ...], cells: int, tile: int = TILE) -> dict[int, np.ndarray]:
    """Weights of the tiles' cells, along one side, in the window that starts at `window`: tile number -> (cells,)
    float32, with sum 1. tiles: starts of the tiles; tile: px, side of tiles and window."""
    size = tile / cells
    if window in tiles:
        return {tiles.index(window): np.full(cells, 1 / cells, np.float32)}
    first = max(n for n, start in enumerate(tiles) if start <= window)
    border = tiles[first] + tile  # from here on the second tile counts
    weights = {}
    for number, low, high in ((first, window, border), (first + 1, border, window + tile)):
        edges = tiles[number] + size * np.arange(cells + 1)
        covered = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
        weights[number] = (np.maximum(covered, 0) / tile).astype(np.float32)
    return weights


class _Side:
    """One side of the image. spans: for every tile (first, after, weights): the windows that it overlaps are first ..
    after-1, with weights (cells, windows). last_tile: for every window the last tile that it overlaps."""

    def __init__(self, windows: tuple[int, ...], tiles: tuple[int, ...], cells: int) -> None:
        per_window = [side_weights(window, tiles, cells) for window in windows]
        self.spans: list[tuple[int, int, np.ndarray]] = []
        for tile in range(len(tiles)):
            overlapped = [n for n, weights_of in enumerate(per_window) if tile in weights_of]
            first, after = overlapped[0], overlapped[-1] + 1
            none = np.zeros(cells, np.float32)
            weights = np.stack([per_window[n].get(tile, none) for n in range(first, after)], axis=1)
            self.spans.append((first, after, weights))
        self.last_tile = [max(weights_of) for weights_of in per_window]


class WindowPooler:
    """Takes the features of tiles row by row, and predicts every window once its last row of tiles is complete."""

    def __init__(self, windows: TileGrid, tiles: TileGrid, predict_pooled: PredictPooled) -> None:
        self._windows, self._tiles, self._predict_pooled = windows, tiles, predict_pooled
        self._across: _Side | None = None
        self._down: _Side | None = None
        self._line = np.zeros(0, np.float32)  # the current row of tiles, pooled along x: (cells, windows, C)
        self._open: dict[int, np.ndarray] = {}  # row of windows -> (windows, C), pooled so far
        self._row = 0

    def add(self, column: int, features: np.ndarray) -> None:
        """The features (cells, cells, C) float32 of the tile in that column of the current row."""
        rows, cells, channels = features.shape
        if self._across is None or self._down is None:
            self._across = _Side(self._windows.xs, self._tiles.xs, cells)
            self._down = _Side(self._windows.ys, self._tiles.ys, rows)
            self._line = np.zeros((rows, len(self._windows.xs), channels), np.float32)
        first, after, weights = self._across.spans[column]
        self._line[:, first:after] += np.matmul(weights.T, features)

    def finish_row(self) -> list[np.ndarray]:
        """Predictions (2,) of the windows, row by row, that the current row of tiles completes."""
        assert self._down is not None
        first, after, weights = self._down.spans[self._row]
        for number in range(first, after):
            pooled = np.tensordot(weights[:, number - first], self._line, 1)
            self._open[number] = self._open[number] + pooled if number in self._open else pooled
        predictions: list[np.ndarray] = []
        for number in sorted(self._open):
            if self._down.last_tile[number] == self._row:
                predictions.extend(self._predict_pooled(self._open.pop(number)))
        self._line[:] = 0
        self._row += 1
        return predictions
