"""GIF: header and blocks, up to the trailer (GIF89a); Pillow decodes the first frame."""

from __future__ import annotations

import numpy as np

from hiqa_cli.images.header import Data, Header, damaged, truncated, unpack

NAME = "GIF"
_EXTENSION, _IMAGE, _TRAILER, _CONTROL = 0x21, 0x2C, 0x3B, 0xF9


def read_gif(data: Data) -> Header:
    """Parse every block up to the trailer; bytes after it are ignored."""
    width, height, flags = unpack("<HHB", data, 6, NAME)
    at = 13 + _table(flags)
    frames, alpha, clear = 0, False, False
    frame = None
    remarks: tuple[str, ...] = ()
    while True:
        kind = _byte(data, at)
        if kind == _TRAILER:
            break
        if kind == _EXTENSION:
            if _byte(data, at + 1) == _CONTROL:
                clear = bool(_byte(data, at + 3) & 1)
            at = _skip_blocks(data, at + 2)
        elif kind == _IMAGE:
            left, top, wide, high, flags = unpack("<HHHHB", data, at + 1, NAME)
            if not frames:
                # A frame beyond the screen enlarges it, as in Pillow and browsers.
                width, height = max(width, left + wide), max(height, top + high)
                if (left, top, wide, high) != (0, 0, width, height):
                    frame = (left, top, left + wide, top + high)
                alpha = clear or frame is not None
            frames += 1
            at = _skip_blocks(data, at + 10 + _table(flags) + 1)
        elif frames:  # the picture that is read is whole
            remarks = (f"damaged after {frames} of its frames",)
            break
        else:
            raise damaged(NAME, f"no block at byte {at:,}")
    if not frames or not width or not height:
        raise damaged(NAME, f"{frames} pictures of {width} x {height} px")
    return Header(NAME, width, height, frames=frames, alpha=alpha, frame=frame, remarks=remarks)


def clear_outside_frame(pixels: np.ndarray, frame: tuple[int, int, int, int]) -> None:
    """Make (H, W, 4) RGBA transparent outside the first frame, which decoders fill with a colour."""
    left, top, right, bottom = frame
    alpha = pixels[top:bottom, left:right, 3].copy()
    pixels[..., 3] = 0
    pixels[top:bottom, left:right, 3] = alpha


def _table(flags: int) -> int:
    """Bytes of the colour table, by the flags."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _byte(data: Data, at: int) -> int:
    if at >= len(data):
        raise truncated(NAME, data, "before the trailer")
    return data[at]


def _skip_blocks(data: Data, at: int) -> int:
    """The offset after a chain of sub-blocks (a length byte each; 0 ends it)."""
    while length := _byte(data, at):
        at += 1 + length
    return at + 1
