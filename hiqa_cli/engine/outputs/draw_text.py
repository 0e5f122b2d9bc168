"""Draw text on pictures: OpenCV's fonts, drawn four times as large and reduced, which smooths them."""

from __future__ import annotations

import numpy as np

from hiqa_cli.images.opencv import cv2

FINER = 4  # factor of the larger drawing
FONT = cv2.FONT_HERSHEY_SIMPLEX
CAPITAL = 21.0  # px, height of a capital letter at font scale 1
INK = (32, 32, 36)
PAPER = (255, 255, 255)


def text_mask(text: str, height: float, bold: bool = False) -> tuple[np.ndarray, int]:
    """Coverage 0..1, (h, w) float32, of ASCII text whose capitals are `height` px high, and the number of rows above
    the capitals (strokes are round, and some letters are taller)."""
    scale = FINER * height / CAPITAL
    thickness = max(1, round(FINER * height * (0.17 if bold else 0.11)))
    (width, above), below = cv2.getTextSize(text, FONT, scale, thickness)
    border = thickness + FINER
    rows = (above + below + 2 * border) // FINER * FINER + FINER
    columns = (width + 2 * border) // FINER * FINER + FINER
    large = np.zeros((rows, columns), np.uint8)
    cv2.putText(large, text, (border, border + above), FONT, scale, 255, thickness, cv2.LINE_AA)
    small = cv2.resize(large, (columns // FINER, rows // FINER), interpolation=cv2.INTER_AREA)
    used = np.flatnonzero(small.max(axis=0))
    if len(used):
        small = small[:, used[0] : used[-1] + 1]
    line = (border + above) // FINER  # the baseline
    return small.astype(np.float32) / np.float32(255.0), line - round(height)


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
