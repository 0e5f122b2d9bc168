"""torch's threads, in a process and in its forks.

A fork has one thread only, but torch's OpenMP runtime (libgomp) believes that its workers are still there and waits for
them for ever. With one thread torch starts no parallel region, and so a fork goes on. Importing this module loads no
torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_started_in: int | None = None  # the process in which hiqa first ran torch; forks inherit it


def is_fork() -> bool:
    """Whether torch's threads were started, through hiqa, in a process that this one was forked from."""
    return _started_in is not None and _started_in != os.getpid()


def start_threads(threads: int | None, on_warning: Callable[[str], None]) -> None:
    """Set torch's number of threads before its first use in this process; None: leave torch's default.

    A fork gets one thread, with a warning where more were requested.
    """
    global _started_in
    if is_fork():
        if threads not in (None, 1):
            on_warning(f"one thread, not {threads}: this process is the fork of one that had started torch's threads")
        threads = 1
    elif _started_in is None:
        _started_in = os.getpid()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
