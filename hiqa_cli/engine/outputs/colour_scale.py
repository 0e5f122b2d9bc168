"""False colour on fixed scales, the same for all images, and their legends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.config import GRADES
from hiqa_cli.engine.tiling.sides import Borders

from .colour_tables import INFERNO, VIRIDIS
from .draw_text import INK, PAPER, draw_text

LEFT_OUT = (226, 226, 230)  # where nothing was scored
LETTERS = 9.0  # px, height of capitals at unit 1; the lengths below are also px at unit 1
MARGIN = 12
BAR = 18
TICK = 4
HEADING = 46  # title and unit above a vertical bar
LEGEND_WIDTH = 128
LEGEND_HEIGHT = 176  # the least for a vertical scale with six labels
LEGEND_TALLEST = 420


@dataclass(frozen=True)
class ColourScale:
    """A range of numbers and its colours. Numbers outside get the colour of the nearer end.

    title, unit: labels of the legend.
    ticks: (number, label). bands: names of equal parts of the scale, from its low end.
    power: 1 for a linear scale; below 1, small numbers take up more of it.
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
        positions = np.clip((numbers - self.low) * (1.0 / (self.high - self.low)), 0.0, 1.0)
        return self.colours(positions if self.power == 1.0 else positions**self.power)

    def colours(self, positions: np.ndarray) -> np.ndarray:
        """Colours (..., 3) uint8 RGB of positions (...) on the scale: 0 is its low end, 1 its high end."""
        return self.table[np.rint(positions * 255.0).astype(np.uint8)]

    def position(self, number: float) -> float:
        """The position of a number on the scale: 0 at its low end, 1 at its high end."""
        position = min(max((number - self.low) / (self.high - self.low), 0.0), 1.0)
        return float(position**self.power)


# Mean over the channels of the absolute discrepancy. The scale is fixed, so that maps of different images can be
# compared; only strong noise exceeds 48 levels, where the scale ends. The square root makes the few levels of
# compression and blur visible as well.
DISCREPANCY_SCALE = ColourScale(
    title="discrepancy",
    unit="levels of 255",
    low=0.0,
    high=48.0,
    ticks=((0.0, "0"), (3.0, "3"), (6.0, "6"), (12.0, "12"), (24.0, "24"), (48.0, "48+")),
    table=INFERNO,
    power=0.5,
)

QUALITY_SCALE = ColourScale(
    title="quality",
    unit="points of 100",
    low=0.0,
    high=100.0,
    ticks=tuple((20.0 * step, str(20 * step)) for step in range(6)),
    table=VIRIDIS,
    bands=GRADES,
)


def paint_left_out(colours: np.ndarray, borders: Borders, y: int, canvas_height: int, scale: float = 1.0) -> None:
    """Paint the borders grey in rows y .. y+n-1 (n, W, 3) of a quality map: nothing was scored there.

    canvas_height: rows of the whole map. scale: its px per px of the image.
    """
    left, top, right, bottom = (round(px * scale) for px in borders)
    height, width = colours.shape[:2]
    colours[: max(top - y, 0)] = LEFT_OUT
    colours[max(canvas_height - bottom - y, 0) if bottom else height :] = LEFT_OUT
    colours[:, :left] = LEFT_OUT
    colours[:, width - right :] = LEFT_OUT


def vertical_legend(scale: ColourScale, unit: float, room: int) -> np.ndarray:
    """A legend (h, w, 3) uint8 RGB to the right of a map, high numbers on top.

    unit: factor on the lengths above. room: px of height available, at least LEGEND_HEIGHT * unit.
    """
    height = min(room, round(LEGEND_TALLEST * unit))
    canvas = np.full((height, round(LEGEND_WIDTH * unit), 3), PAPER, np.uint8)
    left, letters = MARGIN * unit, LETTERS * unit
    draw_text(canvas, scale.title, left, MARGIN * unit, letters, bold=True)
    draw_text(canvas, scale.unit, left, (MARGIN + 17) * unit, letters)
    top = round((MARGIN + HEADING) * unit)
    bottom = height - round((MARGIN + LETTERS / 2) * unit)
    right = left + BAR * unit
    bar = scale.colours(np.linspace(1.0, 0.0, bottom - top))
    canvas[top:bottom, round(left) : round(right)] = bar[:, None]
    for number, label in scale.ticks:
        y = top + (1.0 - scale.position(number)) * (bottom - top - 1)
        thick = max(1, round(unit))
        canvas[round(y) : round(y) + thick, round(right) : round(right + TICK * unit)] = INK
        draw_text(canvas, label, right + 2 * TICK * unit, y - letters / 2, letters)
    for number, name in enumerate(scale.bands):
        y = bottom - (number + 0.5) / len(scale.bands) * (bottom - top)
        x = right + 2 * TICK * unit
        draw_text(canvas, name, x, y - letters / 2, letters * 0.9, ink=(120, 120, 126))
    return canvas


def draw_horizontal_legend(canvas: np.ndarray, scale: ColourScale, unit: float, x: int, y: int, width: int) -> None:
    """Draw a legend of `width` px, its labels below, with its top left corner at x, y of the canvas."""
    letters = LETTERS * unit
    high = round(0.7 * BAR * unit)
    bar = scale.colours(np.linspace(0.0, 1.0, width))
    canvas[y : y + high, x : x + width] = bar[None]
    for number, label in scale.ticks:
        place = x + scale.position(number) * (width - 1)
        anchor = scale.position(number)  # keeps the outer labels within the bar
        draw_text(canvas, label, place, y + high + 5 * unit, letters, anchor=anchor)
