"""The only place that imports OpenCV: `from hiqa_cli.images.opencv import cv2`.

Silences OpenCV's log (hiqa reports in one line what is wrong with an image) and sets its thread pool to one thread:
decoding uses none, and torch needs the cores. Importing this module raises DependencyError if cv2 cannot be loaded.
"""

from __future__ import annotations

from hiqa_cli.errors import DependencyError


def explain(error: ImportError) -> DependencyError:
    """The error for a failed `import cv2`: it is not installed, or a system library is missing."""
    if isinstance(error, ModuleNotFoundError) and error.name == "cv2":
        return DependencyError("OpenCV (cv2) is not installed", "pip install opencv-python-headless")
    reason = " ".join(str(error).split())
    return DependencyError(
        f"OpenCV (cv2) cannot be loaded: {reason}",
        "opencv-python-headless needs no display libraries: "
        "pip uninstall -y opencv-python && pip install --force-reinstall opencv-python-headless",
    )


try:
    import cv2
except ImportError as error:
    raise explain(error) from error

SILENT, WARNING = 0, 3  # OpenCV's log levels


def set_log_level(level: int) -> None:
    """Set the level of OpenCV's log on standard error. The function moved within OpenCV's API after 4.8."""
    logging = getattr(getattr(cv2, "utils", None), "logging", cv2)
    logging.setLogLevel(level)


cv2.setNumThreads(1)
set_log_level(SILENT)

__all__ = ["SILENT", "WARNING", "cv2", "explain", "set_log_level"]
