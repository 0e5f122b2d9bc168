"""Numbers as colours: tables whose steps look even, on scales that are fixed for all pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.config import GRADES
from hiqa_cli.images.opencv import cv2


def colour_table(map_number: int) -> np.ndarray:
    """One of OpenCV's colour maps as a table (256, 3) uint8 RGB."""
    steps = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(steps, map_number)[:, 0, ::-1])


@dataclass(frozen=True)
class ColourScale:
    """A range of numbers and its colours; numbers beyond either end take the colour of that end.

    title, unit: what is shown, in words for the picture.
    ticks: (number, its label). bands: names of equal parts of the scale, from its low end.
    power: 1 for an even scale; below 1 small numbers get more room, as the ticks then show.
    """

    title: str
    unit: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    table: np.ndarray
    bands: tuple[str, ...] = ()
    power: float = 1.0

    def paint(self, numbers: np.ndarray) -> np.ndarray:
        """Colours (..., 3) uint8 RGB of numbers (...)."""
        shares = np.clip((numbers - self.low) * (1.0 / (self.high - self.low)), 0.0, 1.0)
        return self.colours(shares if self.power == 1.0 else shares**self.power)

    def colours(self, shares: np.ndarray) -> np.ndarray:
        """Colours (..., 3) uint8 RGB of places (...) on the scale: 0 is its low end, 1 its high."""
        return self.table[np.rint(shares * 255.0).astype(np.uint8)]

    def share(self, number: float) -> float:
        """Where a number lies on the scale: 0 at its low end, 1 at its high end."""
        share = min(max((number - self.low) / (self.high - self.low), 0.0), 1.0)
        return float(share**self.power)


# Mean over the channels of the absolute discrepancy. Fixed, so that maps of different pictures can
# be compared; strong noise alone reaches 48 levels, and more is drawn as 48, which the scale says.
# With its square root the few levels that tell of compression and blur are seen as well.
DISCREPANCY_SCALE = ColourScale(
    title="discrepancy",
    unit="levels of 255",
    low=0.0,
    high=48.0,
    ticks=((0.0, "0"), (3.0, "3"), (6.0, "6"), (12.0, "12"), (24.0, "24"), (48.0, "48+")),
    table=colour_table(cv2.COLORMAP_INFERNO),
    power=0.5,
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
