"""Strips of completed rows of one image, and the sinks that take them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hiqa_cli.engine.pipeline.reasons.reason import Place
from hiqa_cli.engine.tiling.blending import STRIP_ROWS
from hiqa_cli.engine.tiling.sides import NO_BORDERS, Borders


@dataclass(frozen=True)
class Canvas:
    """The image that pictures are written of: width and height in px, and its borders that were left out."""

    width: int
    height: int
    borders: Borders = NO_BORDERS

    def widened(self, rows: np.ndarray, *, repeat: bool = False) -> np.ndarray:
        """Rows within the borders, (n, w, ...), as rows of the whole image; there, 0, or the nearest value repeated."""
        left, _, right, _ = self.borders
        if not (left or right):
            return rows
        return np.pad(rows, [(0, 0), (left, right), (0, 0)][: rows.ndim], "edge" if repeat else "constant")

    def quality_rows(self, y: int, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Strips of the whole image's quality map, given rows y .. y+n-1 within its borders, (n, w); the nearest value
        is repeated in borders, which paint_left_out() covers."""
        _, top, _, bottom = self.borders
        rows = self.widened(rows, repeat=True)
        if y == 0:
            yield from _repeated(rows[:1], top)
        yield rows
        if y + len(rows) == self.height - top - bottom:
            yield from _repeated(rows[-1:], bottom)


def _repeated(row: np.ndarray, times: int) -> Iterator[np.ndarray]:
    for start in range(0, times, STRIP_ROWS):
        yield row.repeat(min(STRIP_ROWS, times - start), axis=0)


@dataclass(frozen=True)
class Strip:
    """Rows y .. y+n-1 of an image W px wide.

    distorted: (n, W, 3) uint8 RGB, as scored (16-bit images rounded to 8).
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


@dataclass(frozen=True)
class Verdict:
    """What pictures say of an image: score and uncertainty in points, what is wrong in words, and the worst places."""

    score: float
    uncertainty: float
    words: tuple[str, ...] = ()
    worst: tuple[Place, ...] = ()


class Sink(Protocol):
    """Takes an image's strips from the top down, then finish() and commit(), or abandon().

    needs_corrections, needs_quality: whether add_strip() and add_quality() must be called.
    """

    needs_corrections: bool
    needs_quality: bool

    def add_strip(self, strip: Strip) -> None:
        """Take the next completed rows."""

    def add_quality(self, quality: np.ndarray) -> None:
        """Take the next rows (n, W) float32 of the quality map, points 0..100."""

    def finish(self, verdict: Verdict) -> None:
        """Complete the output after the last row, but leave an existing file at the target as it is."""

    def commit(self) -> None:
        """Move the finished output into place."""

    def abandon(self) -> None:
        """Remove what was written; has no effect after commit()."""


def compose_strip(y: int, pixels: np.ndarray, correction: np.ndarray) -> Strip:
    """The strip of the rows from y on.

    pixels: (n, W, 3) uint8 or uint16; correction: (n, W, 3) float32 in units of the full range.
    """
    distorted = pixels.astype(np.float32)
    if pixels.dtype != np.uint8:
        distorted *= np.float32(255.0 / np.iinfo(pixels.dtype).max)
    hallucination = np.clip(distorted + np.float32(255.0) * correction, 0.0, 255.0)
    shown = pixels if pixels.dtype == np.uint8 else np.rint(distorted).astype(np.uint8)
    return Strip(y, shown, np.rint(hallucination).astype(np.uint8), (distorted - hallucination) / np.float32(255.0))


@dataclass
class ArraySlot:
    """Takes whole arrays if requested: the hallucination with the distorted image, (H, W, 3) uint8 RGB, and the
    discrepancy map, (H, W, 3) float32."""

    wants_hallucination: bool
    wants_discrepancy: bool
    hallucination: np.ndarray | None = None
    discrepancy: np.ndarray | None = None
    distorted: np.ndarray | None = None


class ArraySink:
    """A sink that collects whole arrays, for callers that need these instead of files."""

    needs_corrections = True
    needs_quality = False

    def __init__(self, slot: ArraySlot, width: int, height: int) -> None:
        shape = (height, width, 3)
        self._slot = slot
        self._hallucination = np.empty(shape, np.uint8) if slot.wants_hallucination else None
        self._distorted = np.empty(shape, np.uint8) if slot.wants_hallucination else None
        self._discrepancy = np.empty(shape, np.float32) if slot.wants_discrepancy else None

    def add_strip(self, strip: Strip) -> None:
        rows = slice(strip.y, strip.y + len(strip.hallucination))
        if self._hallucination is not None:
            self._hallucination[rows] = strip.hallucination
        if self._distorted is not None:
            self._distorted[rows] = strip.distorted
        if self._discrepancy is not None:
            self._discrepancy[rows] = strip.discrepancy

    def add_quality(self, quality: np.ndarray) -> None:
        """Not used."""

    def finish(self, verdict: Verdict) -> None:
        """Not used."""

    def commit(self) -> None:
        self._slot.hallucination, self._slot.discrepancy = self._hallucination, self._discrepancy
        self._slot.distorted = self._distorted

    def abandon(self) -> None:
        """Not used."""
