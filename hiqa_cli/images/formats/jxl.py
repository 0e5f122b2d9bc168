"""JPEG XL (ISO/IEC 18181), decoded by pillow-jxl-plugin with 8 bits: the extra `jxl`.

The plug-in decodes the whole file to say its size: the size is read here, from the codestream, before.
"""

from __future__ import annotations

import io

import numpy as np

from hiqa_cli.errors import reason_of
from hiqa_cli.images.extras import library
from hiqa_cli.images.header import Data, Header, boxes, check_decoded_size, damaged, truncated, unsupported
from hiqa_cli.images.icc_profile import is_srgb, profile_name, srgb_converter

NAME = "JPEG XL"
_RATIOS = ((0, 0), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIDES = (9, 13, 18, 30)  # bits of a side
_STRIP = 256  # rows


class _Bits:
    """Bits of the codestream, lowest first."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        return value


def read_jxl(data: Data) -> Header:
    """Read the size and orientation; the boxes of a container have to be complete."""
    library("jxl", NAME)
    bits = _Bits(_codestream(data)[2:40])
    small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if small else bits.take(_SIDES[bits.take(2)]) + 1
    across, down = _RATIOS[bits.take(3)]
    if across:
        width = height * across // down
    else:
        width = 8 * (bits.take(5) + 1) if small else bits.take(_SIDES[bits.take(2)]) + 1
    described = not bits.take(1)
    orientation = 1 + bits.take(3) if described and bits.take(1) else 1
    if orientation > 4:  # libjxl turns the picture
        width, height = height, width
    return Header(NAME, width, height, decoder="pillow-jxl-plugin", alpha=True)


def _codestream(data: Data) -> bytes:
    """The start of the codestream, of a bare one or inside boxes."""
    if data[:2] == b"\xff\x0a":
        return bytes(data[:64])
    start = b""
    for kind, at, end in boxes(data, 0, len(data), NAME):
        if kind in (b"jxlc", b"jxlp"):
            start = start or bytes(data[at + (4 if kind == b"jxlp" else 0) : end][:64])
    if start[:2] != b"\xff\x0a":
        raise truncated(NAME, data, "before the codestream")
    return start


def decode_jxl(data: Data, header: Header) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decode to (H, W, 4) RGBA, uint8, sRGB; also returns notes. Raises ImageError."""
    plugin = library("jxl", NAME)
    try:
        image = plugin.JXLImageFile(io.BytesIO(data))
        image.load()
    except MemoryError:
        raise
    except BaseException as error:  # the plug-in is written in Rust, whose panics are no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise damaged(NAME, f"pillow-jxl-plugin cannot decode it ({reason_of(error)})") from None
    check_decoded_size(header, *image.size)
    if image.mode not in ("RGB", "RGBA", "L", "LA"):
        unsupported(f"{NAME} with samples of kind {image.mode}")
    pixels = np.array(image if image.mode == "RGBA" else image.convert("RGBA"))
    profile = bytes(image.info.get("icc_profile") or b"")
    if not profile or is_srgb(profile):
        return pixels, ()
    convert = srgb_converter(profile)
    if convert is None:
        return pixels, (f"profile {profile_name(profile)}, read as sRGB",)
    for top in range(0, len(pixels), _STRIP):
        pixels[top : top + _STRIP, :, :3] = convert(pixels[top : top + _STRIP, :, :3])
    return pixels, (f"profile {profile_name(profile)}, converted to sRGB",)
