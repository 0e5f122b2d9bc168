"""Many images through one set of networks: full batches, results in order, as soon as ready.

The rule: a batch is filled with the tiles of the image in hand, then of the next images that are
already read; where none is, the batch runs as it is. Nothing is waited for while any image is
unfinished, so a result never hangs on an input that has not arrived.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.backends.backend import Backend, TileOutOfMemoryError
from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.outputs.sinks import Sink
from hiqa_cli.engine.results import ScoreResult, TilePrediction
from hiqa_cli.engine.tiling.aggregate import aggregate_for, picture_grid
from hiqa_cli.engine.tiling.grid import TileGrid
from hiqa_cli.errors import HiqaError, ImageError
from hiqa_cli.images.picture import Picture

from .image_state import ImageState, failed_image
from .job import Job
from .prefetch import Prefetcher

OpenSinks = Callable[[Job, TileGrid], list[Sink]]


@dataclass
class _Ticket:
    """A tile in a batch and the image it belongs to."""

    run: ImageState
    tile: np.ndarray


class ScoreStream:
    """Scores the images that `source` reads; results() yields them in order."""

    def __init__(
        self,
        runner: Backend,
        calibration: Calibration,
        source: Prefetcher,
        open_sinks: OpenSinks,
        *,
        scoring: Scoring,
        precision: str,
        weights_id: str,
    ) -> None:
        self._runner = runner
        self._calibration = calibration
        self._source = source
        self._open_sinks = open_sinks
        self._scoring = scoring
        self._precision = precision
        self._weights_id = weights_id
        self._active: deque[ImageState] = deque()  # in input order

    def results(self) -> Iterator[tuple[Job, ScoreResult | HiqaError]]:
        """(job, result or error) in input order; stops reading and writing when closed early."""
        try:
            while True:
                batch = self._gather()
                self._score(batch)
                if not batch and not self._active:
                    return
                while self._active and (outcome := self._active[0].outcome) is not None:
                    yield self._active.popleft().job, outcome
        finally:
            self._source.close()
            for run in self._active:
                if run.outcome is None:
                    run.fail(ImageError("stopped before it was scored"))

    def _gather(self) -> list[_Ticket]:
        """The next batch, as full as the images at hand allow; empty where a result is due, or none
        is left to come."""
        batch: list[_Ticket] = []
        while len(batch) < self._runner.batch_size:
            run = next((run for run in self._active if run.has_tiles), None)
            if run is not None:
                batch.append(_Ticket(run, run.next_tile()))
                continue
            if self._active and self._active[0].outcome is not None and not batch:
                break
            arrived = self._source.take(wait=not self._active)
            if arrived is None:
                break
            self._active.append(self._begin(*arrived))
        return batch

    def _begin(self, job: Job, outcome: Picture | HiqaError) -> ImageState:
        if isinstance(outcome, HiqaError):
            return failed_image(job, outcome)
        try:
            size = (outcome.width, outcome.height)
            tally = aggregate_for(*size, self._scoring, self._runner.verdicts_of)
            grid = picture_grid(*size, self._scoring)
            return ImageState(job, outcome, grid, self._open_sinks(job, grid), tally)
        except (HiqaError, MemoryError) as error:
            self._source.release(outcome.width * outcome.height)
            return failed_image(job, _as_hiqa_error(error))

    def _score(self, batch: list[_Ticket]) -> None:
        """Run a batch and hand its outputs out; an image that fails takes no other with it."""
        while batch:
            corrections = any(ticket.run.needs_corrections for ticket in batch)
            features = any(ticket.run.needs_features for ticket in batch)
            done = 0
            try:
                for part in self._runner.run([ticket.tile for ticket in batch], corrections, features):
                    for outputs in part.each():
                        self._hand_out(batch[done].run, *outputs)
                        done += 1
                return
            except TileOutOfMemoryError as error:
                refusal = ImageError("out of memory with a single tile", "try --device cpu")
                self._fail(batch[error.index].run, refusal)
            batch = [ticket for ticket in batch[done:] if ticket.run.outcome is None]

    def _hand_out(
        self, run: ImageState, verdict: TilePrediction, correction: np.ndarray | None, features: np.ndarray | None
    ) -> None:
        if run.outcome is not None:
            return
        try:
            run.receive(verdict, correction, features)
            if run.is_complete:
                run.finish(self._calibration, self._precision, self._weights_id, self._scoring)
                self._source.release(run.pixel_count)
        except (HiqaError, MemoryError) as error:
            self._fail(run, _as_hiqa_error(error))

    def _fail(self, run: ImageState, error: HiqaError) -> None:
        if run.outcome is not None:
            return
        run.fail(error)
        self._source.release(run.pixel_count)


def _as_hiqa_error(error: HiqaError | MemoryError) -> HiqaError:
    if isinstance(error, HiqaError):
        return error
    return ImageError("out of memory while its pictures were made", "give it more memory")
