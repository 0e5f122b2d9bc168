"""OpenCV, imported in one place: `from .opencv import cv2`.

OpenCV's own log is silenced (hiqa says itself, in one line, what is wrong with an image), and its
thread
pool is set to one thread: decoding uses none, and torch has the cores.
Raises DependencyError in one line where cv2 is missing or cannot be loaded.
"""

from __future__ import annotations

from hiqa_cli.errors import DependencyError


def explain(error: ImportError) -> DependencyError:
    """A failed `import cv2` as one line: not installed, or a system library that the server
    lacks."""
    if isinstance(error, ModuleNotFoundError) and error.name == "cv2":
        return DependencyError("OpenCV (cv2) is not installed", "pip install opencv-python-headless")
    reason = " ".join(str(error).split())
    return DependencyError(
        f"OpenCV (cv2) cannot be loaded: {reason}",
        "opencv-python-headless serves as well and needs no display libraries: "
        "pip uninstall -y opencv-python && pip install --force-reinstall opencv-python-headless",
    )


try:
    import cv2
except ImportError as error:
    raise explain(error) from error

SILENT, WARNING = 0, 3  # OpenCV's log levels


def set_log_level(level: int) -> None:
    """OpenCV's own log on stderr: SILENT or WARNING. Its place in the API moved after 4.8."""
    logging = getattr(getattr(cv2, "utils", None), "logging", cv2)
    logging.setLogLevel(level)


cv2.setNumThreads(1)
set_log_level(SILENT)

__all__ = ["SILENT", "WARNING", "cv2", "explain", "set_log_level"]
