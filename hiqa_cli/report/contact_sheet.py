"""A PNG contact sheet of the worst images of a run, for mail or terminals that show images."""

from __future__ import annotations

import heapq
import io
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hiqa_cli.engine.config import grade
from hiqa_cli.engine.outputs.area import reduce_by_area, to_uint8
from hiqa_cli.engine.outputs.draw_text import PAPER, draw_text
from hiqa_cli.engine.outputs.grade_colours import draw_meter, grade_rgb
from hiqa_cli.engine.outputs.panel import FAINT
from hiqa_cli.engine.outputs.png_writer import PngWriter, own_text
from hiqa_cli.engine.outputs.preview import THUMBNAIL_SIDE
from hiqa_cli.engine.outputs.webp import check_webp
from hiqa_cli.engine.pipeline.reasons.reason import word_of

from .entry import ReportEntry, RunFacts

COLUMNS = 5
PHOTO_HEIGHT = 240  # px; a photo's room in its cell is THUMBNAIL_SIDE wide
CAPTION, MARGIN, HEADING = 66, 18, 54  # px
BACKGROUND = (238, 238, 240)  # around photos of another shape
METER_WIDTH, METER_HEIGHT = 40, 13  # px
PATH_LETTERS = 40  # that fit into a cell


@dataclass(order=True)
class _RankedEntry:
    """A heap item; the smallest is the best of the kept entries, the next to be replaced."""

    negative_score: float
    negative_place: int
    entry: ReportEntry = field(compare=False)


class ContactSheet:
    """Keeps the worst entries of a run in memory and draws them at the end."""

    def __init__(self, target: Path, worst: int) -> None:
        """worst: number of images shown. Raises DependencyError if Pillow lacks WebP."""
        check_webp()
        self._target = target
        self._worst = worst
        self._heap: list[_RankedEntry] = []
        self._scored = 0
        self._failed = 0
        self._words: Counter[str] = Counter()  # of all scored images

    def needs_preview(self, score: float | None) -> bool:
        """Whether an entry with this score is among the worst so far."""
        return score is not None and (len(self._heap) < self._worst or -score > self._heap[0].negative_score)

    def add(self, entry: ReportEntry) -> None:
        """Add one image."""
        if entry.score is None:
            self._failed += 1
            return
        self._scored += 1
        self._words.update(map(word_of, entry.reasons))
        if self.needs_preview(entry.score):
            ranked = _RankedEntry(-entry.score, -self._scored, entry)
            if len(self._heap) < self._worst:
                heapq.heappush(self._heap, ranked)
            else:
                heapq.heapreplace(self._heap, ranked)

    def finish(self, facts: RunFacts) -> None:
        """Draw and write the sheet. Raises OutputError."""
        entries = [ranked.entry for ranked in sorted(self._heap, reverse=True)]
        heading = f"Worst {len(entries):,} of {self._scored:,} images"
        heading += f", {self._failed:,} failed" if self._failed else ""
        counts = ", ".join(f"{number:,} {word}" for word, number in self._words.most_common())
        canvas = draw_sheet(entries, heading, counts)
        text = own_text("contact sheet", facts.weights or "unknown")
        with PngWriter(self._target, canvas.shape[1], canvas.shape[0], 3, text) as png:
            png.write(canvas)

    def abandon(self) -> None:
        """Do nothing: no file exists before finish()."""


def draw_sheet(entries: list[ReportEntry], heading: str, counts: str) -> np.ndarray:
    """The sheet (H, W, 3) uint8 RGB: photos in rows, each above its score, grade, uncertainty, path and reasons.
    counts: of reasons, below the heading."""
    columns = max(1, min(COLUMNS, len(entries)))
    rows = -(-len(entries) // columns)
    width = MARGIN + max(columns, 2) * (THUMBNAIL_SIDE + MARGIN)  # the heading needs two columns
    height = HEADING + rows * (PHOTO_HEIGHT + CAPTION + MARGIN)
    canvas = np.full((height, width, 3), PAPER, np.uint8)
    draw_text(canvas, heading, MARGIN, 16, 14, bold=True)
    draw_text(canvas, counts, MARGIN, 38, 9, ink=FAINT)
    for place, entry in enumerate(entries):
        x = MARGIN + place % columns * (THUMBNAIL_SIDE + MARGIN)
        y = HEADING + place // columns * (PHOTO_HEIGHT + CAPTION + MARGIN)
        _draw_entry(canvas[y : y + PHOTO_HEIGHT + CAPTION, x : x + THUMBNAIL_SIDE], entry)
    return canvas


def _draw_entry(cell: np.ndarray, entry: ReportEntry) -> None:
    cell[:PHOTO_HEIGHT] = BACKGROUND
    if entry.preview is None:
        draw_text(cell, "no preview", THUMBNAIL_SIDE / 2, PHOTO_HEIGHT / 2, 10, anchor=0.5, ink=FAINT)
    else:
        _draw_photo(cell[:PHOTO_HEIGHT], _decode(entry.preview.thumbnail))
    assert entry.score is not None  # add() keeps no failed image
    top = PHOTO_HEIGHT + 10
    draw_meter(cell, entry.score, 0, top, METER_WIDTH, METER_HEIGHT)
    left = METER_WIDTH + 10
    left += 10 + draw_text(cell, f"{entry.score:.1f}", left, top, 13, bold=True)
    left += 8 + draw_text(cell, grade(entry.score), left, top + 3, 9.5, bold=True, ink=grade_rgb(entry.score))
    draw_text(cell, f"+/- {entry.uncertainty or 0:.1f}", left, top + 3, 9, ink=FAINT)
    draw_text(cell, _short_ascii(entry.path), 0, top + 25, 9)
    draw_text(cell, ", ".join(entry.reasons), 0, top + 41, 8.5, ink=FAINT)


def _draw_photo(room: np.ndarray, photo: np.ndarray) -> None:
    """Draw a photo in the middle of `room`, reduced to fit but never enlarged."""
    scale = min(room.shape[0] / photo.shape[0], room.shape[1] / photo.shape[1], 1.0)
    if scale < 1.0:
        size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
        photo = to_uint8(reduce_by_area(photo, *size))
    y, x = (room.shape[0] - photo.shape[0]) // 2, (room.shape[1] - photo.shape[1]) // 2
    room[y : y + photo.shape[0], x : x + photo.shape[1]] = photo


def _decode(webp: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(webp)).convert("RGB"))


def _short_ascii(path: str) -> str:
    """A path in ASCII, all that draw_text() can draw, with the middle of a long one left out."""
    letters = unicodedata.normalize("NFKD", path)
    text = "".join(c if " " <= c <= "~" else "?" for c in letters if not unicodedata.combining(c))
    if len(text) <= PATH_LETTERS:
        return text
    return f"{text[: PATH_LETTERS // 2 - 2]}...{text[-PATH_LETTERS // 2 - 1 :]}"
