"""Aggregate tile scores into the score of an image.

TileMean is the paper's mean over overlapping tiles (mode "exact"), WindowMean the mean over windows pooled from
adjacent tiles (mode "fast"), and SampledMean the mean over a sample of the tiles of a large image.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from hiqa_cli.engine.config import TILE, Scoring
from hiqa_cli.engine.results import TileScore

from .grid import TileGrid, plan_tiles
from .windows import PredictPooled, WindowPooler

AT_ONCE = 16  # sampled tiles between two checks of the standard error
PLASTIC_NUMBER = 1.32471795724474602596  # real root of x^3 = x + 1, of the R2 sequence


class Aggregate(Protocol):
    """The score of one image from the outputs of its tiles.

    total: tiles (or windows) of the whole image. needs_features: whether receive() needs the tiles' features.
    """

    total: int
    needs_features: bool

    def next_place(self) -> tuple[int, int] | None:
        """(x, y) of the next tile to run; None if there is none for now."""

    def receive(self, tile: TileScore, features: np.ndarray | None) -> None:
        """Take a tile's outputs, in the order of next_place() or of a denser grid, whose other tiles it ignores."""

    @property
    def is_complete(self) -> bool:
        """Whether the score is final."""

    @property
    def tiles(self) -> tuple[TileScore, ...]:
        """The tiles (or windows) whose mean is the score."""

    @property
    def standard_error(self) -> float:
        """Sampling error of the mean, in points; 0 if every tile was scored."""


class TileMean:
    """The mean over every tile of a grid."""

    needs_features = False
    standard_error = 0.0

    def __init__(self, grid: TileGrid) -> None:
        self.total = grid.count
        self._places = grid.places()
        self._tiles: list[TileScore] = []

    def next_place(self) -> tuple[int, int] | None:
        return next(self._places, None)

    def receive(self, tile: TileScore, features: np.ndarray | None) -> None:
        self._tiles.append(tile)

    @property
    def is_complete(self) -> bool:
        return len(self._tiles) == self.total

    @property
    def tiles(self) -> tuple[TileScore, ...]:
        return tuple(self._tiles)


class WindowMean:
    """The mean over overlapping windows, pooled from adjacent tiles."""

    needs_features = True
    standard_error = 0.0

    def __init__(self, windows: TileGrid, predict_pooled: PredictPooled) -> None:
        self.total = windows.count
        self._grid = plan_tiles(windows.width, windows.height, TILE)
        self._columns = {x: n for n, x in enumerate(self._grid.xs)}
        self._rows = frozenset(self._grid.ys)
        self._places = self._grid.places()
        self._pooler = WindowPooler(windows, self._grid, predict_pooled)
        self._window_places = windows.places()
        self._scored: list[TileScore] = []

    def next_place(self) -> tuple[int, int] | None:
        return next(self._places, None)

    def receive(self, tile: TileScore, features: np.ndarray | None) -> None:
        column = self._columns.get(tile.x)
        if column is None or tile.y not in self._rows or features is None:
            return
        self._pooler.add(column, features)
        if column == len(self._columns) - 1:
            for score, predicted_error in self._pooler.finish_row():
                x, y = next(self._window_places)
                self._scored.append(TileScore(x, y, float(score), float(predicted_error)))

    @property
    def is_complete(self) -> bool:
        return len(self._scored) == self.total

    @property
    def tiles(self) -> tuple[TileScore, ...]:
        return tuple(self._scored)


class SampledMean:
    """The mean over adjacent tiles of a large image, drawn until its standard error is at most `tolerance`.

    The order is fixed and spread over the image, and the standard error is checked at fixed numbers of tiles, so that
    the same image always has the same sample. most: the largest number of tiles.
    """

    needs_features = False

    def __init__(self, grid: TileGrid, tolerance: float, most: int) -> None:
        self.total = grid.count
        self._order = spread_order(grid)[:most]
        self._tolerance = tolerance
        self._scored: dict[tuple[int, int], TileScore] = {}
        self._candidates = set(self._order)
        self._started = 0  # tiles that next_place() has given
        self._count = 0  # tiles in the mean

    def next_place(self) -> tuple[int, int] | None:
        if self.is_complete or self._started == self._end:
            return None
        self._started += 1
        return self._order[self._started - 1]

    @property
    def _end(self) -> int:
        return min(self._count + AT_ONCE, len(self._order))

    def receive(self, tile: TileScore, features: np.ndarray | None) -> None:
        if (tile.x, tile.y) not in self._candidates:
            return
        self._scored[tile.x, tile.y] = tile
        while not self.is_complete and all(place in self._scored for place in self._order[self._count : self._end]):
            self._count = self._end

    @property
    def is_complete(self) -> bool:
        if self._count == len(self._order):
            return True
        return self._count > 0 and self.standard_error <= self._tolerance

    @property
    def tiles(self) -> tuple[TileScore, ...]:
        return tuple(self._scored[place] for place in self._order[: self._count])

    @property
    def standard_error(self) -> float:
        """Standard deviation over the root of the number of tiles, with the correction for a finite population."""
        if self._count == self.total:
            return 0.0
        if self._count < 2:
            return math.inf
        scores = [self._scored[place].score for place in self._order[: self._count]]
        return float(np.std(scores, ddof=1) / math.sqrt(self._count) * math.sqrt(1 - self._count / self.total))


def spread_order(grid: TileGrid) -> list[tuple[int, int]]:
    """All places of a grid, ordered so that every initial part is spread evenly over it: Roberts' R2 sequence, which
    extends the golden ratio to two dimensions."""
    across, down = len(grid.xs), len(grid.ys)
    order: dict[tuple[int, int], None] = {}
    for n in range(8 * grid.count):  # enough for the sequence to hit nearly every place
        x, y = (0.5 + n / PLASTIC_NUMBER) % 1, (0.5 + n / PLASTIC_NUMBER**2) % 1
        order.setdefault((grid.xs[int(x * across)], grid.ys[int(y * down)]))
    return list(order | dict.fromkeys(grid.places()))


def aggregate_for(width: int, height: int, scoring: Scoring, predict_pooled: PredictPooled) -> Aggregate:
    """The aggregate for an image of width x height px; predict_pooled: R2 (`Backend`)."""
    if scoring.samples(width, height):
        assert scoring.max_tiles is not None
        return SampledMean(plan_tiles(width, height, TILE), scoring.tolerance, scoring.max_tiles)
    windows = plan_tiles(width, height, scoring.stride)
    return TileMean(windows) if scoring.mode == "exact" else WindowMean(windows, predict_pooled)


def blend_grid(width: int, height: int, scoring: Scoring) -> TileGrid:
    """The tiles that hallucination and maps of an image are blended from."""
    return plan_tiles(width, height, scoring.blend_stride(width, height))
