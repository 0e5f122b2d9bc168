"""Read the next images on separate threads while the networks work on earlier ones.

One thread iterates over the jobs, and takes over arrays, streams and other objects that their owner may change; up to
`readers` threads read and decode files. Reading pauses while PREFETCH_IMAGES images wait to be taken, or while the
pictures in memory, waiting or in use, have PREFETCH_PIXELS or more (proportionally more with more than READERS
readers): pictures are decoded in any order, but memory is assigned in the order of the jobs. Small images therefore
fill batches, a second large picture is never held beside the first, and a consumer that calls take(wait=False) never
waits for a job that has not arrived.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from hiqa_cli.engine.backends.backend import READERS
from hiqa_cli.engine.config import POLL
from hiqa_cli.engine.job import Job
from hiqa_cli.errors import HiqaError, ImageError
from hiqa_cli.images.picture import Picture

from .sources import DIRECT, PictureReader, is_readable_later, or_error, read_content, take_over

PREFETCH_PIXELS = 16_000_000
PREFETCH_IMAGES = 64
CLOSE_TIMEOUT = 0.5  # s that close() waits for the reading threads


class Slot:
    """The place of a job in the order; `image` is set once it is read."""

    def __init__(self, job: Job, number: int) -> None:
        self.job = job
        self.number = number
        self.image: Picture | HiqaError | None = None
        self.reserved = 0  # px, while its picture is being decoded


class Prefetcher:
    """Reads jobs on threads; take() returns (job, picture or error) in order."""

    def __init__(self, jobs: Iterable[Job], readers: int = READERS, reader: PictureReader = DIRECT) -> None:
        self._jobs = jobs
        self._reader = reader
        self._readers = readers
        self._pixels = PREFETCH_PIXELS * max(readers, READERS) // READERS
        self._slots: deque[Slot] = deque()  # not yet taken, in order
        self._unread: deque[Slot] = deque()  # files for the readers
        self._turn = 0  # number of the job that gets its room next
        self._held = 0  # px of pictures read or being decoded, and not yet released
        self._ended = False
        self._closed = False
        self._fault: BaseException | None = None
        self._change = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._start(self._iterate, "hiqa-iterator")

    def take(self, wait: bool) -> tuple[Job, Picture | HiqaError] | None:
        """The next image; None at the end, or, without `wait`, where it is not ready.

        Raises an exception of the `jobs` iterable, but only if `wait` is set: a caller that does not wait still has
        images in progress, whose results come first.
        """
        with self._change:
            while wait and not self._first_is_ready() and not (self._ended and not self._slots):
                self._change.wait(POLL)
            if self._first_is_ready():
                self._change.notify_all()
                slot = self._slots.popleft()
                assert slot.image is not None
                return slot.job, slot.image
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
            self._slots.clear()
            self._unread.clear()
            self._change.notify_all()
        for thread in self._threads:
            thread.join(CLOSE_TIMEOUT / len(self._threads))

    def _start(self, work: Callable[[], None], name: str) -> None:
        # A daemon: a blocking read from a silent pipe must not keep the process alive.
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _first_is_ready(self) -> bool:
        return bool(self._slots) and self._slots[0].image is not None

    def _iterate(self) -> None:
        try:
            for number, job in enumerate(self._jobs):
                slot = Slot(job, number)
                if not self._wait(lambda: len(self._slots) < PREFETCH_IMAGES and self._has_room()):
                    return
                with self._change:
                    self._slots.append(slot)
                if is_readable_later(job):
                    self._hand_to_readers(slot)
                elif not self._take_over(slot):
                    return
        except BaseException as error:  # raised by the caller's iterable: take() raises it again
            self._fault = error
        finally:
            with self._change:
                self._ended = True
                self._change.notify_all()

    def _hand_to_readers(self, slot: Slot) -> None:
        with self._change:
            self._unread.append(slot)
            self._change.notify_all()
        if len(self._threads) <= min(slot.number + 1, self._readers):
            self._start(self._read_files, "hiqa-reader")

    def _take_over(self, slot: Slot) -> bool:
        """Read what only the iterating thread may read; False where the reader was closed meanwhile."""
        if not self._wait(lambda: self._turn == slot.number and self._has_room()):
            return False
        self._finish(slot, or_error(lambda: read_content(take_over(slot.job, self._reader), slot.job)))
        return True

    def _read_files(self) -> None:
        while self._wait(lambda: bool(self._unread) or self._ended):
            with self._change:
                if not self._unread:
                    if self._ended:
                        return
                    continue
                slot = self._unread.popleft()
            self._read_file(slot)

    def _read_file(self, slot: Slot) -> None:
        if not self._wait(self._has_room):
            return
        image = or_error(lambda: self._content(slot))
        if slot.reserved or self._wait(lambda: self._turn == slot.number):
            self._finish(slot, image)

    def _content(self, slot: Slot) -> Picture:
        return read_content(take_over(slot.job), slot.job, self._reader, partial(self._reserve, slot))

    def _reserve(self, slot: Slot, pixels: int) -> None:
        """Wait until a picture may be decoded."""
        if not self._wait(lambda: self._turn == slot.number and self._has_room()):
            raise ImageError("stopped before it was read")
        with self._change:
            slot.reserved = pixels
            self._held += pixels
            self._turn += 1
            self._change.notify_all()

    def _finish(self, slot: Slot, image: Picture | HiqaError) -> None:
        with self._change:
            self._turn += not slot.reserved
            self._held += (image.width * image.height if isinstance(image, Picture) else 0) - slot.reserved
            slot.image = image
            self._change.notify_all()

    def _has_room(self) -> bool:
        return self._held < self._pixels

    def _wait(self, condition: Callable[[], bool]) -> bool:
        """Wait until a condition holds; False where close() was called."""
        with self._change:
            while not self._closed and not condition():
                self._change.wait()
            return not self._closed
