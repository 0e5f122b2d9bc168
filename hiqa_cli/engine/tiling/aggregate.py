"""From the scores of tiles to the score of a picture: three ways, behind one set of methods.

EveryTile is the paper's mean over overlapping tiles (mode "exact"); OnePass the same mean over windows pooled from
tiles side by side (mode "fast"); Sample the mean over some tiles of a large picture.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from hiqa_cli.engine.config import TILE, Scoring
from hiqa_cli.engine.results import TilePrediction, TileScore

from .grid import TileGrid, plan_tiles
from .windows import Head, WindowPooler

AT_ONCE = 16  # tiles of a sample between two looks at its standard error
GOLDEN = 1.32471795724474602596  # the real root of x^3 = x + 1: of the spread sequence in two dimensions


class Aggregate(Protocol):
    """total: tiles there are to be averaged in the whole picture. needs_features: of the tiles that it asks for."""

    total: int
    needs_features: bool

    def next_place(self) -> tuple[int, int] | None:
        """(x, y) of the next tile that the networks should see; None: none for now."""

    def receive(self, x: int, y: int, verdict: TilePrediction, features: np.ndarray | None) -> None:
        """A tile's outputs: in the order of next_place(), or in rows of a denser grid, of which it takes its own."""

    @property
    def is_complete(self) -> bool:
        """Whether the score is settled."""

    @property
    def tiles(self) -> tuple[TileScore, ...]:
        """The tiles whose mean the score is."""

    @property
    def standard_error(self) -> float:
        """Of the mean, in points, for want of the other tiles; 0 where there are none."""


class TileMean:
    """Every tile of a grid, one by one."""

    needs_features = False
    standard_error = 0.0

    def __init__(self, grid: TileGrid) -> None:
        self.total = grid.count
        self._places = grid.places()
        self._tiles: list[TileScore] = []

    def next_place(self) -> tuple[int, int] | None:
        return next(self._places, None)

    def receive(self, x: int, y: int, verdict: TilePrediction, features: np.ndarray | None) -> None:
        self._tiles.append(TileScore(x, y, *verdict))

    @property
    def is_complete(self) -> bool:
        return len(self._tiles) == self.total

    @property
    def tiles(self) -> tuple[TileScore, ...]:
        return tuple(self._tiles)


class WindowMean:
    """Overlapping windows, pooled from tiles side by side."""

    needs_features = True
    standard_error = 0.0

    def __init__(self, windows: TileGrid, head: Head) -> None:
        self.total = windows.count
        self._windows = windows
        self._grid = plan_tiles(windows.width, windows.height, TILE)
        self._columns = {x: n for n, x in enumerate(self._grid.xs)}
        self._rows = frozenset(self._grid.ys)
        self._places = self._grid.places()
        self._pooler = WindowPooler(windows, self._grid, head)
        self._verdicts: list[TilePrediction] = []

    def next_place(self) -> tuple[int, int] | None:
        return next(self._places, None)

    def receive(self, x: int, y: int, verdict: TilePrediction, features: np.ndarray | None) -> None:
        column = self._columns.get(x)
        if column is None or y not in self._rows or features is None:
            return
        self._pooler.add(column, features)
        if column == len(self._columns) - 1:
            self._verdicts += self._pooler.finish_row()

    @property
    def is_complete(self) -> bool:
        return len(self._verdicts) == self.total

    @property
    def tiles(self) -> tuple[TileScore, ...]:
        places = zip(self._windows.places(), self._verdicts, strict=True)
        return tuple(TileScore(x, y, *verdict) for (x, y), verdict in places)


class SampledMean:
    """Tiles side by side of a large picture, in an order that is spread over it, until the mean is known well enough.

    The order and the ends that are looked at are fixed, so that the same picture has the same sample.
    """

    needs_features = False

    def __init__(self, grid: TileGrid, tolerance: float, most: int) -> None:
        self.total = grid.count
        self._order = spread_order(grid)[:most]
        self._tolerance = tolerance
        self._found: dict[tuple[int, int], TilePrediction] = {}
        self._wanted = set(self._order)
        self._given = 0
        self._count = 0  # of the tiles that the mean is taken over

    def next_place(self) -> tuple[int, int] | None:
        if self.is_complete or self._given == self._end:
            return None
        self._given += 1
        return self._order[self._given - 1]

    @property
    def _end(self) -> int:
        return min(self._count + AT_ONCE, len(self._order))

    def receive(self, x: int, y: int, verdict: TilePrediction, features: np.ndarray | None) -> None:
        if (x, y) not in self._wanted:
            return
        self._found[x, y] = verdict
        while not self.is_complete and all(place in self._found for place in self._order[self._count : self._end]):
            self._count = self._end

    @property
    def is_complete(self) -> bool:
        if self._count == len(self._order):
            return True
        return self._count > 0 and self.standard_error <= self._tolerance

    @property
    def tiles(self) -> tuple[TileScore, ...]:
        return tuple(TileScore(x, y, *self._found[x, y]) for x, y in self._order[: self._count])

    @property
    def standard_error(self) -> float:
        """Deviation of the tiles over the root of their number, less where they are a good part of all."""
        if self._count == self.total:
            return 0.0
        if self._count < 2:
            return math.inf
        scores = [self._found[place].score for place in self._order[: self._count]]
        return float(np.std(scores, ddof=1) / math.sqrt(self._count) * math.sqrt(1 - self._count / self.total))


def spread_order(grid: TileGrid) -> list[tuple[int, int]]:
    """All places of a grid, any first few of them spread evenly: along Roberts' R2 sequence, a generalisation of the
    golden ratio to two dimensions."""
    across, down = len(grid.xs), len(grid.ys)
    order: dict[tuple[int, int], None] = {}
    for n in range(8 * grid.count):  # the sequence meets nearly every place in this time
        x, y = (0.5 + n / GOLDEN) % 1, (0.5 + n / GOLDEN**2) % 1
        order.setdefault((grid.xs[int(x * across)], grid.ys[int(y * down)]))
    return list(order | dict.fromkeys(grid.places()))


def aggregate_for(width: int, height: int, scoring: Scoring, head: Head) -> Aggregate:
    """How a picture of width x height px is scored under these settings."""
    if scoring.samples(width, height):
        assert scoring.max_tiles is not None
        return SampledMean(plan_tiles(width, height, TILE), scoring.tolerance, scoring.max_tiles)
    windows = plan_tiles(width, height, scoring.stride)
    return TileMean(windows) if scoring.mode == "exact" else WindowMean(windows, head)


def picture_grid(width: int, height: int, scoring: Scoring) -> TileGrid:
    """The tiles that hallucination and maps of a picture are blended from."""
    return plan_tiles(width, height, scoring.picture_stride(width, height))
