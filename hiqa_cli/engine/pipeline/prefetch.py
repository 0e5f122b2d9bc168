"""Read the next images on a thread of their own while the networks work on earlier ones.

Reading pauses while PREFETCH_IMAGES pictures wait to be taken, or while the pictures in memory, waiting or in use, have
PREFETCH_PIXELS or more. Small images therefore fill batches, a second large picture is never held beside the
first, and a consumer that calls take(wait=False) never waits for a job that has not arrived.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

import numpy as np

from hiqa_cli.engine.job import Job
from hiqa_cli.errors import HiqaError, ImageError
from hiqa_cli.images.picture import Picture, picture_from_array
from hiqa_cli.images.read import decode_picture, read_picture

PREFETCH_PIXELS = 16_000_000
PREFETCH_IMAGES = 64
CLOSE_TIMEOUT = 0.5  # s that close() waits for the reading thread
POLL = 0.2  # s; some systems deliver Ctrl-C only between waits


class Prefetcher:
    """Reads jobs in order on a thread; take() returns (job, picture or error)."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = jobs
        self._ready: deque[tuple[Job, Picture | HiqaError]] = deque()
        self._held = 0  # px of pictures read and not yet released
        self._ended = False
        self._closed = False
        self._fault: BaseException | None = None
        self._change = threading.Condition()
        # A daemon: a blocking read from a silent pipe must not keep the process alive.
        self._thread = threading.Thread(target=self._read_all, name="hiqa-reader", daemon=True)
        self._thread.start()

    def take(self, wait: bool) -> tuple[Job, Picture | HiqaError] | None:
        """The next image; None at the end, or, without `wait`, where none is ready.

        Raises an exception of the `jobs` iterable, but only if `wait` is set: a caller that does not wait still has
        images in progress, whose results come first.
        """
        with self._change:
            while wait and not self._ready and not self._ended:
                self._change.wait(POLL)
            if self._ready:
                self._change.notify_all()
                return self._ready.popleft()
            if wait and self._fault is not None:
                fault, self._fault = self._fault, None
                raise fault
            return None

    def release(self, pixels: int) -> None:
        """Report that a picture of `pixels` px is no longer in use, so that another one may be read."""
        with self._change:
            self._held -= pixels
            self._change.notify_all()

    def close(self) -> None:
        """Stop reading, without waiting long for a decoder that is running or for a silent pipe."""
        with self._change:
            self._closed = True
            self._ready.clear()
            self._change.notify_all()
        self._thread.join(CLOSE_TIMEOUT)

    def _read_all(self) -> None:
        try:
            for job in self._jobs:
                with self._change:
                    while self._is_full() and not self._closed:
                        self._change.wait()
                    if self._closed:
                        return
                self._add(job, read_job(job))
        except BaseException as error:  # raised by the caller's iterable: take() raises it again
            self._fault = error
        finally:
            with self._change:
                self._ended = True
                self._change.notify_all()

    def _is_full(self) -> bool:
        return self._held >= PREFETCH_PIXELS or len(self._ready) >= PREFETCH_IMAGES

    def _add(self, job: Job, image: Picture | HiqaError) -> None:
        with self._change:
            if isinstance(image, Picture):
                self._held += image.width * image.height
            self._ready.append((job, image))
            self._change.notify_all()


def read_job(job: Job) -> Picture | HiqaError:
    """The picture of a job, or the error that reading it raised."""
    try:
        return _read(job)
    except HiqaError as error:
        return error
    except MemoryError:
        return ImageError("not enough memory to hold this image")
    except Exception as error:  # an unexpected error of a decoder costs its own image, not the stream
        reason = " ".join(str(error).split())
        return ImageError(f"cannot be read ({type(error).__name__}: {reason})")


def _read(job: Job) -> Picture:
    source = job.source
    if job.problem:
        raise ImageError(job.problem)
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return picture_from_array(source)
    if isinstance(source, bytes | bytearray):
        return decode_picture(source, job.limits)
    return read_picture(source, job.limits)
