"""Converts decoded pixels to what the networks take: RGB, full scale, opaque, upright.

Works in strips, and in place if there is no alpha, so that memory holds a picture of 100 megapixels at most twice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .header import Header

BACKGROUND = 128
"""The grey (of 255, in the picture's own values) that transparent areas are composited over."""

Convert = Callable[[np.ndarray], np.ndarray]
_ROWS = 64
_STRIP = 2**18  # samples per strip: few enough for a processor's cache


def to_rgb(pixels: np.ndarray, header: Header, convert: Convert | None) -> tuple[np.ndarray, bool]:
    """Convert (H, W, 3) RGB or (H, W, 4) RGBA to (H, W, 3) RGB of the same type, C-contiguous.

    convert: a colour conversion of (H, W, 3) uint8, applied last.
    Also returns whether anything was transparent and therefore composited over BACKGROUND.
    """
    height, width, channels = pixels.shape
    white = 65535 if pixels.dtype == np.uint16 else 255
    scale = _scale(pixels, header, white)
    if channels == 3 and convert is None and scale is None and header.key is None and not header.inverted:
        return pixels, False
    # Three channels are converted in place; four need a second, smaller picture.
    out = pixels if channels == 3 else np.empty((height, width, 3), pixels.dtype)
    composited = False
    rows = max(1, _STRIP // (width * channels))
    for top in range(0, height, rows):
        strip = pixels[top : top + rows]
        colours = strip[..., :3].copy()
        alpha = strip[..., 3:] if channels == 4 else None
        if header.key is not None:
            transparent = strip[..., :1] == header.key
            alpha = np.where(transparent, 0, white).astype(pixels.dtype)
        if scale is not None:
            colours = _rescale(colours, scale, white)
            alpha = None if alpha is None else _rescale(alpha, scale, white)
        if header.inverted:
            np.subtract(white, colours, out=colours)
        if alpha is not None and int(alpha.min()) < white:
            colours = _composite(colours, alpha, white, header.premultiplied)
            composited = True
        out[top : top + rows] = colours if convert is None else convert(colours)
    return out, composited


def apply_orientation(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn a stored (H, W, 3) picture upright by its EXIF orientation 1..8, to (H, W, 3) or (W, H, 3), C-contiguous."""
    across, down = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    if orientation < 5:
        return np.ascontiguousarray(pixels[:: -1 if down else 1, :: -1 if across else 1])
    # In strips that stay in the processor's cache, channel by channel: three times as fast as all at once.
    source = pixels[:: -1 if across else 1, :: -1 if down else 1]
    height, width = source.shape[:2]
    turned = np.empty((width, height, 3), pixels.dtype)
    for left in range(0, height, _ROWS):
        for channel in range(3):
            turned[:, left : left + _ROWS, channel] = source[left : left + _ROWS, :, channel].T
    return turned


def _scale(pixels: np.ndarray, header: Header, white: int) -> int | None:
    """The value to stretch to white, or None if the decoder has already done so."""
    if header.full_scale in (None, white) or int(pixels.max()) > header.full_scale:
        return None
    return header.full_scale


def _rescale(samples: np.ndarray, scale: int, white: int) -> np.ndarray:
    return ((samples.astype(np.uint32) * white + scale // 2) // scale).astype(samples.dtype)


def _composite(colours: np.ndarray, alpha: np.ndarray, white: int, premultiplied: bool) -> np.ndarray:
    """Composite colours over BACKGROUND, rounded to nearest. The sums stay below 2**32 even for 16 bits."""
    grey = BACKGROUND * white // 255
    weight = alpha.astype(np.uint32)
    blended = colours.astype(np.uint32)
    blended *= np.uint32(white) if premultiplied else weight
    np.subtract(white, weight, out=weight)
    weight *= np.uint32(grey)
    if premultiplied:
        # In a broken file the sum may exceed white.
        np.minimum(blended, np.uint32(white * white) - weight, out=blended)
    blended += weight
    blended += np.uint32(white // 2)
    blended //= np.uint32(white)
    return blended.astype(colours.dtype)
