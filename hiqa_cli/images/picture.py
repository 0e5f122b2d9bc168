"""A decoded image, upright and opaque, as the scorer takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Picture:
    """An image ready to be scored.

    pixels: (H, W, 3) uint8 or uint16, RGB, upright, alpha already composited, C-contiguous.
    format: what its header says it is, e.g. "JPEG".
    notes: what was done to it on the way in, one short phrase each, e.g. "profile Display P3, read as sRGB",
        "alpha composited over grey 128", "turned upright (EXIF orientation 6)", "first of 12 frames".
    exif: what EXIF says of camera, lens and exposure: (name, value), e.g. ("aperture", "f/2.8").
    """

    pixels: np.ndarray
    format: str
    notes: tuple[str, ...] = ()
    exif: tuple[tuple[str, str], ...] = ()

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])
