"""One image on its way through the networks: gives its tiles, takes their scores, in order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..errors import HiqaError, ImageError
from .blending import CorrectionBlender, ScoreBlender
from .calibration import Calibration
from .jobs import Job
from .picture import Picture
from .results import ScoreResult, TileScore
from .strips import Sink, TileWatcher, compose
from .tiles import TileGrid, cut_tile


class ImageRun:
    """The state of one image; `outcome` is None until it is scored or has failed.

    Only the rows that tiles still touch are held in float; finished rows go to the sinks at once.
    """

    def __init__(self, job: Job, picture: Picture, grid: TileGrid, sinks: Sequence[Sink]) -> None:
        self.job = job
        self.outcome: ScoreResult | HiqaError | None = None
        self.pixel_count = picture.width * picture.height
        self.needs_corrections = any(sink.needs_corrections for sink in sinks)
        self._picture: Picture | None = picture
        self._grid = grid
        self._sinks = sinks
        self._watchers = [sink for sink in sinks if isinstance(sink, TileWatcher)]
        self._places = grid.places()
        self._next: tuple[int, int] | None = next(self._places)
        self._scores: list[float] = []
        self._corrections = CorrectionBlender(grid) if self.needs_corrections else None
        wants_quality = any(sink.needs_quality for sink in sinks)
        self._quality = ScoreBlender(grid) if wants_quality else None

    @property
    def has_tiles(self) -> bool:
        """Whether there is a tile that was not given out yet."""
        return self._next is not None

    def next_tile(self) -> np.ndarray:
        """The next tile, (TILE, TILE, 3) uint8 or uint16."""
        if self._next is None or self._picture is None:
            raise ValueError("this image has no more tiles")
        x, y = self._next
        self._next = next(self._places, None)
        return cut_tile(self._picture.pixels, x, y)

    def receive(self, score: float, correction: np.ndarray | None) -> None:
        """The outputs of the next tile in order; raises HiqaError where a sink cannot write."""
        if self._picture is None:
            return  # the image failed while tiles of it were still under way
        if not math.isfinite(score) or not (correction is None or np.isfinite(correction).all()):
            raise ImageError("the networks gave a value that is not finite", "try --precision fp32")
        across = len(self._grid.xs)
        x, y = self._grid.xs[len(self._scores) % across], self._grid.ys[len(self._scores) // across]
        self._scores.append(score)
        for watcher in self._watchers:
            watcher.tile(self._picture.pixels, x, y, score, correction)
        if self._corrections is not None and correction is not None:
            self._corrections.add(x, correction)
        if len(self._scores) % across == 0:
            self._finish_row(self._picture.pixels, self._scores[-across:])

    def _finish_row(self, pixels: np.ndarray, scores: list[float]) -> None:
        if self._corrections is not None:
            for y, correction in self._corrections.finish_row():
                strip = compose(y, pixels[y : y + len(correction)], correction)
                for sink in self._sinks:
                    if sink.needs_corrections:
                        sink.strip(strip)
        if self._quality is not None:
            for _, quality in self._quality.finish_row(scores):
                for sink in self._sinks:
                    if sink.needs_quality:
                        sink.quality(quality)

    @property
    def is_complete(self) -> bool:
        """Whether every tile has its score."""
        return self._picture is not None and len(self._scores) == self._grid.count

    def finish(self, calibration: Calibration, precision: str, weights: str, stride: int) -> None:
        """Make a complete image's result and put its pictures in place; may raise HiqaError."""
        picture = self._picture
        if picture is None:
            raise ValueError("this image is finished or has failed")
        score = float(np.mean(self._scores, dtype=np.float64))
        uncertainty = calibration.half_width(score, self._scores)
        for sink in self._sinks:
            sink.finish(score, uncertainty)
        for sink in self._sinks:
            sink.commit()
        tiles = zip(self._grid.places(), self._scores, strict=True)
        self.outcome = ScoreResult(
            score=score,
            uncertainty=uncertainty,
            width=picture.width,
            height=picture.height,
            tiles=tuple(TileScore(x, y, tile_score) for (x, y), tile_score in tiles),
            precision=precision,
            weights=weights,
            stride=stride,
            notes=(*picture.notes, self._grid.note) if self._grid.note else picture.notes,
            exif=picture.exif,
        )
        self._let_go()

    def fail(self, error: HiqaError) -> None:
        """End with an error: no more tiles, and nothing left behind of what was being written."""
        self.outcome = error
        self._let_go()

    def _let_go(self) -> None:
        """Release the picture and whatever the sinks did not put in place."""
        self._picture = None
        self._next = None
        self._corrections = self._quality = None
        for sink in self._sinks:
            sink.abandon()
        self._sinks = self._watchers = []


def failed_run(job: Job, error: HiqaError) -> ImageRun:
    """A run that has failed before it began."""
    one = Picture(np.zeros((1, 1, 3), np.uint8), "none")
    run = ImageRun(job, one, TileGrid(1, 1, (0,), (0,)), ())
    run.pixel_count = 0
    run.fail(error if isinstance(error, HiqaError) else ImageError(str(error)))
    return run
