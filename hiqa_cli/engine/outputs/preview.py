"""The small pictures of a report: a thumbnail, and one that opens large with its hallucination and maps.

All are WebP, reduced by area where the picture is larger, never enlarged. They are gathered in strips while an image is
scored, or made later from the image's file and the pictures that `--maps` wrote.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.results import TILE
from hiqa_cli.engine.tiling.blending import ScoreBlender
from hiqa_cli.engine.tiling.grid import TileGrid
from hiqa_cli.images.opencv import cv2

from .false_colour import DISCREPANCY_SCALE, QUALITY_SCALE
from .png_writer import own_text
from .reduction import AreaReducer, eight_bits
from .sinks import Strip, compose
from .webp_stamp import stamped_webp

LARGE_SIDE = 1280  # px, the longer side of what opens large: a laptop's screen
THUMBNAIL_SIDE = 320  # px: 160 of a page on a fine screen
QUALITY_SIDE = 256  # px: the map of quality is smooth, tiles are 256 px wide
PHOTOGRAPH, SMALL, MAP, CLOSE = 82, 74, 60, 92  # WebP's quality of large pictures, thumbnails, maps and closeups


@dataclass(frozen=True)
class Preview:
    """The pictures of one image as WebP files in memory; None for what there is not.

    distorted, hallucination, discrepancy: of the same size. discrepancy and quality: false colour on the engine's
    scales, without legend. closeup, closeup_hallucination: the tile with the lowest score, pixel by pixel, of an image
    that the others show reduced.
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
    """A tile, pixel by pixel: (h, w, 3) uint8 RGB, what G imagines there, its score; None where nobody knows."""

    distorted: np.ndarray | None = None
    hallucination: np.ndarray | None = None
    score: float | None = None


@dataclass
class PreviewSlot:
    """Where an image's preview waits for whoever asked for it."""

    preview: Preview | None = None

    def take(self) -> Preview | None:
        """The preview, which the slot lets go of."""
        preview, self.preview = self.preview, None
        return preview


class PreviewPicture:
    """Gathers the pictures at their reduced size while strips come; encoded at the end."""

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

    def strip(self, strip: Strip) -> None:
        shown = (strip.distorted, strip.hallucination, strip.levels)
        for part, rows in zip(self._parts, shown, strict=True):
            part.add(strip.y, rows)

    def quality(self, quality: np.ndarray) -> None:
        self._quality.add(self._quality_rows, quality)
        self._quality_rows += len(quality)

    def tile(self, pixels: np.ndarray, x: int, y: int, score: float, correction: np.ndarray | None) -> None:
        if not self._is_reduced or score >= self._worst or correction is None:
            return
        self._worst = score
        tile = tile_within(pixels, x, y)
        shown = compose(y, tile, correction[: tile.shape[0], : tile.shape[1]])
        self._closeup = Closeup(shown.distorted.copy(), shown.hallucination, score)

    def finish(self, score: float, uncertainty: float) -> None:
        distorted, hallucination, levels = (part.result() for part in self._parts)
        self._finished = encode_preview(
            eight_bits(distorted),
            eight_bits(hallucination),
            DISCREPANCY_SCALE.paint(levels[:, :, 0]),
            QUALITY_SCALE.paint(self._quality.result()[:, :, 0]),
            self._weights_id,
            self._closeup,
        )

    def commit(self) -> None:
        self._slot.preview = self._finished

    def abandon(self) -> None:
        """Nothing to remove."""


def tile_within(pixels: np.ndarray, x: int, y: int) -> np.ndarray:
    """What of the tile at x, y lies within the picture (H, W, 3), a view."""
    return pixels[y : y + TILE, x : x + TILE]


def fit(width: int, height: int, side: int) -> tuple[int, int]:
    """(columns, rows) of a picture reduced until its longer side is at most `side` px."""
    share = min(1.0, side / max(width, height))
    return max(1, round(width * share)), max(1, round(height * share))


def reduce_to(pixels: np.ndarray, side: int) -> np.ndarray:
    """(H, W, 3) uint8 or uint16 -> uint8 RGB with the longer side at most `side` px."""
    height, width = pixels.shape[:2]
    size = fit(width, height, side)
    return as_eight_bits(pixels if size == (width, height) else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def as_eight_bits(pixels: np.ndarray) -> np.ndarray:
    """uint8 as it is, uint16 on the scale of 0..255."""
    return pixels if pixels.dtype == np.uint8 else eight_bits(pixels * np.float32(255.0 / np.iinfo(pixels.dtype).max))


def paint_quality(grid: TileGrid, scores: Sequence[float]) -> np.ndarray:
    """The map of quality from tile scores, row by row, in false colour, longer side QUALITY_SIDE px at most."""
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
    """The preview of pictures (h, w, 3) uint8 RGB that are reduced already, and of a closeup, which is not."""

    def encoded(pixels: np.ndarray | None, level: int, what: str) -> bytes | None:
        return None if pixels is None else stamped_webp(pixels, level, own_text(what, weights_id))

    close = Closeup() if closeup is None else closeup
    thumbnail = reduce_to(distorted, THUMBNAIL_SIDE)
    return Preview(
        thumbnail=stamped_webp(thumbnail, SMALL, own_text("thumbnail", weights_id)),
        distorted=stamped_webp(distorted, PHOTOGRAPH, own_text("preview", weights_id)),
        hallucination=encoded(hallucination, PHOTOGRAPH, "preview of the hallucination"),
        discrepancy=encoded(discrepancy, MAP, "preview of the discrepancy map"),
        quality=encoded(quality, MAP, "preview of the quality map"),
        closeup=encoded(close.distorted, CLOSE, "closeup"),
        closeup_hallucination=encoded(close.hallucination, CLOSE, "closeup of the hallucination"),
        closeup_score=close.score,
    )
