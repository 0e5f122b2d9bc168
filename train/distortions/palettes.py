"""Colour quantisation: an adaptive palette after Wu, and error diffusion after Floyd and Steinberg.

Like MATLAB's `rgb2ind(image, colours)`, which TID2013's type 22 seems to use: a minimum-variance palette, looked up on
a grid of 32 levels per channel.
"""

from __future__ import annotations

import heapq
from itertools import count

import numpy as np
from scipy.spatial import cKDTree

GRID = 32  # cells per channel in which the nearest colour is looked up
FINE = 128  # cells per channel in which pixels are counted for a palette


def cell_of(colours: np.ndarray, grid: int) -> np.ndarray:
    """(..., 3) levels 0..255 -> the index of each colour's cell, of grid^3."""
    cells = colours.astype(np.intp) // (256 // grid)
    return (cells[..., 0] * grid + cells[..., 1]) * grid + cells[..., 2]


class Box:
    """Colours in a cuboid of cells: their cells (N, 3), counts (N,), sums (N, 3) and summed squares (N,) of colours."""

    def __init__(self, cells: np.ndarray, counts: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> None:
        self.cells, self.counts, self.sums, self.squares = cells, counts, sums, squares
        self.axis, self.last = self._best_cut()

    @property
    def error(self) -> float:
        """Sum of squared distances of the pixels from the mean colour; 0 where the box cannot be cut."""
        spread = self.squares.sum() - np.square(self.sums.sum(axis=0)).sum() / self.counts.sum()
        return float(spread) if self.last >= 0 else 0.0

    @property
    def mean(self) -> np.ndarray:
        """(3,) the mean colour."""
        return self.sums.sum(axis=0) / self.counts.sum()

    def _best_cut(self) -> tuple[int, int]:
        """The cut that reduces the squared error most: its axis and the last cell of the lower part (-1: none)."""
        total_before = np.square(self.sums.sum(axis=0)).sum() / self.counts.sum()
        best = (0.0, 0, -1)
        for axis in range(3):
            place = self.cells[:, axis]
            count = np.cumsum(np.bincount(place, self.counts, FINE))
            total = np.stack([np.cumsum(np.bincount(place, self.sums[:, c], FINE)) for c in range(3)])
            below, above = count[:-1], count[-1] - count[:-1]
            with np.errstate(divide="ignore", invalid="ignore"):
                kept = np.square(total[:, :-1]).sum(axis=0) / below
                kept = kept + np.square(total[:, -1:] - total[:, :-1]).sum(axis=0) / above
            kept[(below == 0) | (above == 0)] = -np.inf
            cut = int(kept.argmax())
            if kept[cut] - total_before > best[0]:
                best = (float(kept[cut] - total_before), axis, cut)
        return best[1:]

    def cut(self) -> tuple[Box, Box]:
        """The two parts of the best cut."""
        low = self.cells[:, self.axis] <= self.last
        return (
            Box(self.cells[low], self.counts[low], self.sums[low], self.squares[low]),
            Box(self.cells[~low], self.counts[~low], self.sums[~low], self.squares[~low]),
        )


def minimum_variance_palette(image: np.ndarray, colours: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (at most `colours`, 3) float: means of boxes; the box of largest error is cut next.

    Wu, "Efficient statistical computations for optimal color quantization", Graphics Gems II, 1991.
    """
    pixels = image.reshape(-1, 3)
    used, number = np.unique(cell_of(pixels, FINE), return_inverse=True)
    counts = np.bincount(number)
    sums = np.stack([np.bincount(number, pixels[:, c]) for c in range(3)], axis=1)
    squares = np.bincount(number, np.square(pixels.astype(float)).sum(axis=1))
    cells = np.stack(np.unravel_index(used, (FINE, FINE, FINE)), axis=1)
    # Numbers break ties, because boxes are not ordered.
    serial = count()
    waiting = [(0.0, 0, next(serial), Box(cells, counts.astype(float), sums, squares))]
    while len(waiting) < colours and waiting[0][-1].last >= 0:
        *_, box = heapq.heappop(waiting)
        for part in box.cut():
            heapq.heappush(waiting, (-part.error, len(waiting) + 1, next(serial), part))
    return np.array([box.mean for *_, box in sorted(waiting, key=lambda item: tuple(item[-1].mean))])


def nearest_table(palette: np.ndarray) -> np.ndarray:
    """(32^3,) for each cell, the index of the palette colour nearest to its centre."""
    axis = np.arange(GRID) * 8 + 3.5
    middles = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(cKDTree(palette).query(middles)[1])


def apply_palette(image: np.ndarray, palette: np.ndarray, *, dither: bool) -> np.ndarray:
    """Replace every pixel by its nearest colour of a (K, 3) palette. dither: with Floyd-Steinberg error diffusion."""
    colours = np.rint(palette).astype(np.float32)
    table = nearest_table(palette)
    if not dither:
        return colours[table[cell_of(image, GRID)]].astype(np.uint8)
    height, width = image.shape[:2]
    # Pixels with the same x + 2 y do not affect one another and are processed at once. A margin of a column on each
    # side and a row below collects errors that leave the picture.
    canvas = np.zeros((height + 1, width + 2, 3), np.float32)
    canvas[:height, 1:-1] = image
    out = np.empty_like(image)
    for front in range(width + 2 * height - 2):
        y = np.arange(max(0, (front - width + 2) // 2), min(height, front // 2 + 1))
        x = front - 2 * y
        values = np.clip(canvas[y, x + 1], 0, 255)
        chosen = colours[table[cell_of(values, GRID)]]
        out[y, x] = chosen
        error = values - chosen
        canvas[y, x + 2] += error * (7 / 16)
        canvas[y + 1, x] += error * (3 / 16)
        canvas[y + 1, x + 1] += error * (5 / 16)
        canvas[y + 1, x + 2] += error * (1 / 16)
    return out


def reduce_colours(image: np.ndarray, colours: int, *, dither: bool = True) -> np.ndarray:
    """Colour quantisation to a palette, with dither (TID2013's type 22) or without (KADID-10k's type 6)."""
    return apply_palette(image, minimum_variance_palette(image, colours), dither=dither)
