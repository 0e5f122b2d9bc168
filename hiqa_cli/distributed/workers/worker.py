"""A worker as its parent sees it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Mapping
from multiprocessing import get_context
from typing import Any

from hiqa_cli.errors import exit_reason

from .messages import Task
from .process import serve

SECONDS_TO_END = 2.0


class Worker:
    """A process, started at once. tasks: images it was given and has not answered, number -> job, oldest first.

    is_loaded: whether it has said what it has loaded.
    """

    def __init__(self, environment: Mapping[str, str], backend: str) -> None:
        context = get_context("spawn")  # a fork would inherit torch's threads, locks and CUDA contexts
        self.connection, theirs = context.Pipe()
        # A daemon: Python ends it where the parent ends by an error.
        self._process = context.Process(
            target=serve, args=(theirs, dict(environment), backend), name="hiqa-worker", daemon=True
        )
        self.environment = environment
        self.is_loaded = False
        self.tasks: dict[int, Task] = {}
        with _blocked_interrupts(), theirs:
            self._process.start()

    def send(self, message: Any) -> None:
        """A worker that is gone is noticed when its answers are read."""
        with contextlib.suppress(OSError):
            self.connection.send(message)

    def give(self, task: Task) -> None:
        """Let it score an image, after those that it has."""
        self.tasks[task.number] = task
        self.send(task)

    def how_it_ended(self) -> str:
        """ "signal SIGKILL" or "exit code 3", of a worker whose connection has ended."""
        self._process.join(SECONDS_TO_END)
        code = self._process.exitcode
        self.end()
        return exit_reason(code) if code is not None else "a closed connection"

    def close(self) -> None:
        """Tell it to end, without waiting."""
        self.connection.close()

    def end(self) -> None:
        """See that it has ended."""
        self.close()
        self._process.join(SECONDS_TO_END)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


@contextlib.contextmanager
def _blocked_interrupts() -> Iterator[None]:
    """Start a process with SIGINT blocked: it must not see a Ctrl-C before it can ignore it. (Not on Windows.)"""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
