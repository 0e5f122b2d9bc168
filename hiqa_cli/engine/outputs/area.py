"""Reduce images by area averaging: every pixel is weighted by the area that it covers."""

from __future__ import annotations

import numpy as np

_ROWS = 64  # reduced at once


class AreaReducer:
    """Reduces an image of width x height px, given in strips, to `columns` x `rows` px, which must not be larger."""

    def __init__(self, width: int, height: int, columns: int, rows: int, channels: int) -> None:
        self._width = width
        self._height = height
        self._sum = np.zeros((rows, columns, channels), np.float32)

    def add(self, y: int, strip: np.ndarray) -> None:
        """Add the rows from y on, (n, W, channels) or (n, W)."""
        rows, columns, channels = self._sum.shape
        part: np.ndarray = strip.reshape(len(strip), self._width, channels).astype(np.float32)
        if columns < self._width:
            part = _fewer_columns(part, columns)
        scale = rows / self._height
        first = int(y * scale)
        last = min(int(np.ceil((y + len(strip)) * scale)), rows)
        # Row k of the result covers rows k/scale .. (k+1)/scale of the source.
        upper = np.arange(first, last)[:, None] / scale
        row = np.arange(y, y + len(strip))[None]
        overlap = np.minimum(upper + 1 / scale, row + 1) - np.maximum(upper, row)
        weights = (np.clip(overlap, 0.0, None) * scale).astype(np.float32)
        added = weights @ part.reshape(len(strip), columns * channels)
        self._sum[first:last] += added.reshape(-1, columns, channels)

    def result(self) -> np.ndarray:
        """The reduced image (rows, columns, channels) float32, once all rows have been added."""
        return self._sum


def to_uint8(numbers: np.ndarray) -> np.ndarray:
    """Values on the scale 0..255 as uint8, rounded to nearest."""
    return np.rint(np.clip(numbers, 0.0, 255.0)).astype(np.uint8)


def reduce_by_area(pixels: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """(H, W, channels) of any type, reduced to (rows, columns, channels) float32; neither side may grow."""
    height, width, channels = pixels.shape
    reducer = AreaReducer(width, height, columns, rows, channels)
    for top in range(0, height, _ROWS):
        reducer.add(top, pixels[top : top + _ROWS])
    return reducer.result()


def _fewer_columns(rows: np.ndarray, columns: int) -> np.ndarray:
    """(n, W, channels) float32 to (n, columns, channels), as differences of the sums up to the columns' edges."""
    count, width, channels = rows.shape
    sums = np.zeros((count, width + 1, channels))
    np.cumsum(rows, axis=1, dtype=np.float64, out=sums[:, 1:])
    edges = np.arange(columns + 1) * (width / columns)
    whole = np.minimum(edges.astype(np.intp), width - 1)
    part = (edges - whole)[:, None]
    upto = sums[:, whole] * (1.0 - part) + sums[:, whole + 1] * part
    return (np.diff(upto, axis=1) * (columns / width)).astype(np.float32)
