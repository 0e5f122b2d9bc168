"""SIGINT and SIGTERM end a run between two steps: what is finished stays, nothing is half written."""

from __future__ import annotations

import signal
from types import FrameType


class Interrupted(BaseException):
    """A signal asked hiqa to stop; not an Exception, so that nobody swallows it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_name = signal.Signals(signal_number).name
        self.exit_code = 128 + signal_number  # as a shell would report it: 130, 143


def _stop(signal_number: int, _frame: FrameType | None) -> None:
    raise Interrupted(signal_number)


def install() -> None:
    """Let both signals raise Interrupted; one that the caller has set to be ignored (nohup, a
    background job) stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
