"""Transmission errors: files with bit errors, decoded by an ordinary decoder; TID2013's types 12 and 13.

Images are (H, W, 3) uint8 RGB. All functions need Pillow, whose decoders tolerate damage. Errors that the decoder
refuses (a forged marker, a broken header) are drawn again.
"""

from __future__ import annotations

import io

import numpy as np

from .codecs import jpeg2000_bytes, jpeg_bytes, pillow
from .pixels import Random


def received(data: np.ndarray) -> np.ndarray | None:
    """A damaged file as decoded by Pillow, or None where it refuses to decode it."""
    try:
        return np.asarray(pillow().open(io.BytesIO(data.tobytes())).convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        return None


def damage(data: np.ndarray, first: int, errors: int, random: Random) -> np.ndarray:
    """The data with one flipped bit in each of `errors` random bytes after `first`."""
    data = data.copy()
    for _ in range(errors):
        place = int(random.integers(first, data.size - 2))
        bit = np.uint8(1 << int(random.integers(8)))
        flipped = data[place] ^ bit
        # 255 starts a marker: neither create nor destroy one
        if 255 in (flipped, data[place], data[place - 1]):
            continue
        data[place] = flipped
    return data


def scan_start(data: np.ndarray) -> int:
    """The start of the entropy-coded data of a JPEG file."""
    mark = data.tobytes().index(b"\xff\xda")
    return mark + 2 + int(data[mark + 2]) * 256 + int(data[mark + 3])


def jpeg_errors(image: np.ndarray, errors: int, random: Random, *, quality: int = 75, restart: int = 8) -> np.ndarray:
    """JPEG transmission errors (12): `errors` bit errors; the decoder resynchronises every `restart` blocks."""
    data = jpeg_bytes(image, quality, restart=restart)
    return damaged_picture(data, scan_start(data), errors, random)


def jpeg2000_errors(image: np.ndarray, errors: int, random: Random, *, per_mille: int = 60) -> np.ndarray:
    """JPEG 2000 transmission errors (13): `errors` bit errors in a file of `per_mille` thousandths of the raw size."""
    data = jpeg2000_bytes(image, per_mille)
    body = data.tobytes().index(b"\xff\x93") + 2  # start of data, after the headers of file and tile
    return damaged_picture(data, body, errors, random)


def damaged_picture(data: np.ndarray, first: int, errors: int, random: Random) -> np.ndarray:
    """The decoded picture of a file with that many bit errors, drawn again where the decoder refuses them."""
    for _ in range(20):
        picture = received(damage(data, first, errors, random))
        if picture is not None:
            return picture
    picture = received(data)
    if picture is None:
        raise RuntimeError("Pillow could not read an undamaged file")
    return picture
