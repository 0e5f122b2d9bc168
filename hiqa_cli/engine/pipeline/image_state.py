"""The state of one image: tiles to run, outputs accumulated so far, and the result."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from hiqa_cli.engine.backends.backend import TileOutputs
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
from hiqa_cli.engine.tiling.windows import PredictPooled
from hiqa_cli.errors import HiqaError, ImageError
from hiqa_cli.images.picture import Picture

Z80 = 1.2816  # a normal variable lies within this many standard deviations 80 % of the time


class ImageState:
    """One image from begin() to finish() or fail(), after which `outcome` is its result or error.

    Holds in float only the rows that further tiles overlap; passes completed rows to the sinks at once.
    """

    _aggregate: Aggregate  # this and the following: set by begin()
    _grid: TileGrid
    _scoring: Scoring

    def __init__(self, job: Job) -> None:
        self.job = job
        self.outcome: ScoreResult | HiqaError | None = None
        self.pixel_count = 0
        self.needs_corrections = self.needs_features = False
        self._picture: Picture | None = None
        self._sinks: Sequence[Sink] = ()
        self._places: Iterator[tuple[int, int]] | None = None  # of `_grid`; None: the aggregate chooses the tiles
        self._next: tuple[int, int] | None = None
        self._running: deque[tuple[int, int]] = deque()  # places of tiles whose outputs are pending
        self._row: list[float] = []  # scores of the current row of `_grid`
        self._rows_left = 0
        self._corrections: CorrectionBlender | None = None
        self._quality: ScoreBlender | None = None

    def begin(self, picture: Picture, scoring: Scoring, predict_pooled: PredictPooled, weights_id: str) -> None:
        """Plan the tiles and open the outputs; raises HiqaError where one cannot be written."""
        self.pixel_count = picture.width * picture.height
        self._scoring = scoring
        self._aggregate = aggregate_for(picture.width, picture.height, scoring, predict_pooled)
        self.needs_features = self._aggregate.needs_features
        grid = self._grid = blend_grid(picture.width, picture.height, scoring)
        self._sinks = sinks = open_sinks(self.job.outputs, grid, weights_id)
        if sinks:
            self._places, self._rows_left = grid.places(), len(grid.ys)
        self.needs_corrections = any(sink.needs_corrections for sink in sinks)
        self._corrections = CorrectionBlender(grid) if self.needs_corrections else None
        self._quality = ScoreBlender(grid) if any(sink.needs_quality for sink in sinks) else None
        self._picture = picture

    @property
    def has_tiles(self) -> bool:
        """Whether next_tile() can return a tile now."""
        if self._picture is None:
            return False
        if self._next is None:
            self._next = self._aggregate.next_place() if self._places is None else next(self._places, None)
        return self._next is not None

    def next_tile(self) -> np.ndarray:
        """The next tile, (TILE, TILE, 3) uint8 or uint16."""
        if not self.has_tiles or self._next is None or self._picture is None:
            raise ValueError("no tile is left")
        x, y = self._next
        self._running.append(self._next)
        self._next = None
        return cut_tile(self._picture.pixels, x, y)

    def receive(self, outputs: TileOutputs, place: int) -> None:
        """Take what the networks returned for the next tile, in the order of next_tile(): row `place` of `outputs`.

        Raises HiqaError where a value is not finite, or a sink cannot write.
        """
        if self._picture is None:
            return  # the image failed while tiles of it were running
        score, predicted_error = map(float, outputs.predictions[place])
        correction = None if outputs.corrections is None else outputs.corrections[place]
        features = None if outputs.features is None else outputs.features[place]
        if not math.isfinite(score + predicted_error) or not (correction is None or np.isfinite(correction).all()):
            raise ImageError("the networks returned a value that is not finite", "try --precision fp32")
        x, y = self._running.popleft()
        self._aggregate.receive(TileScore(x, y, score, predicted_error), features)
        if self._places is None:
            return
        self._row.append(score)
        if self._corrections is not None and correction is not None:
            self._corrections.add(x, correction)
        if len(self._row) == len(self._grid.xs):
            self._finish_row(self._picture.pixels, self._row)
            self._row = []
            self._rows_left -= 1

    def _finish_row(self, pixels: np.ndarray, scores: list[float]) -> None:
        if self._corrections is not None:
            for y, correction in self._corrections.finish_row():
                strip = compose_strip(y, pixels[y : y + len(correction)], correction)
                for sink in self._sinks:
                    if sink.needs_corrections:
                        sink.add_strip(strip)
        if self._quality is not None:
            for _, quality in self._quality.finish_row(scores):
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
        tiles, error = self._aggregate.tiles, self._aggregate.standard_error
        scores = [tile.score for tile in tiles]
        score = float(np.mean(scores, dtype=np.float64))
        predicted_error = float(np.mean([tile.predicted_error for tile in tiles], dtype=np.float64))
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
        self._corrections = self._quality = None
        for sink in self._sinks:
            sink.abandon()
        self._sinks = ()


def sample_note(aggregate: Aggregate) -> str:
    """The note on an image that was scored by a sample of its tiles, else empty."""
    scored = len(aggregate.tiles)
    if aggregate.standard_error == 0.0 and scored == aggregate.total:
        return ""
    error = f"{aggregate.standard_error:.2f}" if math.isfinite(aggregate.standard_error) else "unknown"
    return f"sampled: {scored:,} of {aggregate.total:,} tiles, standard error {error}"
