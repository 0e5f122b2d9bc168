"""SIGINT and SIGTERM as an exception, so that a stopped run keeps finished results and removes unfinished files."""

from __future__ import annotations

import signal
from types import FrameType


class Interrupted(BaseException):
    """A signal stopped hiqa. Not an Exception, so that no handler swallows it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_name = signal.Signals(signal_number).name
        self.exit_code = 128 + signal_number  # as shells report it: 130, 143


def _stop(signal_number: int, _frame: FrameType | None) -> None:
    raise Interrupted(signal_number)


def install() -> None:
    """Let both signals raise Interrupted, except those that the caller ignores (nohup, a background job)."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
