"""The worst pictures of a run on one PNG, for a mail or a terminal that shows pictures."""

from __future__ import annotations

import heapq
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hiqa_cli.engine.config import grade
from hiqa_cli.engine.outputs.draw_text import PAPER, draw_text
from hiqa_cli.engine.outputs.false_colour import QUALITY_SCALE
from hiqa_cli.engine.outputs.png_writer import PngWriter, own_text
from hiqa_cli.engine.outputs.preview import THUMBNAIL_SIDE
from hiqa_cli.engine.outputs.score_card import FAINT
from hiqa_cli.engine.outputs.webp_stamp import check_webp
from hiqa_cli.images.opencv import cv2

from .entry import ReportEntry, RunFacts

COLUMNS = 5
PHOTO_HEIGHT = 240  # px of room for a picture in its cell, THUMBNAIL_SIDE wide
CAPTION, MARGIN, HEADING = 52, 18, 54
BEHIND = (238, 238, 240)
CHIP = 14  # px, the square in the score's colour


@dataclass(order=True)
class _Held:
    """An entry in a heap whose first is the best of the worst: the one to go next."""

    goodness: float
    place: int
    entry: ReportEntry = field(compare=False)


class ContactSheet:
    """Keeps the worst entries of a run and draws them at the end."""

    def __init__(self, target: Path, worst: int) -> None:
        """worst: how many are shown. Raises DependencyError."""
        check_webp()
        self._target = target
        self._worst = worst
        self._heap: list[_Held] = []
        self._scored = 0
        self._failed = 0

    def wants(self, score: float | None) -> bool:
        """Whether an entry of this score would be among the worst so far: only then its picture is needed."""
        return score is not None and (len(self._heap) < self._worst or -score > self._heap[0].goodness)

    def add(self, entry: ReportEntry) -> None:
        """One image."""
        if entry.score is None:
            self._failed += 1
            return
        self._scored += 1
        if self.wants(entry.score):
            held = _Held(-entry.score, -self._scored, entry)
            if len(self._heap) < self._worst:
                heapq.heappush(self._heap, held)
            else:
                heapq.heapreplace(self._heap, held)

    def finish(self, facts: RunFacts) -> None:
        """Draw and write the picture; OutputError where it cannot be written."""
        entries = [held.entry for held in sorted(self._heap, reverse=True)]
        heading = f"worst {len(entries):,} of {self._scored:,} images"
        heading += f", {self._failed:,} not scored" if self._failed else ""
        canvas = draw_sheet(entries, heading)
        text = own_text("contact sheet", facts.weights or "unknown")
        with PngWriter(self._target, canvas.shape[1], canvas.shape[0], 3, text) as png:
            png.write(canvas)

    def abandon(self) -> None:
        """Nothing was written yet."""


def draw_sheet(entries: list[ReportEntry], heading: str) -> np.ndarray:
    """The sheet (H, W, 3) uint8 RGB: pictures in rows, below each its score, word, uncertainty and name."""
    columns = max(1, min(COLUMNS, len(entries)))
    rows = -(-len(entries) // columns)
    width = MARGIN + max(columns, 2) * (THUMBNAIL_SIDE + MARGIN)  # room for the heading above a single picture
    height = HEADING + rows * (PHOTO_HEIGHT + CAPTION + MARGIN)
    canvas = np.full((height, width, 3), PAPER, np.uint8)
    draw_text(canvas, heading, MARGIN, 20, 14, bold=True)
    for place, entry in enumerate(entries):
        x = MARGIN + place % columns * (THUMBNAIL_SIDE + MARGIN)
        y = HEADING + place // columns * (PHOTO_HEIGHT + CAPTION + MARGIN)
        _draw_entry(canvas[y : y + PHOTO_HEIGHT + CAPTION, x : x + THUMBNAIL_SIDE], entry)
    return canvas


def _draw_entry(cell: np.ndarray, entry: ReportEntry) -> None:
    cell[:PHOTO_HEIGHT] = BEHIND
    if entry.preview is None:
        draw_text(cell, "no picture", THUMBNAIL_SIDE / 2, PHOTO_HEIGHT / 2, 10, anchor=0.5, ink=FAINT)
    else:
        _lay(cell[:PHOTO_HEIGHT], _decoded(entry.preview.thumbnail))
    assert entry.score is not None  # add() takes no other
    top = PHOTO_HEIGHT + 10
    cell[top : top + CHIP, :CHIP] = QUALITY_SCALE.paint(np.array([entry.score]))[0]
    wide = draw_text(cell, f"{entry.score:.1f}", CHIP + 8, top, 13, bold=True)
    word = f"{grade(entry.score)}, +/- {entry.uncertainty or 0:.1f}"
    draw_text(cell, word, CHIP + 18 + wide, top + 3, 9, ink=FAINT)
    draw_text(cell, _shortened(entry.path), 0, top + 25, 9)


def _lay(room: np.ndarray, photo: np.ndarray) -> None:
    """Put a picture into the middle of the room, reduced until it fits."""
    share = min(room.shape[0] / photo.shape[0], room.shape[1] / photo.shape[1], 1.0)
    if share < 1.0:
        size = (max(1, round(photo.shape[1] * share)), max(1, round(photo.shape[0] * share)))
        photo = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    y, x = (room.shape[0] - photo.shape[0]) // 2, (room.shape[1] - photo.shape[1]) // 2
    room[y : y + photo.shape[0], x : x + photo.shape[1]] = photo


def _decoded(webp: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(webp, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("OpenCV cannot read the WebP that it wrote")
    return pixels[..., ::-1]


def _shortened(path: str) -> str:
    """A path in the letters that can be drawn (ASCII), its middle left out where it is too long for a cell."""
    letters = unicodedata.normalize("NFKD", path)
    text = "".join(c if " " <= c <= "~" else "?" for c in letters if not unicodedata.combining(c))
    most = 40
    return text if len(text) <= most else f"{text[: most // 2 - 2]}...{text[-most // 2 - 1 :]}"
