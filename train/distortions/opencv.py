"""OpenCV as training and evaluation use it: on one thread, since torch and the loader's workers need the cores."""

from __future__ import annotations

from hiqa_cli.images.opencv import require

require()

import cv2  # noqa: E402

cv2.setNumThreads(1)

__all__ = ["cv2"]
