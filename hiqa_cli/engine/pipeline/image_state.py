"""One image on its way through the networks: gives its tiles, takes their scores, in order."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.outputs.sinks import Sink, TileWatcher, compose
from hiqa_cli.engine.results import ScoreResult, TilePrediction
from hiqa_cli.engine.tiling.aggregate import Aggregate, TileMean
from hiqa_cli.engine.tiling.blending import CorrectionBlender, ScoreBlender
from hiqa_cli.engine.tiling.grid import TileGrid, cut_tile
from hiqa_cli.errors import HiqaError, ImageError
from hiqa_cli.images.picture import Picture

from .job import Job

Z80 = 1.2816  # a normal variable lies within so many standard deviations 80 % of the time


class ImageState:
    """The state of one image; `outcome` is None until it is scored or has failed.

    Only the rows that tiles still touch are held in float; finished rows go to the sinks at once.
    """

    def __init__(self, job: Job, picture: Picture, grid: TileGrid, sinks: Sequence[Sink], tally: Aggregate) -> None:
        """grid: of the tiles that the pictures of `sinks` are blended from; without sinks the tally alone says which
        tiles are wanted."""
        self.job = job
        self.outcome: ScoreResult | HiqaError | None = None
        self.pixel_count = picture.width * picture.height
        self.needs_corrections = any(sink.needs_corrections for sink in sinks)
        self.needs_features = tally.needs_features
        self._picture: Picture | None = picture
        self._grid = grid
        self._sinks = sinks
        self._watchers: Sequence[TileWatcher] = [sink for sink in sinks if isinstance(sink, TileWatcher)]
        self._tally = tally
        self._places: Iterator[tuple[int, int]] | None = grid.places() if sinks else None
        self._next: tuple[int, int] | None = None
        self._given: deque[tuple[int, int]] = deque()  # places of tiles that are under way
        self._row: list[float] = []  # scores of the present row of `grid`
        self._rows_left = len(grid.ys) if sinks else 0
        self._corrections = CorrectionBlender(grid) if self.needs_corrections else None
        wants_quality = any(sink.needs_quality for sink in sinks)
        self._quality = ScoreBlender(grid) if wants_quality else None

    @property
    def has_tiles(self) -> bool:
        """Whether there is a tile to be given out now."""
        if self._picture is None:
            return False
        if self._next is None:
            self._next = self._tally.next_place() if self._places is None else next(self._places, None)
        return self._next is not None

    def next_tile(self) -> np.ndarray:
        """The next tile, (TILE, TILE, 3) uint8 or uint16."""
        if not self.has_tiles or self._next is None or self._picture is None:
            raise ValueError("this image has no tiles to give")
        x, y = self._next
        self._given.append(self._next)
        self._next = None
        return cut_tile(self._picture.pixels, x, y)

    def receive(self, verdict: TilePrediction, correction: np.ndarray | None, features: np.ndarray | None) -> None:
        """The outputs of the next tile in order; raises HiqaError where a sink cannot write."""
        if self._picture is None:
            return  # the image failed while tiles of it were still under way
        score = verdict.score
        if not math.isfinite(score + verdict.doubt) or not (correction is None or np.isfinite(correction).all()):
            raise ImageError("the networks gave a value that is not finite", "try --precision fp32")
        x, y = self._given.popleft()
        self._tally.receive(x, y, verdict, features)
        if self._places is None:
            return
        self._row.append(score)
        for watcher in self._watchers:
            watcher.tile(self._picture.pixels, x, y, score, correction)
        if self._corrections is not None and correction is not None:
            self._corrections.add(x, correction)
        if len(self._row) == len(self._grid.xs):
            self._finish_row(self._picture.pixels, self._row)
            self._row = []
            self._rows_left -= 1

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
        """Whether the score is settled and every row of the pictures is done."""
        return self._picture is not None and self._rows_left == 0 and self._tally.is_complete

    def finish(self, calibration: Calibration, precision: str, weights: str, scoring: Scoring) -> None:
        """Make a complete image's result and put its pictures in place; may raise HiqaError."""
        picture = self._picture
        if picture is None:
            raise ValueError("this image is finished or has failed")
        tiles, error = self._tally.tiles, self._tally.standard_error
        scores = [tile.score for tile in tiles]
        score = float(np.mean(scores, dtype=np.float64))
        doubt = float(np.mean([tile.doubt for tile in tiles], dtype=np.float64))
        uncertainty = math.hypot(calibration.half_width(score, scores, doubt), Z80 * error)
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
            weights=weights,
            stride=scoring.stride,
            mode=scoring.mode,
            tile_total=self._tally.total,
            standard_error=error,
            notes=(*picture.notes, *(note for note in (self._grid.note, sample_note(self._tally)) if note)),
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
        self._sinks, self._watchers = (), ()


def sample_note(tally: Aggregate) -> str:
    """The words for a picture of which not every tile was scored, empty for any other."""
    used = len(tally.tiles)
    if tally.standard_error == 0.0 and used == tally.total:
        return ""
    return f"sampled: {used:,} of {tally.total:,} tiles, standard error {tally.standard_error:.2f}"


def failed_image(job: Job, error: HiqaError) -> ImageState:
    """A run that has failed before it began."""
    one = Picture(np.zeros((1, 1, 3), np.uint8), "none")
    grid = TileGrid(1, 1, (0,), (0,))
    run = ImageState(job, one, grid, (), TileMean(grid))
    run.pixel_count = 0
    run.fail(error if isinstance(error, HiqaError) else ImageError(str(error)))
    return run
