"""A decoded image as the scorer takes it: RGB, upright, opaque."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Picture:
    """An image ready to be scored.

    pixels: (H, W, 3) uint8 or uint16, RGB, upright, alpha composited, C-contiguous.
    format: the file format by its header, e.g. "JPEG"; "array" or "Pillow image" for what was in memory.
    notes: short phrases on how the file was interpreted, e.g. "profile Display P3, read as sRGB",
        "alpha composited over grey 128", "turned upright (EXIF orientation 6)", "first of 12 frames".
    exif: (name, value) pairs of camera, lens and exposure, e.g. ("aperture", "f/2.8").
    """

    pixels: np.ndarray
    format: str
    notes: tuple[str, ...] = ()
    exif: tuple[tuple[str, str], ...] = ()

    @property
    def width(self) -> int:
        """Of the upright picture, in px."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Of the upright picture, in px."""
        return int(self.pixels.shape[0])


def narrow_range(pixels: np.ndarray) -> tuple[str, ...]:
    """A note if 16-bit pixels use a quarter of their range or less, as 10, 12 or 14 bits in a 16-bit file do."""
    if pixels.dtype != np.uint16:
        return ()
    share = (int(pixels.max()) - int(pixels.min()) + 1) / 65536
    if share > 0.25:
        return ()
    return (f"uses {100 * share:.2g} % of its 16 bits; scale it first if that is not intended",)
