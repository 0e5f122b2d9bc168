"""The only place that imports OpenCV: `opencv.cv2`, once `opencv.require()` has not raised.

Changes none of OpenCV's settings.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hiqa_cli.errors import DependencyError, reason_of


def explain(error: ImportError) -> DependencyError:
    """The error for a failed `import cv2`: it is not installed, or a system library is missing."""
    if isinstance(error, ModuleNotFoundError) and error.name == "cv2":
        return DependencyError("OpenCV (cv2) is not installed", "pip install opencv-python-headless")
    return DependencyError(
        f"OpenCV (cv2) cannot be loaded: {reason_of(error)}",
        "opencv-python-headless needs no display libraries: "
        "pip uninstall -y opencv-python && pip install --force-reinstall opencv-python-headless",
    )


_failure: DependencyError | None = None
try:
    import cv2
except ImportError as error:
    _failure = explain(error)


def require() -> None:
    """Raise DependencyError if OpenCV could not be loaded."""
    if _failure is not None:
        raise _failure


_SILENT = 0  # a level of OpenCV's log
_lock = threading.Lock()
_decoding = 0  # threads inside silence()
_level = _SILENT  # the caller's level, while any thread is inside


@contextmanager
def silence() -> Iterator[None]:
    """Lower the level of OpenCV's log to nothing for a while: hiqa reports itself what is wrong with an image."""
    global _decoding, _level
    # The functions moved within OpenCV's API after 4.8.
    log = getattr(getattr(cv2, "utils", None), "logging", cv2)
    with _lock:
        if not _decoding:
            _level = log.setLogLevel(_SILENT)
        _decoding += 1
    try:
        yield
    finally:
        with _lock:
            _decoding -= 1
            if not _decoding:
                log.setLogLevel(_level)


__all__ = ["cv2", "require", "silence"]
