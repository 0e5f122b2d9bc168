"""The score on a panel: the number, its uncertainty, a bar with the grades, the map's scale."""

from __future__ import annotations

import numpy as np

from hiqa_cli.engine.config import GRADES, grade

from .draw_text import INK, draw_text
from .false_colour import DISCREPANCY_SCALE, QUALITY_SCALE
from .legend import lying_legend

WIDEST = 420  # px at unit 1; a bar longer than this is no easier to read
TRACK = (226, 226, 230)
FAINT = (110, 110, 116)
FILL = (46, 98, 168)


def draw_score_card(
    canvas: np.ndarray,
    x: int,
    y: int,
    room: int,
    unit: float,
    score: float,
    uncertainty: float,
) -> None:
    """Draw the card, top left corner at x, y, in `room` px of width; 220 px high at unit 1."""
    width = min(room, round(WIDEST * unit))
    wide = draw_text(canvas, f"{score:.1f}", x, y + 6 * unit, 38 * unit, bold=True)
    beside = x + wide + 16 * unit
    draw_text(canvas, grade(score), beside, y + 6 * unit, 15 * unit, bold=True)
    draw_text(canvas, f"+/- {uncertainty:.1f} points", beside, y + 33 * unit, 10 * unit, ink=FAINT)
    _draw_bar(canvas, x, y + round(68 * unit), width, unit, score)
    top = y + round(150 * unit)
    text = f"{DISCREPANCY_SCALE.title}, {DISCREPANCY_SCALE.unit}"
    draw_text(canvas, text, x, top, 9 * unit, ink=FAINT)
    lying_legend(canvas, DISCREPANCY_SCALE, unit, x, top + round(18 * unit), width)


def _draw_bar(canvas: np.ndarray, x: int, y: int, width: int, unit: float, score: float) -> None:
    """A bar filled up to the score, a word over each grade, numbers between the grades."""
    top, high = y + round(16 * unit), round(16 * unit)
    canvas[top : top + high, x : x + width] = TRACK
    canvas[top : top + high, x : x + round(QUALITY_SCALE.share(score) * width)] = FILL
    gap = max(1, round(1.5 * unit))
    for number, word in enumerate(GRADES):
        middle = x + (number + 0.5) / len(GRADES) * width
        ink = INK if word == grade(score) else FAINT
        draw_text(canvas, word, middle, y, 8 * unit, anchor=0.5, ink=ink)
        if number:
            edge = x + round(number / len(GRADES) * width)
            canvas[top : top + high, edge : edge + gap] = 255
    for points, label in QUALITY_SCALE.ticks:
        share = QUALITY_SCALE.share(points)
        place = x + share * width
        draw_text(canvas, label, place, top + high + 6 * unit, 8 * unit, anchor=share, ink=FAINT)
