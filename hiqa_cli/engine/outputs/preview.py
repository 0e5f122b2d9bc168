"""The pictures of a report: a thumbnail, and a larger preview with hallucination and maps.

All are WebP, reduced by area but never enlarged; what that loses of a large image is kept in pieces at full size.
They are made from strips while an image is scored, or later from the image file and the maps that `--maps` wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.tiling.blending import ScoreBlender
from hiqa_cli.engine.tiling.grid import TileGrid

from .area import AreaReducer, reduce_by_area, to_uint8
from .colour_scale import DISCREPANCY_SCALE, QUALITY_SCALE, paint_left_out
from .full_size import MAP_PIECE_QUALITY, PIECE_QUALITY, FullSize, PieceEncoder
from .png_writer import own_text
from .sinks import Canvas, Strip, Verdict
from .webp import stamped_webp

LARGE_SIDE = 1280  # px, the longer side of the large preview: a laptop's screen
THUMBNAIL_SIDE = 320  # px: 160 px of a page on a high-density screen
QUALITY_SIDE = 256  # px: the quality map is smooth, since tiles are 256 px wide
PREVIEW_QUALITY, THUMBNAIL_QUALITY, MAP_QUALITY = 82, 74, 60  # of WebP, 1..100; maps are in false colour


@dataclass(frozen=True)
class Preview:
    """The pictures of one image as WebP files in memory; None where one is missing.

    distorted, hallucination, discrepancy: of the same size. discrepancy, quality: in false colour, without legend.
    full: the pictures at full size, where the others are reduced and it was asked for.
    """

    thumbnail: bytes
    distorted: bytes
    hallucination: bytes | None = None
    discrepancy: bytes | None = None
    quality: bytes | None = None
    full: FullSize | None = None


@dataclass
class PreviewSlot:
    """Holds an image's preview for the caller that requested it. full_size: whether large images are kept at full size,
    too."""

    full_size: bool = True
    preview: Preview | None = None

    def take(self) -> Preview | None:
        """Return the preview and drop it from the slot."""
        preview, self.preview = self.preview, None
        return preview


class PreviewSink:
    """Reduces the pictures while strips arrive; encodes them at the end."""

    needs_corrections = True
    needs_quality = True

    def __init__(self, slot: PreviewSlot, canvas: Canvas, weights_id: str) -> None:
        self._slot = slot
        self._canvas = canvas
        self._weights_id = weights_id
        columns, rows = fit(canvas.width, canvas.height, LARGE_SIDE)
        self._parts = [AreaReducer(canvas.width, canvas.height, columns, rows, channels) for channels in (3, 3, 1)]
        self._quality = AreaReducer(canvas.width, canvas.height, *fit(canvas.width, canvas.height, QUALITY_SIDE), 1)
        self._quality_rows = 0
        is_reduced = (columns, rows) != (canvas.width, canvas.height)
        self._full = self._encoders(canvas) if slot.full_size and is_reduced else {}
        self._finished: Preview | None = None

    def _encoders(self, canvas: Canvas) -> dict[str, PieceEncoder]:
        size = canvas.width, canvas.height
        return {
            "distorted": PieceEncoder(*size, PIECE_QUALITY, self._weights_id, "preview"),
            "hallucination": PieceEncoder(*size, PIECE_QUALITY, self._weights_id, "preview of the hallucination"),
            "discrepancy": PieceEncoder(*size, MAP_PIECE_QUALITY, self._weights_id, "preview of the discrepancy map"),
        }

    def add_strip(self, strip: Strip) -> None:
        shown = (strip.distorted, strip.hallucination, strip.levels)
        for part, rows in zip(self._parts, shown, strict=True):
            part.add(strip.y, rows)
        if self._full:
            self._full["distorted"].add(strip.distorted)
            self._full["hallucination"].add(strip.hallucination)
            self._full["discrepancy"].add(DISCREPANCY_SCALE.paint(strip.levels))

    def add_quality(self, quality: np.ndarray) -> None:
        self._quality.add(self._quality_rows, quality)
        self._quality_rows += len(quality)

    def finish(self, verdict: Verdict) -> None:
        distorted, hallucination, levels = (part.result() for part in self._parts)
        self._finished = encode_preview(
            to_uint8(distorted),
            to_uint8(hallucination),
            DISCREPANCY_SCALE.paint(levels[:, :, 0]),
            _quality_colours(self._quality, self._canvas),
            self._weights_id,
            FullSize({kind: encoder.result() for kind, encoder in self._full.items()}) if self._full else None,
        )

    def commit(self) -> None:
        self._slot.preview = self._finished

    def abandon(self) -> None:
        """Not used."""


def fit(width: int, height: int, side: int) -> tuple[int, int]:
    """(columns, rows) of an image reduced until its longer side is at most `side` px."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def reduce_to(pixels: np.ndarray, side: int) -> np.ndarray:
    """(H, W, 3) uint8 or uint16 -> uint8 RGB with the longer side at most `side` px."""
    height, width = pixels.shape[:2]
    size = fit(width, height, side)
    if size == (width, height):
        return as_uint8(pixels)
    return to_uint8(reduce_by_area(pixels, *size) * np.float32(255.0 / np.iinfo(pixels.dtype).max))


def as_uint8(pixels: np.ndarray) -> np.ndarray:
    """uint8 unchanged, uint16 scaled to 0..255."""
    return pixels if pixels.dtype == np.uint8 else to_uint8(pixels * np.float32(255.0 / np.iinfo(pixels.dtype).max))


def paint_quality(grid: TileGrid, scores: Sequence[float], canvas: Canvas) -> np.ndarray:
    """The quality map in false colour from tile scores, row by row; its longer side is at most QUALITY_SIDE.

    grid: the tiles within the borders of the canvas.
    """
    reducer = AreaReducer(canvas.width, canvas.height, *fit(canvas.width, canvas.height, QUALITY_SIDE), 1)
    blender = ScoreBlender(grid)
    across = len(grid.xs)
    done = 0
    for row in range(len(grid.ys)):
        for y, strip in blender.finish_row(list(scores[row * across : (row + 1) * across])):
            for rows in canvas.quality_rows(y, strip):
                reducer.add(done, rows)
                done += len(rows)
    return _quality_colours(reducer, canvas)


def _quality_colours(reducer: AreaReducer, canvas: Canvas) -> np.ndarray:
    """The reduced quality map in false colour, grey in the borders."""
    colours = QUALITY_SCALE.paint(reducer.result()[:, :, 0])
    paint_left_out(colours, canvas.borders, 0, len(colours), len(colours) / canvas.height)
    return colours


def encode_preview(
    distorted: np.ndarray,
    hallucination: np.ndarray | None,
    discrepancy: np.ndarray | None,
    quality: np.ndarray | None,
    weights_id: str,
    full: FullSize | None = None,
) -> Preview:
    """The preview of reduced pictures (h, w, 3) uint8 RGB. full: the same at full size, already encoded."""

    def encode(pixels: np.ndarray | None, level: int, what: str) -> bytes | None:
        return None if pixels is None else stamped_webp(pixels, level, own_text(what, weights_id))

    thumbnail = reduce_to(distorted, THUMBNAIL_SIDE)
    return Preview(
        thumbnail=stamped_webp(thumbnail, THUMBNAIL_QUALITY, own_text("thumbnail", weights_id)),
        distorted=stamped_webp(distorted, PREVIEW_QUALITY, own_text("preview", weights_id)),
        hallucination=encode(hallucination, PREVIEW_QUALITY, "preview of the hallucination"),
        discrepancy=encode(discrepancy, MAP_QUALITY, "preview of the discrepancy map"),
        quality=encode(quality, MAP_QUALITY, "preview of the quality map"),
        full=full,
    )
