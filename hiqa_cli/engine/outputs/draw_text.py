"""Draw text on images: Pillow's built-in font, drawn four times as large and reduced, so that any size is possible."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import ImageFont

FINER = 4  # factor of the larger drawing
CAPITAL = 0.7  # height of a capital letter, as a fraction of the font size
BOLD = 0.02  # added to both sides of a stroke, as a fraction of the font size
INK = (32, 32, 36)
PAPER = (255, 255, 255)


@functools.lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont  # here and below: most runs draw nothing, and Pillow takes a moment to load

    return ImageFont.load_default(size)


def text_mask(text: str, height: float, bold: bool = False) -> tuple[np.ndarray, int]:
    """Coverage 0..1, (h, w) float32, of ASCII text whose capitals are `height` px high, and the number of rows above
    the capitals (some letters are taller)."""
    from PIL import Image, ImageDraw

    size = max(1, round(FINER * height / CAPITAL))
    stroke = max(1, round(BOLD * size)) if bold else 0
    font = _font(size)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(text, anchor="ls", stroke_width=stroke))
    above = -(-max(0, -top) // FINER) + 1  # rows of the result above the baseline
    columns = -(-(right - left) // FINER) + 1
    rows = above + -(-max(0, bottom) // FINER) + 1
    large = Image.new("L", (columns * FINER, rows * FINER))
    ImageDraw.Draw(large).text((-left, above * FINER), text, 255, font, "ls", stroke_width=stroke)
    small = np.asarray(large.reduce(FINER))
    used = np.flatnonzero(small.max(axis=0))
    if len(used):
        small = small[:, used[0] : used[-1] + 1]
    return small.astype(np.float32) / np.float32(255.0), above - round(height)


def draw_text(
    canvas: np.ndarray,
    text: str,
    x: float,
    y: float,
    height: float,
    *,
    anchor: float = 0.0,
    bold: bool = False,
    ink: tuple[int, int, int] = INK,
) -> int:
    """Draw ASCII text on canvas (H, W, 3) uint8 RGB in place, clipped to it; returns the width of the text in px.

    y: top of the capitals. x: left edge of the text for anchor 0, its middle for 0.5, its right edge for 1.
    """
    mask, rise = text_mask(text, height, bold)
    wide = int(mask.shape[1])
    left, top = round(x - anchor * wide), round(y) - rise
    mask = mask[max(0, -top) :, max(0, -left) :]
    left, top = max(0, left), max(0, top)
    part = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
    mask = mask[: part.shape[0], : part.shape[1]]
    if part.size and mask.size:
        cover = mask[:, :, None]
        part[...] = np.rint(part * (1 - cover) + np.array(ink, np.float32) * cover)
    return wide
