"""The small images of a report: a thumbnail, and a larger preview with hallucination and maps.

All are WebP, reduced by area but never enlarged, and marked as hiqa's own, so that hiqa never scores its own output.
They are made from strips while an image is scored, or later from the image file and the maps that `--maps` wrote.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.tiling.blending import ScoreBlender
from hiqa_cli.engine.tiling.grid import TileGrid
from hiqa_cli.errors import DependencyError
from hiqa_cli.images.sniff import HIQA_WEBP_CHUNK

from .area import AreaReducer, reduce_by_area, to_uint8
from .colour_scale import DISCREPANCY_SCALE, QUALITY_SCALE
from .png_writer import own_text
from .sinks import Strip, compose_strip

LARGE_SIDE = 1280  # px, the longer side of the large preview: a laptop's screen
THUMBNAIL_SIDE = 320  # px: 160 px of a page on a high-density screen
QUALITY_SIDE = 256  # px: the quality map is smooth, since tiles are 256 px wide
PHOTOGRAPH, SMALL, MAP, CLOSE = 82, 74, 60, 92  # WebP quality of large pictures, thumbnails, maps and closeups
RIFF_HEAD = 12  # bytes: "RIFF", the size, "WEBP"


@dataclass(frozen=True)
class Preview:
    """The pictures of one image as WebP files in memory; None where one is missing.

    distorted, hallucination, discrepancy: of the same size. discrepancy, quality: in false colour, without legend.
    closeup, closeup_hallucination: the tile with the lowest score at full resolution, where the others are reduced.
    """

    thumbnail: bytes
    distorted: bytes
    hallucination: bytes | None = None
    discrepancy: bytes | None = None
    quality: bytes | None = None
    closeup: bytes | None = None
    closeup_hallucination: bytes | None = None
    closeup_score: float | None = None


@dataclass(frozen=True)
class Closeup:
    """A tile at full resolution, (h, w, 3) uint8 RGB, its hallucination and its score; None where unknown."""

    distorted: np.ndarray | None = None
    hallucination: np.ndarray | None = None
    score: float | None = None


@dataclass
class PreviewSlot:
    """Holds an image's preview for the caller that requested it."""

    preview: Preview | None = None

    def take(self) -> Preview | None:
        """Return the preview and drop it from the slot."""
        preview, self.preview = self.preview, None
        return preview


class PreviewSink:
    """Reduces the pictures while strips arrive; encodes them at the end."""

    needs_corrections = True
    needs_quality = True

    def __init__(self, slot: PreviewSlot, grid: TileGrid, weights_id: str) -> None:
        self._slot = slot
        self._weights_id = weights_id
        columns, rows = fit(grid.width, grid.height, LARGE_SIDE)
        self._parts = [AreaReducer(grid.width, grid.height, columns, rows, channels) for channels in (3, 3, 1)]
        self._quality = AreaReducer(grid.width, grid.height, *fit(grid.width, grid.height, QUALITY_SIDE), 1)
        self._quality_rows = 0
        self._is_reduced = (columns, rows) != (grid.width, grid.height)
        self._worst = math.inf
        self._closeup: Closeup | None = None
        self._finished: Preview | None = None

    def add_strip(self, strip: Strip) -> None:
        shown = (strip.distorted, strip.hallucination, strip.levels)
        for part, rows in zip(self._parts, shown, strict=True):
            part.add(strip.y, rows)

    def add_quality(self, quality: np.ndarray) -> None:
        self._quality.add(self._quality_rows, quality)
        self._quality_rows += len(quality)

    def add_tile(self, pixels: np.ndarray, x: int, y: int, score: float, correction: np.ndarray | None) -> None:
        if not self._is_reduced or score >= self._worst or correction is None:
            return
        self._worst = score
        tile = tile_within(pixels, x, y)
        shown = compose_strip(y, tile, correction[: tile.shape[0], : tile.shape[1]])
        self._closeup = Closeup(shown.distorted.copy(), shown.hallucination, score)

    def finish(self, score: float, uncertainty: float) -> None:
        distorted, hallucination, levels = (part.result() for part in self._parts)
        self._finished = encode_preview(
            to_uint8(distorted),
            to_uint8(hallucination),
            DISCREPANCY_SCALE.paint(levels[:, :, 0]),
            QUALITY_SCALE.paint(self._quality.result()[:, :, 0]),
            self._weights_id,
            self._closeup,
        )

    def commit(self) -> None:
        self._slot.preview = self._finished

    def abandon(self) -> None:
        """Not used."""


def tile_within(pixels: np.ndarray, x: int, y: int) -> np.ndarray:
    """The part of the tile at x, y that lies within the image (H, W, 3), as a view."""
    return pixels[y : y + TILE, x : x + TILE]


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


def paint_quality(grid: TileGrid, scores: Sequence[float]) -> np.ndarray:
    """The quality map in false colour from tile scores, row by row; its longer side is at most QUALITY_SIDE."""
    reducer = AreaReducer(grid.width, grid.height, *fit(grid.width, grid.height, QUALITY_SIDE), 1)
    blender = ScoreBlender(grid)
    across = len(grid.xs)
    for row in range(len(grid.ys)):
        for y, strip in blender.finish_row(list(scores[row * across : (row + 1) * across])):
            reducer.add(y, strip)
    return QUALITY_SCALE.paint(reducer.result()[:, :, 0])


def encode_preview(
    distorted: np.ndarray,
    hallucination: np.ndarray | None,
    discrepancy: np.ndarray | None,
    quality: np.ndarray | None,
    weights_id: str,
    closeup: Closeup | None = None,
) -> Preview:
    """The preview of reduced pictures (h, w, 3) uint8 RGB and of a closeup at full resolution."""

    def encode(pixels: np.ndarray | None, level: int, what: str) -> bytes | None:
        return None if pixels is None else stamped_webp(pixels, level, own_text(what, weights_id))

    close = Closeup() if closeup is None else closeup
    thumbnail = reduce_to(distorted, THUMBNAIL_SIDE)
    return Preview(
        thumbnail=stamped_webp(thumbnail, SMALL, own_text("thumbnail", weights_id)),
        distorted=stamped_webp(distorted, PHOTOGRAPH, own_text("preview", weights_id)),
        hallucination=encode(hallucination, PHOTOGRAPH, "preview of the hallucination"),
        discrepancy=encode(discrepancy, MAP, "preview of the discrepancy map"),
        quality=encode(quality, MAP, "preview of the quality map"),
        closeup=encode(close.distorted, CLOSE, "closeup"),
        closeup_hallucination=encode(close.hallucination, CLOSE, "closeup of the hallucination"),
        closeup_score=close.score,
    )


def check_webp() -> None:
    """Raises DependencyError where this Pillow cannot write WebP."""
    from PIL import features

    if not features.check("webp"):
        raise DependencyError(
            "this build of Pillow cannot write WebP, which reports need", "pip install --force-reinstall Pillow"
        )


def stamped_webp(pixels: np.ndarray, quality: int, text: str) -> bytes:
    """Encode (H, W, 3) uint8 RGB as lossy WebP (quality 1..100), with `text` in a chunk of its own.

    The extended file format (RFC 9649, section 2.7) allows unknown chunks after the image; readers skip them.
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    encoded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(encoded, "WEBP", quality=quality)
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = _chunk(b"VP8X", bytes(4) + size) + encoded.getvalue()[RIFF_HEAD:]
    body += _chunk(HIQA_WEBP_CHUNK, text.encode("latin-1"))
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)
