"""Reads the next images on a thread of its own while the networks are busy with the present ones.

The rule: an image is read as soon as its job is there, but no further image is begun while
READ_AHEAD_IMAGES are waiting or the pictures in memory have READ_AHEAD_PIXELS or more together. So
a folder of small images keeps batches full, a second large picture is never held beside a first,
and nobody waits for a job that has not arrived: take(wait=False) says at once what is there.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterable

from hiqa_cli.errors import HiqaError, ImageError, os_reason
from hiqa_cli.images.decoder_stderr import capture_decoder_output
from hiqa_cli.images.picture import Picture

from .job import Job

PREFETCH_PIXELS = 16_000_000
PREFETCH_IMAGES = 64
GRACE = 0.5  # s that a closed stream gives its reader to come to an end
WAKE = 0.2  # s; some systems deliver Ctrl-C only between waits


class Prefetcher:
    """Jobs in, (job, picture or error) out, in the same order."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = jobs
        self._ready: deque[tuple[Job, Picture | HiqaError]] = deque()
        self._held = 0  # px of pictures read and not yet released
        self._ended = False
        self._closed = False
        self._fault: BaseException | None = None
        self._change = threading.Condition()
        # A daemon: reading from a pipe that stays silent must not keep the process alive.
        self._thread = threading.Thread(target=self._read_all, name="hiqa-reader", daemon=True)
        self._thread.start()

    def take(self, wait: bool) -> tuple[Job, Picture | HiqaError] | None:
        """The next image; None where there is none any more, or, without `wait`, none as yet.

        An error of the iterable of jobs itself is raised here, to a caller that waits: one that
        does not has images in hand, whose results come first.
        """
        with self._change:
            while wait and not self._ready and not self._ended:
                self._change.wait(WAKE)
            if self._ready:
                self._change.notify_all()
                return self._ready.popleft()
            if wait and self._fault is not None:
                fault, self._fault = self._fault, None
                raise fault
            return None

    def release(self, pixels: int) -> None:
        """The caller let go of a picture of so many px: the next may be read."""
        with self._change:
            self._held -= pixels
            self._change.notify_all()

    def close(self) -> None:
        """Read nothing more.

        A silent pipe is not waited for, but a decoder at work is: it has standard error to itself
        meanwhile, and the caller is about to say there why it stops.
        """
        with self._change:
            self._closed = True
            self._ready.clear()
            self._change.notify_all()
        self._thread.join(GRACE)
        if self._thread.is_alive():
            with contextlib.suppress(OSError), capture_decoder_output():
                pass

    def _read_all(self) -> None:
        try:
            for job in self._jobs:
                with self._change:
                    while self._full() and not self._closed:
                        self._change.wait()
                    if self._closed:
                        return
                self._hand_over(job, read_job(job))
        except BaseException as error:  # the caller's iterable failed: the caller shall know
            self._fault = error
        finally:
            with self._change:
                self._ended = True
                self._change.notify_all()

    def _full(self) -> bool:
        return self._held >= PREFETCH_PIXELS or len(self._ready) >= PREFETCH_IMAGES

    def _hand_over(self, job: Job, outcome: Picture | HiqaError) -> None:
        with self._change:
            if isinstance(outcome, Picture):
                self._held += outcome.width * outcome.height
            self._ready.append((job, outcome))
            self._change.notify_all()


def read_job(job: Job) -> Picture | HiqaError:
    """The picture, or why there is none; one image never ends a stream."""
    try:
        return job.read()
    except HiqaError as error:
        return error
    except MemoryError:
        return ImageError("not enough memory to hold this image")
    except OSError as error:
        return ImageError(os_reason(error))
    except Exception as error:  # a decoder's surprise is this image's fault, not the stream's
        reason = " ".join(str(error).split())
        return ImageError(f"cannot be read ({type(error).__name__}: {reason})")
