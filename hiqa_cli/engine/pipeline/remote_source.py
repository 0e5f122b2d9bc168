"""Reads the bytes of addresses: bounded, with time-outs and further attempts; what fails becomes an image's error.

What came over a network is decoded in a child process, unless the caller has decided otherwise.
"""

from __future__ import annotations

import random
import threading
import time

from hiqa_cli.errors import ImageError
from hiqa_cli.files.remote.opening import opened
from hiqa_cli.files.remote.reasons import RemoteError
from hiqa_cli.images.isolation.reader import IsolatedReader
from hiqa_cli.images.source import Limits, read_bytes

PAUSES = (0.5, 1.0, 2.0)  # s before each further attempt, and up to half as much again

_lock = threading.Lock()
_isolated: list[IsolatedReader] = []


def read_address(address: str, limits: Limits) -> bytearray:
    """All bytes of a URL, or of a member of an archive. Raises ImageError; DependencyError and UsageError of hiqa."""
    for pause in (*PAUSES, None):
        try:
            with opened(address) as stream:
                return read_bytes(stream, limits)  # type: ignore[arg-type]
        except (RemoteError, ImageError) as error:
            cause = error if isinstance(error, RemoteError) else error.__cause__
            if not isinstance(cause, RemoteError):
                raise
            if pause is None or not cause.is_transient:
                tried = f", {len(PAUSES) + 1} attempts" if cause.is_transient else ""
                raise ImageError(f"{cause.reason}{tried}") from cause
            time.sleep(pause * random.uniform(1.0, 1.5))
    raise AssertionError("unreachable")


def isolated_reader() -> IsolatedReader:
    """The reader of this process for what comes from elsewhere; started when it is needed first."""
    with _lock:
        if not _isolated:
            _isolated.append(IsolatedReader())
        return _isolated[0]
