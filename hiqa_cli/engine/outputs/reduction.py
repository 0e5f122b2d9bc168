"""Area reduction of a picture that comes in strips: every pixel counts with the area it covers."""

from __future__ import annotations

import numpy as np

from hiqa_cli.images.opencv import cv2


class AreaReducer:
    """Reduces rows of width x height px to a picture of `columns` x `rows` (neither larger)."""

    def __init__(self, width: int, height: int, columns: int, rows: int, channels: int) -> None:
        self._width = width
        self._height = height
        self._sum = np.zeros((rows, columns, channels), np.float32)

    def add(self, y: int, strip: np.ndarray) -> None:
        """The rows from y on, (n, W, channels) or (n, W)."""
        rows, columns, channels = self._sum.shape
        part: np.ndarray = strip.reshape(len(strip), self._width, channels).astype(np.float32)
        if columns < self._width:
            part = cv2.resize(part, (columns, len(strip)), interpolation=cv2.INTER_AREA)
        share = rows / self._height
        first = int(y * share)
        last = min(int(np.ceil((y + len(strip)) * share)), rows)
        # Row k of the result covers k/share .. (k+1)/share of the rows of the source.
        upper = np.arange(first, last)[:, None] / share
        row = np.arange(y, y + len(strip))[None]
        overlap = np.minimum(upper + 1 / share, row + 1) - np.maximum(upper, row)
        weights = (np.clip(overlap, 0.0, None) * share).astype(np.float32)
        added = weights @ part.reshape(len(strip), columns * channels)
        self._sum[first:last] += added.reshape(-1, columns, channels)

    def result(self) -> np.ndarray:
        """The reduced picture, (rows, columns, channels) float32, once all rows have been added."""
        return self._sum


def eight_bits(numbers: np.ndarray) -> np.ndarray:
    """Reduced values on the scale of 0..255 as uint8, rounded to nearest."""
    return np.rint(np.clip(numbers, 0.0, 255.0)).astype(np.uint8)
