"""Grades drawn: their colours as CSS and as pixels, and the meter of one to five cells that needs no colour."""

from __future__ import annotations

import numpy as np

from hiqa_cli.engine.config import GRADE_COLOURS, GRADES, grade

METER_GAP = 1  # px between the cells of a meter at unit 1
METER_EMPTY = (214, 214, 219)


def rgb(colour: str) -> tuple[int, int, int]:
    """ "#rrggbb" as 0..255 for each channel."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def grade_rgb(score: float) -> tuple[int, int, int]:
    """The colour of a score's grade on a light ground."""
    return rgb(GRADE_COLOURS[grade(score)].on_light)


def grade_style(dark: bool) -> str:
    """Declarations of CSS: a custom property for each grade."""
    shades = ((name, colour.on_dark if dark else colour.on_light) for name, colour in GRADE_COLOURS.items())
    return " ".join(f"--{name}: {shade};" for name, shade in shades)


def draw_meter(canvas: np.ndarray, score: float, x: int, y: int, width: int, height: int) -> None:
    """Draw a score's meter on a canvas (H, W, 3): one to five of its cells are filled, in the grade's colour."""
    filled = GRADES.index(grade(score)) + 1
    edges = np.rint(np.linspace(x, x + width + METER_GAP, len(GRADES) + 1)).astype(int)
    for number in range(len(GRADES)):
        cell = canvas[y : y + height, edges[number] : edges[number + 1] - METER_GAP]
        cell[:] = grade_rgb(score) if number < filled else METER_EMPTY
