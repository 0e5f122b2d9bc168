"""BMP: header and data size (BITMAPFILEHEADER and the BITMAP...HEADER family)."""

from __future__ import annotations

from hiqa_cli.images.header import Data, Header, damaged, truncated, unpack, unsupported

NAME = "BMP"
_OLD_HEADER = 12
_RLE = (1, 2)
_KINDS = {4: "JPEG", 5: "PNG"}


def read_bmp(data: Data) -> Header:
    """Parse the header; check that the rows (plain) or the stated data (run-length) are complete."""
    start, size = unpack("<II", data, 10, NAME)
    if size == _OLD_HEADER:
        width, height, planes, bits = unpack("<HHHH", data, 18, NAME)
        compression = stated = 0
    elif size >= 40:
        width, height, planes, bits, compression, stated = unpack("<iiHHII", data, 18, NAME)
    else:
        raise damaged(NAME, f"header of {size} bytes")
    if compression in _KINDS:
        unsupported(f"BMP that contains a {_KINDS[compression]}")
    if bits == 16:
        unsupported("16-bit BMP (5 or 6 bits per channel)")  # OpenCV decodes its white to 248
    height = abs(height)  # negative: stored from the top down
    if width <= 0 or not height or planes != 1 or bits not in (1, 4, 8, 24, 32):
        raise damaged(NAME, f"{width} x {height} px, {bits} bits")
    if compression in _RLE:
        if len(data) <= start or len(data) < start + stated:
            raise truncated(NAME, data, "inside the run-length data")
    else:
        expected = start + (width * bits + 31) // 32 * 4 * height
        # Some writers omit the padding of the last row; decoders do not need it.
        padding = (width * bits + 31) // 32 * 4 - (width * bits + 7) // 8
        if len(data) < expected - padding:
            raise truncated(NAME, data, f"where {width} x {height} px need {expected:,}")
    has_alpha = bits == 32 and compression in (3, 6) and size >= 56
    return Header(
        NAME,
        width,
        height,
        alpha=has_alpha and unpack("<I", data, 66, NAME)[0] != 0,
        profile=_profile(data, size),
    )


def _profile(data: Data, size: int) -> bytes:
    """A version 5 header may point to an embedded profile (colour space MBED)."""
    if size < 124 or data[70:74] != b"DEBM":
        return b""
    start, length = unpack("<II", data, 14 + 112, NAME)
    return bytes(data[14 + start : 14 + start + length])
