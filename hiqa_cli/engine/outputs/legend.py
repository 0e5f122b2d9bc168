"""The scale of a false-colour picture: a bar of its colours with labelled ticks."""

from __future__ import annotations

import numpy as np

from .draw_text import INK, PAPER, draw_text
from .false_colour import ColourScale

LETTERS = 9.0  # px, height of capitals at unit 1; all other lengths below are px at unit 1, too
MARGIN = 12
BAR = 18
TICK = 4
HEADING = 46  # title and unit above an upright bar
LEGEND_WIDTH = 128
LEGEND_HEIGHT = 176  # the least that an upright scale with six labels needs
LEGEND_TALLEST = 420


def upright_legend(scale: ColourScale, unit: float, room: int) -> np.ndarray:
    """A scale (h, w, 3) uint8 RGB to stand beside a map, high numbers on top.

    unit: px of the picture to one px of the lengths above. room: px of height that are there, at
    least LEGEND_HEIGHT * unit.
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
        y = top + (1.0 - scale.share(number)) * (bottom - top - 1)
        thick = max(1, round(unit))
        canvas[round(y) : round(y) + thick, round(right) : round(right + TICK * unit)] = INK
        draw_text(canvas, label, right + 2 * TICK * unit, y - letters / 2, letters)
    for number, name in enumerate(scale.bands):
        y = bottom - (number + 0.5) / len(scale.bands) * (bottom - top)
        x = right + 2 * TICK * unit
        draw_text(canvas, name, x, y - letters / 2, letters * 0.9, ink=(120, 120, 126))
    return canvas


def lying_legend(canvas: np.ndarray, scale: ColourScale, unit: float, x: int, y: int, width: int) -> None:
    """Draw a scale of `width` px with its labels below it on a canvas, top left corner at x, y."""
    letters = LETTERS * unit
    high = round(0.7 * BAR * unit)
    bar = scale.colours(np.linspace(0.0, 1.0, width))
    canvas[y : y + high, x : x + width] = bar[None]
    for number, label in scale.ticks:
        place = x + scale.share(number) * (width - 1)
        anchor = scale.share(number)  # the outer labels stay within the bar's ends
        draw_text(canvas, label, place, y + high + 5 * unit, letters, anchor=anchor)
