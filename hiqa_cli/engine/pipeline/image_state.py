"""The state of one image: tiles to run, outputs accumulated so far, and the result."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from hiqa_cli.engine.backends.backend import Backend
from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.outputs.pictures import open_sinks
from hiqa_cli.engine.outputs.sinks import Sink, compose_strip
from hiqa_cli.engine.results import ScoreResult, TileScore
from hiqa_cli.engine.row_schema import MOST
from hiqa_cli.engine.tiling.aggregate import Aggregate, aggregate_for, blend_grid
from hiqa_cli.engine.tiling.blending import CorrectionBlender, ScoreBlender
from hiqa_cli.engine.tiling.grid import TileGrid, cut_tile
from hiqa_cli.engine.tiling.whole import whole_tiles
from hiqa_cli.errors import HiqaError, ImageError
from hiqa_cli.images.picture import Picture

from .statistics import ImageStatistics, image_prediction, pooled

Z80 = 1.2816  # a normal variable lies within this many standard deviations 80 % of the time


class ImageState:
    """One image from begin() to finish() or fail(), after which `outcome` is its result or error.

    Holds in float only the rows that further tiles overlap; passes completed rows to the sinks at once.
    """

    _aggregate: Aggregate  # this and the following: set by begin()
    _grid: TileGrid
    _scoring: Scoring
    _backend: Backend

    def __init__(self, job: Job) -> None:
        self.job = job
        self.outcome: ScoreResult | HiqaError | None = None
        self.pixel_count = 0
        self.needs_corrections = False
        self._picture: Picture | None = None
        self._sinks: Sequence[Sink] = ()
        self._places: Iterator[tuple[int, int]] | None = None  # of `_grid`; None: the aggregate chooses the tiles
        self._next: tuple[int, int] | None = None
        self._running: deque[tuple[int, int]] = deque()  # places of tiles whose outputs are pending
        self._row: list[np.ndarray] = []  # statistics of the current row of `_grid`
        self._views: deque[np.ndarray] = deque()  # tiles of the reduced image that are still to run
        self._seen: list[np.ndarray] = []  # what R sees of those that have run
        self._rows_left = 0
        self._corrections: CorrectionBlender | None = None
        self._quality: ScoreBlender | None = None

    def begin(self, picture: Picture, scoring: Scoring, backend: Backend, weights_id: str) -> None:
        """Plan the tiles and open the outputs; raises HiqaError where one cannot be written."""
        self.pixel_count = picture.width * picture.height
        self._scoring, self._backend = scoring, backend
        self._aggregate = aggregate_for(picture.width, picture.height, scoring, self._points_of)
        grid = self._grid = blend_grid(picture.width, picture.height, scoring)
        self._sinks = sinks = open_sinks(self.job.outputs, grid, weights_id)
        if sinks:
            self._places, self._rows_left = grid.places(), len(grid.ys)
        self.needs_corrections = any(sink.needs_corrections for sink in sinks)
        self._corrections = CorrectionBlender(grid) if self.needs_corrections else None
        self._quality = ScoreBlender(grid) if any(sink.needs_quality for sink in sinks) else None
        self._views = deque(whole_tiles(picture.pixels)) if backend.traits.sees_whole else deque()
        self._seen = [] if self._views else [np.zeros(0, np.float32)]
        self._picture = picture

    @property
    def has_tiles(self) -> bool:
        """Whether next_tile() can return a tile now."""
        if self._picture is None:
            return False
        if self._views:
            return True
        if self._next is None:
            self._next = self._aggregate.next_place() if self._places is None else next(self._places, None)
        return self._next is not None

    def next_tile(self) -> tuple[np.ndarray, bool]:
        """The next tile, (TILE, TILE, 3) uint8 or uint16, and whether it is one of the reduced image; these come
        first."""
        if not self.has_tiles or self._picture is None:
            raise ValueError("no tile is left")
        if self._views:
            return self._views.popleft(), True
        assert self._next is not None
        x, y = self._next
        self._running.append(self._next)
        self._next = None
        return cut_tile(self._picture.pixels, x, y), False

    def receive_view(self, seen: np.ndarray) -> None:
        """Take what R sees of the next tile of the reduced image, (M,). Raises HiqaError where it is not finite."""
        check_finite(seen)
        self._seen.append(seen)

    def receive(self, statistics: np.ndarray, correction: np.ndarray | None) -> None:
        """Take what the networks returned for the next tile of the image itself, in the order of next_tile().

        Raises HiqaError where a value is not finite, or a sink cannot write.
        """
        if self._picture is None:
            return  # the image failed while tiles of it were running
        check_finite(statistics, correction)
        x, y = self._running.popleft()
        self._aggregate.receive((x, y), statistics)
        if self._places is None:
            return
        self._row.append(statistics)
        if self._corrections is not None and correction is not None:
            self._corrections.add(x, correction)
        if len(self._row) == len(self._grid.xs):
            self._finish_row(self._picture.pixels, self._row)
            self._row = []
            self._rows_left -= 1

    def _predict(self, statistics: np.ndarray) -> np.ndarray:
        """R's predictions (n, 2) from statistics (n, N), with the whole image in view."""
        return self._backend.predict(statistics, pooled(np.stack(self._seen)))

    def _points_of(self, statistics: np.ndarray) -> np.ndarray:
        points: np.ndarray = self._predict(statistics)[:, 0]
        return points

    def _finish_row(self, pixels: np.ndarray, statistics: list[np.ndarray]) -> None:
        if self._corrections is not None:
            for y, correction in self._corrections.finish_row():
                strip = compose_strip(y, pixels[y : y + len(correction)], correction)
                for sink in self._sinks:
                    if sink.needs_corrections:
                        sink.add_strip(strip)
        if self._quality is not None:
            for _, quality in self._quality.finish_row(self._points_of(np.stack(statistics)).tolist()):
                for sink in self._sinks:
                    if sink.needs_quality:
                        sink.add_quality(quality)

    @property
    def is_complete(self) -> bool:
        """Whether the score is final and every row of the outputs is written."""
        return self._picture is not None and self._rows_left == 0 and self._aggregate.is_complete

    def finish(self, calibration: Calibration, precision: str, weights_id: str) -> None:
        """Set the result of a complete image and move its outputs into place. Raises HiqaError."""
        picture = self._picture
        if picture is None:
            raise ValueError("this image is finished or has failed")
        statistics, error = self._aggregate.statistics, self._aggregate.standard_error
        of_tiles = self._predict(statistics)
        score, predicted_error = image_prediction(
            self._backend, ImageStatistics(statistics, self._aggregate.weights, pooled(np.stack(self._seen)))
        )
        check_finite(of_tiles, np.array([score, predicted_error]))
        tiles = tuple(
            TileScore(x, y, *map(float, row)) for (x, y), row in zip(self._aggregate.places, of_tiles, strict=True)
        )
        scores = [tile.score for tile in tiles]
        half_width = calibration.half_width(score, scores, predicted_error)
        uncertainty = min(math.hypot(half_width, Z80 * error), MOST)  # infinite after one tile of several
        for sink in self._sinks:
            sink.finish(score, uncertainty)
        for sink in self._sinks:
            sink.commit()
        self.outcome = ScoreResult(
            score=score,
            uncertainty=uncertainty,
            width=picture.width,
            height=picture.height,
            tiles=tiles,
            precision=precision,
            weights=weights_id,
            stride=self._scoring.stride,
            mode=self._scoring.mode,
            tile_total=self._aggregate.total,
            standard_error=error,
            notes=(*picture.notes, *(note for note in (self._grid.note, sample_note(self._aggregate)) if note)),
            exif=picture.exif,
        )
        self._release()

    def fail(self, error: HiqaError) -> None:
        """End with an error, and remove what was written so far."""
        self.outcome = error
        self._release()

    def _release(self) -> None:
        """Free the picture, and abandon sinks that did not commit."""
        self._picture = None
        self._next = None
        self._views.clear()
        self._corrections = self._quality = None
        for sink in self._sinks:
            sink.abandon()
        self._sinks = ()


def sample_note(aggregate: Aggregate) -> str:
    """The note on an image that was scored by a sample of its tiles, else empty."""
    scored = len(aggregate.places)
    if aggregate.standard_error == 0.0 and scored == aggregate.total:
        return ""
    error = f"{aggregate.standard_error:.2f}" if math.isfinite(aggregate.standard_error) else "unknown"
    return f"sampled: {scored:,} of {aggregate.total:,} tiles, standard error {error}"


def check_finite(*arrays: np.ndarray | None) -> None:
    """Raise ImageError where a value of the networks is not finite."""
    if not all(array is None or np.isfinite(array).all() for array in arrays):
        raise ImageError("the networks returned a value that is not finite", "try --precision fp32")
