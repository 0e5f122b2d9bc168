"""Arrays as images: what the scorer takes from callers that hold pixels already, checked."""

from __future__ import annotations

import numpy as np

from hiqa_cli.errors import ImageError

from .picture import Picture

EXPECTED = "expected (H, W, 3) or (H, W), uint8, uint16, or floating point in 0..1, RGB order"


def picture_of(array: np.ndarray) -> Picture:
    """A Picture of an array: (H, W, 3) RGB or (H, W) grey; uint8, uint16, or float in 0..1.

    Float values are rounded to 16 bits. Raises ImageError that names the shape, dtype, minimum or
    maximum that was found where the array is anything else.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or 0 in array.shape:
        raise ImageError(f"an array of shape {array.shape}", EXPECTED)
    if array.dtype.kind == "f":
        array = _sixteen_bits(array)
    elif array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise ImageError(f"an array of dtype {array.dtype}", EXPECTED)
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    return Picture(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))), "array")


def _sixteen_bits(array: np.ndarray) -> np.ndarray:
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):  # written so that NaN fails, too
        raise ImageError(f"a {array.dtype} array with values from {low:g} to {high:g}", EXPECTED)
    if array.dtype.itemsize < 4:
        array = array.astype(np.float32)  # float16 has too few digits for 65535 steps
    return np.rint(array * 65535.0).astype(np.uint16)
