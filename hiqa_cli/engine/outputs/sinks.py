"""A strip of finished rows of one picture, and what takes such strips."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class Strip:
    """Rows y .. y+n-1 of a picture W px wide.

    distorted: (n, W, 3) uint8 RGB, as scored (16-bit pictures rounded to 8).
    hallucination: (n, W, 3) uint8 RGB.
    discrepancy: (n, W, 3) float32, signed, distorted minus hallucination before rounding, -1..1.
    """

    y: int
    distorted: np.ndarray
    hallucination: np.ndarray
    discrepancy: np.ndarray

    @functools.cached_property
    def levels(self) -> np.ndarray:
        """(n, W) float32: mean over the channels of the absolute discrepancy, in 8-bit levels."""
        return np.abs(self.discrepancy).mean(axis=2) * np.float32(255.0)


class Sink(Protocol):
    """Takes a picture's strips from the top down, then finish() and commit(), or abandon().

    needs_corrections, needs_quality: whether it wants strip(), quality() to be called.
    """

    needs_corrections: bool
    needs_quality: bool

    def strip(self, strip: Strip) -> None:
        """The next finished rows."""

    def quality(self, quality: np.ndarray) -> None:
        """The next rows (n, W) float32 of the map of quality, points 0..100."""

    def finish(self, score: float, uncertainty: float) -> None:
        """All rows are there: write the end, but leave what stood at the target as it is."""

    def commit(self) -> None:
        """Put what is finished in its place."""

    def abandon(self) -> None:
        """Leave nothing behind; harmless after commit()."""


@runtime_checkable
class TileWatcher(Protocol):
    """A sink that sees every tile as it is scored, too."""

    def tile(self, pixels: np.ndarray, x: int, y: int, score: float, correction: np.ndarray | None) -> None:
        """A tile of the picture (H, W, 3), left and top edge, points, and G's correction (TILE, TILE, 3)."""


def compose(y: int, pixels: np.ndarray, correction: np.ndarray) -> Strip:
    """The strip of rows from y on.

    pixels: (n, W, 3) uint8 or uint16; correction: (n, W, 3) float32 in units of the full range.
    """
    distorted = pixels.astype(np.float32)
    if pixels.dtype != np.uint8:
        distorted *= np.float32(255.0 / np.iinfo(pixels.dtype).max)
    imagined = np.clip(distorted + np.float32(255.0) * correction, 0.0, 255.0)
    shown = pixels if pixels.dtype == np.uint8 else np.rint(distorted).astype(np.uint8)
    return Strip(y, shown, np.rint(imagined).astype(np.uint8), (distorted - imagined) / np.float32(255.0))


class WholeArrays:
    """A sink that keeps the whole hallucination and discrepancy, for callers who want arrays."""

    needs_corrections = True
    needs_quality = False

    def __init__(self, width: int, height: int, hallucination: bool, discrepancy: bool) -> None:
        shape = (height, width, 3)
        self.hallucination = np.empty(shape, np.uint8) if hallucination else None
        self.discrepancy = np.empty(shape, np.float32) if discrepancy else None

    def strip(self, strip: Strip) -> None:
        rows = slice(strip.y, strip.y + len(strip.hallucination))
        if self.hallucination is not None:
            self.hallucination[rows] = strip.hallucination
        if self.discrepancy is not None:
            self.discrepancy[rows] = strip.discrepancy

    def quality(self, quality: np.ndarray) -> None:
        """Never called."""

    def finish(self, score: float, uncertainty: float) -> None:
        """Nothing to close."""

    def commit(self) -> None:
        """Nothing to rename."""

    def abandon(self) -> None:
        """Nothing to remove."""
