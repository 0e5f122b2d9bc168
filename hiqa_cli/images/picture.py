"""A decoded image as the scorer takes it: RGB, upright, opaque; read from a file or made from an array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiqa_cli.errors import ImageError

EXPECTED = "expected (H, W, 3) or (H, W), uint8, uint16, or floating point in 0..1, RGB order"


@dataclass(frozen=True)
class Picture:
    """An image ready to be scored.

    pixels: (H, W, 3) uint8 or uint16, RGB, upright, alpha composited, C-contiguous.
    format: the file format by its header, e.g. "JPEG"; "array" for an array.
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
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])


def picture_from_array(array: np.ndarray) -> Picture:
    """A Picture of an array: (H, W, 3) RGB or (H, W) grey; uint8, uint16, or floating point in 0..1.

    Floating-point values are rounded to 16 bits. Raises ImageError, naming the shape, dtype or range found, for
    anything else.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or 0 in array.shape:
        raise ImageError(f"an array of shape {array.shape}", EXPECTED)
    if array.dtype.kind == "f":
        array = _to_16_bits(array)
    elif array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise ImageError(f"an array of dtype {array.dtype}", EXPECTED)
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    pixels = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("=")))
    return Picture(pixels, "array", narrow_range(pixels))


def narrow_range(pixels: np.ndarray) -> tuple[str, ...]:
    """A note if 16-bit pixels use a quarter of their range or less, as 10, 12 or 14 bits in a 16-bit file do."""
    if pixels.dtype != np.uint16:
        return ()
    share = (int(pixels.max()) - int(pixels.min()) + 1) / 65536
    if share > 0.25:
        return ()
    return (f"uses {100 * share:.2g} % of its 16 bits; scale it first if that is not meant",)


def _to_16_bits(array: np.ndarray) -> np.ndarray:
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):  # written so that NaN fails, too
        raise ImageError(f"a {array.dtype} array with values from {low:g} to {high:g}", EXPECTED)
    if array.dtype.itemsize < 4:
        array = array.astype(np.float32)  # float16 cannot hold 65535 steps
    return np.rint(array * 65535.0).astype(np.uint16)
