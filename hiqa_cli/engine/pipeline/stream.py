"""Score many images with full batches; results come in order, each as soon as it is ready.

A batch takes tiles of the oldest unfinished image, then of the next images that are already read, and runs even if it
is not full. While an image is unfinished, the stream never waits for input, so a job that has not arrived never delays
a result.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np

from hiqa_cli.engine.backends.backend import Backend, TileOutOfMemoryError
from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.errors import HiqaError, ImageError, UsageError
from hiqa_cli.images.picture import Picture

from .image_state import ImageState
from .prefetch import Prefetcher
from .reasons.head import ReasonsHead
from .sources import DIRECT, PictureReader

Found = TypeVar("Found")


class TileTask(NamedTuple):
    """A tile to run, and the image that it belongs to. is_view: it is one of the reduced image."""

    state: ImageState
    tile: np.ndarray
    is_view: bool


Batch = list[TileTask]


class ScoreStream(Iterator[tuple[Job, ScoreResult | HiqaError]]):
    """Iterates over (job, result or error) in the order of the jobs.

    close() stops early: it stops reading and removes partly written pictures. Use the stream as a context manager to
    close it in any case.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        backend: Backend,
        calibration: Calibration,
        scoring: Scoring,
        *,
        precision: str,
        weights_id: str,
        reader: PictureReader = DIRECT,
        head: ReasonsHead | None = None,
    ) -> None:
        self._closed = True  # until reading has begun
        backend.enter_process()
        self._process = os.getpid()
        self._backend = backend
        self._calibration = calibration
        self._scoring = scoring
        self._precision = precision
        self._weights_id = weights_id
        self._head = head
        self._active: deque[ImageState] = deque()  # in the order of the jobs
        self._reader = Prefetcher(jobs, backend.readers, reader)
        self._closed = False

    def __next__(self) -> tuple[Job, ScoreResult | HiqaError]:
        if self._closed:
            raise StopIteration
        if self._process != os.getpid():
            raise UsageError(
                f"these images are being scored in process {self._process}, not in its fork {os.getpid()}",
                "begin another score_stream() after the fork",
            )
        try:
            while not self._active or self._active[0].outcome is None:
                batch = self._next_batch()
                if not batch and not self._active:
                    raise StopIteration
                with self._backend.lock:
                    self._run(batch)
        except BaseException:
            self.close()
            raise
        state = self._active.popleft()
        assert state.outcome is not None
        return state.job, state.outcome

    def __enter__(self) -> ScoreStream:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading and remove pictures that are not complete. In a fork: nothing, since they are its parent's."""
        if self._closed or self._process != os.getpid():
            return
        self._closed = True
        self._reader.close()
        for state in self._active:
            if state.outcome is None:
                state.fail(ImageError("stopped before it was scored"))
        self._active.clear()

    def _next_batch(self) -> Batch:
        """The tiles to run next; empty where a result is ready, or no image is left."""
        batch: Batch = []
        while len(batch) < self._backend.tiles_at_once:
            state = next((state for state in self._active if state.has_tiles), None)
            if state is not None:
                batch.append(TileTask(state, *state.next_tile()))
                continue
            if self._active and self._active[0].outcome is not None and not batch:
                break
            arrived = self._reader.take(wait=not self._active)
            if arrived is None:
                break
            self._active.append(self._begin(*arrived))
        return batch

    def _begin(self, job: Job, image: Picture | HiqaError) -> ImageState:
        state = ImageState(job)
        if isinstance(image, HiqaError):
            state.fail(image)
            return state
        try:
            state.begin(image, self._scoring, self._backend, self._weights_id, self._head)
        except (HiqaError, MemoryError) as error:
            self._fail(state, error)
        return state

    def _run(self, batch: Batch) -> None:
        """Run a batch and give every image its outputs; an image that fails does not affect the others."""
        views, seen = self._through([task for task in batch if task.is_view], self._backend.view_tiles)
        for place, task in enumerate(views):
            if seen is not None:
                self._give(task.state, partial(task.state.receive_view, seen[place]))
        tiles = [task for task in batch if not task.is_view]
        corrections = any(task.state.needs_corrections for task in tiles)
        tiles, outputs = self._through(tiles, partial(self._backend.predict_tiles, corrections=corrections))
        for place, task in enumerate(tiles):
            if outputs is not None:
                correction = None if outputs.corrections is None else outputs.corrections[place]
                self._give(task.state, partial(task.state.receive, outputs.statistics[place], correction))

    def _through(self, tasks: Batch, run: Callable[[list[np.ndarray]], Found]) -> tuple[Batch, Found | None]:
        """The tasks that ran, and what `run` made of their tiles. An image fails where a tile of it does not fit into
        memory, and the others run again."""
        while tasks := [task for task in tasks if task.state.outcome is None]:
            try:
                return tasks, run([task.tile for task in tasks])
            except TileOutOfMemoryError as error:
                failed = ImageError("out of memory with a single tile", "try --device cpu")
                self._fail(tasks[error.index].state, failed)
        return [], None

    def _give(self, state: ImageState, receive: Callable[[], None]) -> None:
        """Give an image outputs of a tile, and finish it with the last one."""
        if state.outcome is not None:
            return
        try:
            receive()
            if state.is_complete:
                state.finish(self._calibration, self._precision, self._weights_id)
                self._reader.release(state.pixel_count)
        except (HiqaError, MemoryError) as error:
            self._fail(state, error)

    def _fail(self, state: ImageState, error: HiqaError | MemoryError) -> None:
        if isinstance(error, MemoryError):
            error = ImageError("out of memory while its pictures were made", "free memory, or write fewer pictures")
        state.fail(error)
        self._reader.release(state.pixel_count)
