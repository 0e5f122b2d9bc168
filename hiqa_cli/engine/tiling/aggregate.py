"""The tiles whose statistics make the score of an image: all of a grid, or a sample of a large image's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from hiqa_cli.engine.config import TILE, Scoring

from .grid import TileGrid, plan_tiles

AT_ONCE = 16  # sampled tiles between two checks of the standard error
PLASTIC_NUMBER = 1.32471795724474602596  # real root of x^3 = x + 1, of the R2 sequence

Place = tuple[int, int]  # x, y of a tile
PointsOf = Callable[[np.ndarray], np.ndarray]  # statistics (n, N) of tiles -> their scores in points, (n,)


class Aggregate(Protocol):
    """The tiles of one image that count. total: how many the whole image has."""

    total: int

    def next_place(self) -> Place | None:
        """The next tile to run; None if there is none for now."""

    def receive(self, place: Place, statistics: np.ndarray) -> None:
        """Take a tile's statistics (N,), in the order of next_place() or of a denser grid, whose other tiles it
        ignores."""

    @property
    def is_complete(self) -> bool:
        """Whether no further tile is needed."""

    @property
    def places(self) -> tuple[Place, ...]:
        """The tiles that count."""

    @property
    def statistics(self) -> np.ndarray:
        """Their statistics, (n, N) float32."""

    @property
    def weights(self) -> np.ndarray:
        """How much each of them counts, (n,) with sum 1."""

    @property
    def standard_error(self) -> float:
        """Sampling error of the score, in points; 0 if every tile was scored."""


class EveryTile:
    """All tiles of a grid."""

    standard_error = 0.0

    def __init__(self, grid: TileGrid) -> None:
        self.total = grid.count
        self.weights = grid.weights
        self._to_run = grid.places()
        self._found: dict[Place, np.ndarray] = dict.fromkeys(grid.places(), np.zeros(0, np.float32))
        self._missing = grid.count

    def next_place(self) -> Place | None:
        return next(self._to_run, None)

    def receive(self, place: Place, statistics: np.ndarray) -> None:
        if place in self._found:
            self._found[place] = statistics
            self._missing -= 1

    @property
    def is_complete(self) -> bool:
        return self._missing == 0

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(self._found)

    @property
    def statistics(self) -> np.ndarray:
        return np.stack(list(self._found.values()))


class SampledTiles:
    """Adjacent tiles of a large image, drawn until the standard error of their mean score is at most `tolerance`.

    The order is fixed and spread over the image, and the standard error is checked at fixed numbers of tiles, so that
    the same image always has the same sample. most: the largest number of tiles.
    """

    def __init__(self, grid: TileGrid, tolerance: float, most: int, points_of: PointsOf) -> None:
        self.total = grid.count
        self._order = spread_order(grid)[:most]
        self._tolerance = tolerance
        self._points_of = points_of
        self._found: dict[Place, np.ndarray] = {}
        self._candidates = set(self._order)
        self._started = 0  # tiles that next_place() has given
        self._points: list[float] = []  # scores of the tiles that count
        self.standard_error = math.inf

    def next_place(self) -> Place | None:
        if self.is_complete or self._started == self._end:
            return None
        self._started += 1
        return self._order[self._started - 1]

    @property
    def _end(self) -> int:
        return min(len(self._points) + AT_ONCE, len(self._order))

    def receive(self, place: Place, statistics: np.ndarray) -> None:
        if place not in self._candidates:
            return
        self._found[place] = statistics
        while not self.is_complete:
            further = self._order[len(self._points) : self._end]
            if not all(one in self._found for one in further):
                return
            self._points += self._points_of(np.stack([self._found[one] for one in further])).tolist()
            self.standard_error = self._error()

    @property
    def weights(self) -> np.ndarray:
        return np.full(len(self._points), 1 / len(self._points))

    def _error(self) -> float:
        """Standard deviation over the root of the number of tiles, with the correction for a finite population."""
        count = len(self._points)
        if count == self.total:
            return 0.0
        if count < 2:
            return math.inf
        return float(np.std(self._points, ddof=1) / math.sqrt(count) * math.sqrt(1 - count / self.total))

    @property
    def is_complete(self) -> bool:
        return len(self._points) == len(self._order) or self.standard_error <= self._tolerance

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(self._order[: len(self._points)])

    @property
    def statistics(self) -> np.ndarray:
        return np.stack([self._found[place] for place in self.places])


def spread_order(grid: TileGrid) -> list[tuple[int, int]]:
    """All places of a grid, ordered so that every initial part is spread evenly over it: Roberts' R2 sequence, which
    extends the golden ratio to two dimensions."""
    across, down = len(grid.xs), len(grid.ys)
    order: dict[tuple[int, int], None] = {}
    for n in range(8 * grid.count):  # enough for the sequence to hit nearly every place
        x, y = (0.5 + n / PLASTIC_NUMBER) % 1, (0.5 + n / PLASTIC_NUMBER**2) % 1
        order.setdefault((grid.xs[int(x * across)], grid.ys[int(y * down)]))
    return list(order | dict.fromkeys(grid.places()))


def aggregate_for(width: int, height: int, scoring: Scoring, points_of: PointsOf) -> Aggregate:
    """The aggregate for an image of width x height px. points_of: the scores of its tiles, for sampling."""
    if scoring.samples(width, height):
        assert scoring.max_tiles is not None
        return SampledTiles(plan_tiles(width, height, TILE), scoring.tolerance, scoring.max_tiles, points_of)
    return EveryTile(plan_tiles(width, height, scoring.tile_stride))


def blend_grid(width: int, height: int, scoring: Scoring) -> TileGrid:
    """The tiles that hallucination and maps of an image are blended from."""
    return plan_tiles(width, height, scoring.blend_stride(width, height))
