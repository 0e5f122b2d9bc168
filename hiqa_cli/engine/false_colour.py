"""Numbers as colours: tables whose steps look even, on scales that are fixed for all pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .opencv import cv2
from .words import GRADES


def colour_table(map_number: int) -> np.ndarray:
    """One of OpenCV's colour maps as a table (256, 3) uint8 RGB."""
    steps = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(steps, map_number)[:, 0, ::-1])


@dataclass(frozen=True)
class ColourScale:
    """A range of numbers and its colours; numbers beyond either end take the colour of that end.

    title, unit: what is shown, in words for the picture.
    ticks: (number, its label). bands: names of equal parts of the scale, from its low end.
    """

    title: str
    unit: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    table: np.ndarray
    bands: tuple[str, ...] = ()

    def paint(self, numbers: np.ndarray) -> np.ndarray:
        """Colours (..., 3) uint8 RGB of numbers (...)."""
        steps = (numbers - self.low) * (255.0 / (self.high - self.low))
        return self.table[np.rint(np.clip(steps, 0.0, 255.0)).astype(np.uint8)]

    def share(self, number: float) -> float:
        """Where a number lies on the scale: 0 at its low end, 1 at its high end."""
        return min(max((number - self.low) / (self.high - self.low), 0.0), 1.0)


# Mean over the channels of the absolute discrepancy. Fixed, so that maps of different pictures can
# be compared; strong noise alone reaches 48 levels, and more is drawn as 48, which the scale says.
DISCREPANCY_SCALE = ColourScale(
    title="discrepancy",
    unit="levels of 255",
    low=0.0,
    high=48.0,
    ticks=((0.0, "0"), (12.0, "12"), (24.0, "24"), (36.0, "36"), (48.0, "48+")),
    table=colour_table(cv2.COLORMAP_INFERNO),
)

QUALITY_SCALE = ColourScale(
    title="quality",
    unit="points of 100",
    low=0.0,
    high=100.0,
    ticks=tuple((20.0 * step, str(20 * step)) for step in range(6)),
    table=colour_table(cv2.COLORMAP_VIRIDIS),
    bands=GRADES,
)
