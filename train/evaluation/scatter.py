"""The scatter plot: published scores over predictions, the fitted logistic, marks by distortion type.

Drawn with OpenCV at four times the resolution and reduced, for print. The colours are those of Okabe and Ito, which
most colour-blind readers can distinguish; with many types, marks differ in shape, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiqa_cli.engine.outputs.draw_text import INK, draw_text, text_mask
from hiqa_cli.engine.outputs.png_writer import PngWriter, own_text
from hiqa_train.distortions.opencv import cv2

from .correlation import Logistic
from .predict import Prediction

WIDTH, HEIGHT = 1600, 1200  # px; 8 by 6 inches at 200 dots an inch
LEFT, TOP, BOTTOM, RIGHT = 150, 110, 150, 40
LEGEND = 440  # px to the right of the axes, if there is a legend
TEXT_HEIGHT = 20.0  # px, height of capitals
OVERSAMPLING = 4
GRID, FAINT, CURVE = (226, 226, 230), (110, 110, 116), (20, 20, 24)
COLOURS = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (100, 100, 100),
    (150, 75, 0),
)
SHAPES = ("circle", "square", "triangle")


@dataclass(frozen=True)
class Axis:
    """A range of values along `length` px from `start`, with ticks at round values. flipped: it runs upwards."""

    low: float
    high: float
    start: int
    length: int
    flipped: bool = False

    def place(self, values: np.ndarray | float) -> np.ndarray:
        """The positions of values, in px."""
        share = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        return self.start + (1 - share if self.flipped else share) * self.length

    @property
    def ticks(self) -> list[float]:
        """Round values within the range, ascending."""
        step = round_step(self.high - self.low)
        first = math.ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def round_step(span: float, most: int = 8) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that divides a span into at most `most` steps."""
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= most * (1 + 1e-9))


def axis_for(values: Sequence[float], start: int, length: int, flipped: bool = False) -> Axis:
    """An axis for all values, with a margin at both ends."""
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or 1.0
    return Axis(low - room, high + room, start, length, flipped)


def draw_scatter(
    predictions: Sequence[Prediction], curve: Logistic | None, *, title: str, subtitle: str, x_label: str, y_label: str
) -> np.ndarray:
    """The plot, (HEIGHT, WIDTH, 3) uint8 RGB. Text is ASCII; other letters become `?`. curve: None without a
    fit."""
    kinds = list(dict.fromkeys(prediction.sample.distortion or "" for prediction in predictions))
    named = len(kinds) > 1
    right = WIDTH - (LEGEND if named else RIGHT)
    x = axis_for([p.score for p in predictions], LEFT, right - LEFT)
    y = axis_for([p.sample.score for p in predictions], TOP, HEIGHT - TOP - BOTTOM, flipped=True)
    canvas = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    _draw_grid(canvas, x, y)
    canvas = _with_marks(canvas, predictions, kinds, x, y, curve)
    _draw_frame(canvas, x, y, x_label, y_label)
    draw_text(canvas, ascii_text(title), LEFT, 26, TEXT_HEIGHT * 1.15, bold=True)
    draw_text(canvas, ascii_text(subtitle), LEFT, 66, TEXT_HEIGHT * 0.85, ink=FAINT)
    if named:
        counts = {kind: sum((p.sample.distortion or "") == kind for p in predictions) for kind in kinds}
        canvas = _with_legend(canvas, counts, right + 30, curve is not None)
    return canvas


def _draw_grid(canvas: np.ndarray, x: Axis, y: Axis) -> None:
    for tick in x.ticks:
        at = round(float(x.place(tick)))
        canvas[y.start : y.start + y.length, at : at + 2] = GRID
    for tick in y.ticks:
        at = round(float(y.place(tick)))
        canvas[at : at + 2, x.start : x.start + x.length] = GRID


def _draw_frame(canvas: np.ndarray, x: Axis, y: Axis, x_label: str, y_label: str) -> None:
    bottom, end = y.start + y.length, x.start + x.length
    canvas[y.start : bottom + 3, x.start - 3 : x.start] = INK
    canvas[bottom : bottom + 3, x.start - 3 : end] = INK
    for tick in x.ticks:
        at = round(float(x.place(tick)))
        canvas[bottom : bottom + 13, at : at + 2] = INK
        draw_text(canvas, f"{tick:g}", at, bottom + 24, TEXT_HEIGHT, anchor=0.5)
    for tick in y.ticks:
        at = round(float(y.place(tick)))
        canvas[at : at + 2, x.start - 13 : x.start] = INK
        draw_text(canvas, f"{tick:g}", x.start - 22, at - TEXT_HEIGHT / 2, TEXT_HEIGHT, anchor=1.0)
    draw_text(canvas, ascii_text(x_label), x.start + x.length / 2, bottom + 78, TEXT_HEIGHT * 1.1, anchor=0.5)
    _draw_vertical_text(canvas, ascii_text(y_label), 26, y.start + y.length / 2)


def _draw_vertical_text(canvas: np.ndarray, text: str, x: int, middle: float) -> None:
    """Draw text that reads upwards, centred at the height `middle`."""
    mask, _ = text_mask(text, TEXT_HEIGHT * 1.1)
    mask = np.rot90(mask)[:HEIGHT]
    top = max(0, round(middle - mask.shape[0] / 2))
    part = canvas[top : top + mask.shape[0], x : x + mask.shape[1]]
    cover = mask[: part.shape[0], : part.shape[1], None]
    part[...] = np.rint(part * (1 - cover) + np.array(INK, np.float32) * cover)


def _with_marks(
    canvas: np.ndarray, predictions: Sequence[Prediction], kinds: list[str], x: Axis, y: Axis, curve: Logistic | None
) -> np.ndarray:
    large = np.repeat(np.repeat(canvas, OVERSAMPLING, axis=0), OVERSAMPLING, axis=1)
    size = OVERSAMPLING * (9 if len(predictions) <= 1000 else 6 if len(predictions) <= 4000 else 4)
    for prediction in predictions:
        at = (float(x.place(prediction.score)) * OVERSAMPLING, float(y.place(prediction.sample.score)) * OVERSAMPLING)
        _draw_mark(large, at, kinds.index(prediction.sample.distortion or ""), size)
    if curve is not None:
        scores = np.linspace(x.low, x.high, 400)
        heights = y.place(curve(scores))
        inside = (heights >= y.start) & (heights <= y.start + y.length)
        points = np.stack([x.place(scores), heights], axis=1)[inside] * OVERSAMPLING
        cv2.polylines(large, [np.rint(points).astype(np.int32)], False, CURVE, 4 * OVERSAMPLING, cv2.LINE_AA)
    return _reduced(large)


def _draw_mark(large: np.ndarray, at: tuple[float, float], number: int, size: int) -> None:
    """Draw a mark with a thin white edge, which separates overlapping marks. number: of the type."""
    colour, shape = COLOURS[number % len(COLOURS)], SHAPES[number // len(COLOURS) % len(SHAPES)]
    for radius, ink in ((size + OVERSAMPLING, (255, 255, 255)), (size, colour)):
        middle = (round(at[0]), round(at[1]))
        if shape == "circle":
            cv2.circle(large, middle, radius, ink, -1, cv2.LINE_AA)
        elif shape == "square":
            side = round(radius * 0.88)
            corners = ((middle[0] - side, middle[1] - side), (middle[0] + side, middle[1] + side))
            cv2.rectangle(large, *corners, ink, -1)
        else:
            angles = np.deg2rad([-90, 30, 150])
            points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius * 1.3 + middle
            cv2.fillPoly(large, [np.rint(points).astype(np.int32)], ink, cv2.LINE_AA)


def _with_legend(canvas: np.ndarray, counts: dict[str, int], left: int, fitted: bool) -> np.ndarray:
    rows = len(counts) + fitted
    step = min(44.0, (HEIGHT - TOP - BOTTOM) / rows)
    large = np.repeat(np.repeat(canvas[:, left:], OVERSAMPLING, axis=0), OVERSAMPLING, axis=1)
    for number in range(len(counts)):
        _draw_mark(large, (14.0 * OVERSAMPLING, (TOP + (number + 0.5) * step) * OVERSAMPLING), number, 9 * OVERSAMPLING)
    if fitted:
        height = round((TOP + (rows - 0.5) * step) * OVERSAMPLING)
        cv2.line(large, (0, height), (28 * OVERSAMPLING, height), CURVE, 4 * OVERSAMPLING, cv2.LINE_AA)
    canvas[:, left:] = _reduced(large)
    names = [ascii_text(f"{kind or 'no type'} ({count:,})") for kind, count in counts.items()]
    names += ["logistic fit"] * fitted
    capitals = min(TEXT_HEIGHT * 0.8, step * 0.5)
    widest = max(text_mask(name, capitals)[0].shape[1] for name in names)
    capitals *= min(1.0, (WIDTH - left - 52) / widest)  # fit the longest name
    for number, name in enumerate(names):
        draw_text(canvas, name, left + 42, TOP + (number + 0.5) * step - capitals / 2, capitals)
    return canvas


def _reduced(large: np.ndarray) -> np.ndarray:
    size = (large.shape[1] // OVERSAMPLING, large.shape[0] // OVERSAMPLING)
    return np.ascontiguousarray(cv2.resize(large, size, interpolation=cv2.INTER_AREA))


def ascii_text(text: str) -> str:
    """OpenCV draws ASCII only."""
    return text.encode("ascii", "replace").decode("ascii")


def write_plot(path: Path, canvas: np.ndarray, weights_id: str) -> None:
    """Write the plot as PNG, atomically. OutputError."""
    text = own_text("plot", weights_id)
    with PngWriter(path, canvas.shape[1], canvas.shape[0], 3, text, false_colour=True) as png:
        png.write(canvas)
