"""The state of one image: tiles to run, outputs accumulated so far, and the result."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

import numpy as np

from hiqa_cli.engine.backends.backend import Backend
from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.results import ScoreResult, TileScore
from hiqa_cli.engine.row_schema import HIGHEST
from hiqa_cli.engine.tiling.aggregate import Aggregate, aggregate_for, blend_grid
from hiqa_cli.engine.tiling.borders import find_borders, inside
from hiqa_cli.engine.tiling.grid import TileGrid, cut_tile
from hiqa_cli.engine.tiling.sides import NO_BORDERS, Borders
from hiqa_cli.engine.tiling.whole import whole_tiles
from hiqa_cli.errors import HiqaError, ImageError
from hiqa_cli.images.picture import Picture

from .image_outputs import ImageOutputs
from .kinds.model import kind_of
from .kinds.names import NOTES, PHOTOGRAPH
from .reasons.find import find_reasons
from .reasons.head import ReasonsHead
from .reasons.measures import measures
from .reasons.reason import Reason
from .statistics import ImageStatistics, image_prediction, pooled

Z80 = 1.2816  # a normal variable lies within this many standard deviations 80 % of the time


class ImageState:
    """One image from begin() to finish() or fail(), after which `outcome` is its result or error.

    Tiles and their places are those of the picture within its borders, until finish() places them in the whole one.
    """

    _aggregate: Aggregate  # this and the following: set by begin()
    _grid: TileGrid
    _kind: str
    _head: ReasonsHead | None
    _measured: np.ndarray | None
    _scoring: Scoring
    _backend: Backend

    def __init__(self, job: Job) -> None:
        self.job = job
        self.outcome: ScoreResult | HiqaError | None = None
        self.pixel_count = 0
        self.needs_corrections = False
        self._picture: Picture | None = None
        self._outputs: ImageOutputs | None = None
        self._borders: Borders = NO_BORDERS
        self._pixels = np.zeros((0, 0, 3), np.uint8)  # within the borders
        self._places: Iterator[tuple[int, int]] | None = None  # of `_grid`; None: the aggregate chooses the tiles
        self._next: tuple[int, int] | None = None
        self._running: deque[tuple[int, int]] = deque()  # places of tiles whose outputs are pending
        self._views: deque[np.ndarray] = deque()  # tiles of the reduced image that are still to run
        self._seen: list[np.ndarray] = []  # what R sees of those that have run

    def begin(
        self, picture: Picture, scoring: Scoring, backend: Backend, weights_id: str, head: ReasonsHead | None
    ) -> None:
        """Plan the tiles and open the outputs; raises HiqaError where one cannot be written. head: None: no reasons."""
        self.pixel_count = picture.width * picture.height
        self._scoring, self._backend = scoring, backend
        self._borders = NO_BORDERS if scoring.keep_borders else find_borders(picture.pixels)
        self._pixels = inside(picture.pixels, self._borders)
        self._kind = kind_of(self._pixels)
        self._head = head if self._kind == PHOTOGRAPH else None
        self._measured = measures(self._pixels) if self._head is not None else None
        height, width = self._pixels.shape[:2]
        self._aggregate = aggregate_for(width, height, scoring, self._points_of)
        grid = self._grid = blend_grid(width, height, scoring)
        outputs = ImageOutputs(self.job.outputs, picture.pixels, self._borders, grid, weights_id)
        if outputs:
            self._outputs, self._places = outputs, grid.places()
        self.needs_corrections = outputs.needs_corrections
        self._views = deque(whole_tiles(self._pixels)) if backend.traits.sees_whole else deque()
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
        return cut_tile(self._pixels, x, y), False

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
        if self._outputs is not None:
            self._outputs.add(x, float(self._points_of(statistics[None])[0]), correction)

    def _predict(self, statistics: np.ndarray) -> np.ndarray:
        """R's predictions (n, 2) from statistics (n, N), with the whole image in view."""
        return self._backend.predict(statistics, pooled(np.stack(self._seen)))

    def _points_of(self, statistics: np.ndarray) -> np.ndarray:
        points: np.ndarray = self._predict(statistics)[:, 0]
        return points

    @property
    def is_complete(self) -> bool:
        """Whether the score is final and every row of the outputs is written."""
        written = self._outputs is None or self._outputs.is_complete
        return self._picture is not None and written and self._aggregate.is_complete

    def finish(self, calibration: Calibration, precision: str, weights_id: str) -> None:
        """Set the result of a complete image and move its outputs into place. Raises HiqaError."""
        picture = self._picture
        if picture is None:
            raise ValueError("this image is finished or has failed")
        statistics, error = self._aggregate.statistics, self._aggregate.standard_error
        of_tiles = self._predict(statistics)
        image = ImageStatistics(statistics, self._aggregate.weights, pooled(np.stack(self._seen)))
        score, predicted_error = image_prediction(self._backend, image)
        check_finite(of_tiles, np.array([score, predicted_error]))
        half_width = calibration.half_width(score, of_tiles[:, 0].tolist(), predicted_error)
        uncertainty = min(math.hypot(half_width, Z80 * error), HIGHEST)  # infinite after one tile of several
        if self._kind != PHOTOGRAPH:
            uncertainty = HIGHEST
        notes = NOTES.get(self._kind, ""), self._borders.note, self._grid.note, sample_note(self._aggregate)
        result = ScoreResult(
            score=score,
            uncertainty=uncertainty,
            width=picture.width,
            height=picture.height,
            tiles=tuple(
                TileScore(x, y, *map(float, row)).moved(self._borders.left, self._borders.top)
                for (x, y), row in zip(self._aggregate.places, of_tiles, strict=True)
            ),
            precision=precision,
            weights=weights_id,
            stride=self._scoring.stride,
            mode=self._scoring.mode,
            tile_total=self._aggregate.total,
            standard_error=error,
            kind=self._kind,
            reasons=self._reasons(image),
            borders=self._borders,
            notes=(*picture.notes, *(note for note in notes if note)),
            exif=picture.exif,
        )
        if self._outputs is not None:
            self._outputs.finish(result.verdict)
        self.outcome = result
        self._release()

    def _reasons(self, image: ImageStatistics) -> tuple[Reason, ...]:
        """What is wrong with a photograph, with places in the whole picture."""
        if self._head is None or self._measured is None:
            return ()
        height, width = self._pixels.shape[:2]
        found = find_reasons(self._head, image, self._measured, self._aggregate.places, width, height)
        return tuple(reason.moved(self._borders.left, self._borders.top) for reason in found)

    def fail(self, error: HiqaError) -> None:
        """End with an error, and remove what was written so far."""
        self.outcome = error
        self._release()

    def _release(self) -> None:
        """Free the picture, and abandon outputs that were not finished."""
        self._picture = None
        self._pixels = self._pixels[:0]
        self._next = None
        self._views.clear()
        if self._outputs is not None:
            self._outputs.abandon()
        self._outputs = None


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
