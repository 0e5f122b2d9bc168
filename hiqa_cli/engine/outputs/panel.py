"""The panel: distorted image, hallucination, discrepancy map and score in one picture.

Its four cells form a row, a two by two square or a column, whichever shows the image largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiqa_cli.engine.config import GRADES, grade
from hiqa_cli.engine.pipeline.reasons.reason import Place

from .area import AreaReducer, to_uint8
from .colour_scale import DISCREPANCY_SCALE, QUALITY_SCALE, draw_horizontal_legend
from .draw_text import INK, PAPER, draw_text
from .grade_colours import grade_rgb
from .png_writer import PngWriter, own_text
from .sinks import Canvas, Strip, Verdict

LARGEST_SIDE = 2400  # px
# Lengths in px at unit 1:
MARGIN = 16
LABEL = 24
CARD_WIDTH = 300
CARD_HEIGHT = 224
SMALLEST_CELL = 130  # width of the longest label
PICTURE_PER_UNIT = 420.0  # px, the longer side of a shown picture at unit 1
LARGEST_UNIT = 2.4
SMALL = 128  # px; images up to this side are enlarged, by repeating pixels, up to twice this
WIDEST = 420  # px at unit 1, of the bar
TRACK = (226, 226, 230)
FAINT = (110, 110, 116)
FRAMED = 2  # of the three pictures, those on which the worst places are framed
LABELS = ("distorted", "hallucination", "discrepancy map", "score")


@dataclass(frozen=True)
class PanelLayout:
    """A panel of width x height px.

    reduced: columns and rows of each of its three pictures, before enlargement.
    enlarged: factor by which their pixels are repeated; 1 except for small images.
    unit: factor on the lengths above.
    corners: top left corners (x, y) of the four cells; each has a label at its top.
    """

    width: int
    height: int
    reduced: tuple[int, int]
    enlarged: int
    unit: float
    corners: tuple[tuple[int, int], ...]
    label_height: int
    card_width: int


def lay_out(width: int, height: int) -> PanelLayout:
    """The layout for an image of width x height px: the one that shows it largest, up to its own size; among equals the
    one whose aspect ratio is nearest to 3:2."""
    layouts = [_fitted(width, height, across) for across in (2, 4, 1)]
    shown = max(layout.reduced[0] * layout.reduced[1] for layout in layouts)
    largest = [x for x in layouts if x.reduced[0] * x.reduced[1] >= 0.98 * shown]
    return min(largest, key=lambda layout: abs(layout.width / layout.height - 1.5))


def _fitted(width: int, height: int, across: int) -> PanelLayout:
    enlarged = max(1, 2 * SMALL // max(width, height)) if max(width, height) <= SMALL else 1
    unit = 1.0
    # Letters grow with the pictures and leave them less room; a second pass converges.
    for _ in range(2):
        scale = _largest_scale(width * enlarged, height * enlarged, across, unit)
        columns, rows = max(1, int(width * scale)), max(1, int(height * scale))
        longer = max(columns, rows) * enlarged
        chosen = _arranged((columns, rows), enlarged, across, unit)
        unit = min(max(longer / PICTURE_PER_UNIT, 1.0), LARGEST_UNIT)
    return chosen


def _largest_scale(width: int, height: int, across: int, unit: float) -> float:
    """The largest scale factor, at most 1, with which the panel does not exceed LARGEST_SIDE."""
    margin, label = MARGIN * unit, LABEL * unit
    down = {4: 1, 2: 2, 1: 4}[across]
    room_across = LARGEST_SIDE - (across + 1) * margin - 4
    room_down = LARGEST_SIDE - (down + 1) * margin - down * label - 4
    # In a row the score card reduces the width left for the pictures, in a column the height.
    if across == 4:
        room_across -= CARD_WIDTH * unit
    if across == 1:
        room_down -= CARD_HEIGHT * unit
    pictures_across, pictures_down = min(across, 3), min(down, 3)
    return min(1.0, room_across / pictures_across / width, room_down / pictures_down / height)


def _arranged(reduced: tuple[int, int], enlarged: int, across: int, unit: float) -> PanelLayout:
    margin, label = round(MARGIN * unit), round(LABEL * unit)
    card = (round(CARD_WIDTH * unit), round(CARD_HEIGHT * unit))
    cell = (max(reduced[0] * enlarged, round(SMALLEST_CELL * unit)), reduced[1] * enlarged)
    sizes = [cell, cell, cell, card]
    columns = [max(size[0] for size in sizes[column::across]) for column in range(across)]
    rows = [max(size[1] for size in sizes[n : n + across]) + label for n in range(0, 4, across)]
    lefts = [margin + sum(columns[:n]) + n * margin for n in range(len(columns))]
    tops = [margin + sum(rows[:n]) + n * margin for n in range(len(rows))]
    return PanelLayout(
        width=lefts[-1] + columns[-1] + margin,
        height=tops[-1] + rows[-1] + margin,
        reduced=reduced,
        enlarged=enlarged,
        unit=unit,
        corners=tuple((x, y) for y in tops for x in lefts),
        label_height=label,
        card_width=max(card[0], columns[-1]),
    )


class PanelSink:
    """Reduces the three pictures while strips arrive; draws the panel at the end."""

    needs_corrections = True
    needs_quality = False

    def __init__(self, target: Path, canvas: Canvas, weights_id: str) -> None:
        layout = lay_out(canvas.width, canvas.height)
        self._layout, self._canvas = layout, canvas
        columns, rows = layout.reduced
        self._parts = [AreaReducer(canvas.width, canvas.height, columns, rows, channels) for channels in (3, 3, 1)]
        self._png = PngWriter(target, layout.width, layout.height, 3, own_text("panel", weights_id))

    def add_strip(self, strip: Strip) -> None:
        shown = (strip.distorted, strip.hallucination, strip.levels)
        for part, rows in zip(self._parts, shown, strict=True):
            part.add(strip.y, rows)

    def add_quality(self, quality: np.ndarray) -> None:
        """Not used."""

    def finish(self, verdict: Verdict) -> None:
        distorted, hallucination, levels = (part.result() for part in self._parts)
        pictures = (
            to_uint8(distorted),
            to_uint8(hallucination),
            DISCREPANCY_SCALE.paint(levels[:, :, 0]),
        )
        self._png.write(draw_panel(self._layout, pictures, verdict, self._canvas))
        self._png.finish()

    def commit(self) -> None:
        self._png.commit()

    def abandon(self) -> None:
        self._png.abandon()


def draw_panel(
    layout: PanelLayout, pictures: tuple[np.ndarray, ...], verdict: Verdict, canvas_of: Canvas
) -> np.ndarray:
    """The panel (H, W, 3) uint8 RGB from three pictures of the layout's reduced size. canvas_of: the image at its full
    size, in which the worst places lie."""
    canvas = np.full((layout.height, layout.width, 3), PAPER, np.uint8)
    for label, (x, y) in zip(LABELS, layout.corners, strict=True):
        draw_text(canvas, label, x, y + 5 * layout.unit, 10 * layout.unit, bold=True)
    top = layout.label_height
    for number, (picture, (x, y)) in enumerate(zip(pictures, layout.corners[:3], strict=True)):
        larger = picture.repeat(layout.enlarged, axis=0).repeat(layout.enlarged, axis=1)
        if number < FRAMED:
            frame_places(larger, verdict.worst, canvas_of, layout.unit)
        canvas[y + top : y + top + larger.shape[0], x : x + larger.shape[1]] = larger
    x, y = layout.corners[3]
    draw_score_card(canvas, x, y + top, layout.card_width, layout.unit, verdict)
    return canvas


def frame_places(picture: np.ndarray, places: Sequence[Place], full: Canvas, unit: float) -> None:
    """Frame places of the full image on its picture (h, w, 3), in place: white within black, seen on any ground."""
    height, width = picture.shape[:2]
    thick = max(1, round(unit))
    for place in places:
        left, right = (round(x * width / full.width) for x in (place.x, place.x + place.w))
        top, bottom = (round(y * height / full.height) for y in (place.y, place.y + place.h))
        for inset, colour in ((0, 0), (thick, 255)):
            x1, y1, x2, y2 = left + inset, top + inset, right - inset, bottom - inset
            if x2 - x1 > 2 * thick and y2 - y1 > 2 * thick:
                picture[y1:y2, x1 : x1 + thick] = picture[y1:y2, x2 - thick : x2] = colour
                picture[y1 : y1 + thick, x1:x2] = picture[y2 - thick : y2, x1:x2] = colour


def draw_score_card(
    canvas: np.ndarray,
    x: int,
    y: int,
    room: int,
    unit: float,
    verdict: Verdict,
) -> None:
    """Draw score, grade, uncertainty, reasons and the map's scale, with top left corner at x, y, in `room` px of width;
    220 px high at unit 1."""
    score = verdict.score
    width = min(room, round(WIDEST * unit))
    wide = draw_text(canvas, f"{score:.1f}", x, y + 6 * unit, 38 * unit, bold=True)
    right = x + wide + 16 * unit
    draw_text(canvas, grade(score), right, y + 6 * unit, 15 * unit, bold=True, ink=grade_rgb(score))
    draw_text(canvas, f"+/- {verdict.uncertainty:.1f} points", right, y + 33 * unit, 10 * unit, ink=FAINT)
    draw_text(canvas, ", ".join(verdict.words), x, y + 56 * unit, 10 * unit)
    _draw_bar(canvas, x, y + round(82 * unit), width, unit, score)
    top = y + round(156 * unit)
    text = f"{DISCREPANCY_SCALE.title}, {DISCREPANCY_SCALE.unit}"
    draw_text(canvas, text, x, top, 9 * unit, ink=FAINT)
    draw_horizontal_legend(canvas, DISCREPANCY_SCALE, unit, x, top + round(18 * unit), width)


def _draw_bar(canvas: np.ndarray, x: int, y: int, width: int, unit: float, score: float) -> None:
    """A bar filled up to the score, with the grades above it and numbers below."""
    top, high = y + round(16 * unit), round(16 * unit)
    canvas[top : top + high, x : x + width] = TRACK
    canvas[top : top + high, x : x + round(QUALITY_SCALE.position(score) * width)] = grade_rgb(score)
    gap = max(1, round(1.5 * unit))
    for number, word in enumerate(GRADES):
        middle = x + (number + 0.5) / len(GRADES) * width
        ink = INK if word == grade(score) else FAINT
        draw_text(canvas, word, middle, y, 8 * unit, anchor=0.5, ink=ink)
        if number:
            edge = x + round(number / len(GRADES) * width)
            canvas[top : top + high, edge : edge + gap] = 255
    for points, label in QUALITY_SCALE.ticks:
        position = QUALITY_SCALE.position(points)
        place = x + position * width
        draw_text(canvas, label, place, top + high + 6 * unit, 8 * unit, anchor=position, ink=FAINT)
