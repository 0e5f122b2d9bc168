"""Reads an image file into a Picture. hiqa decides what is acceptable; libraries decode.

`sniff` recognises the format by the first bytes; its parser in `formats` walks the file to its end and refuses what is
truncated, damaged, too large, or of a variant that is read wrongly. The file is then decoded once (`decode`): JPEG by
simplejpeg, 8-bit pictures by Pillow, 16-bit ones by OpenCV, which is imported only then. It is made opaque and upright
in strips (`normalise`).

Alpha is composited over grey 128 (`normalise.BACKGROUND`). 16-bit pictures stay 16-bit. Of several frames the first is
read. An 8-bit picture with another colour profile is converted to sRGB; the notes name the profile.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import BinaryIO

import numpy as np

from hiqa_cli.errors import ImageError

from .decode import check_decoder_limits, decode
from .formats.avif import read_avif
from .formats.bmp import read_bmp
from .formats.gif import read_gif
from .formats.heif import read_heif
from .formats.jpeg import read_jpeg
from .formats.jpeg2000 import read_j2k, read_jp2
from .formats.jxl import read_jxl
from .formats.png import read_png
from .formats.pnm import read_pnm
from .formats.rare import read_rare
from .formats.raw import read_raw
from .formats.tiff import read_tiff
from .formats.webp import read_webp
from .header import Data, Header
from .icc_profile import is_srgb, profile_name, srgb_converter
from .normalise import BACKGROUND, Convert, apply_orientation, to_rgb
from .picture import Picture, narrow_range
from .sniff import HIQA_PNG_KEY, SNIFFED, image_files, is_hiqa_output, sniff
from .source import DEFAULT_LIMITS, Limits, check_size, read_bytes

__all__ = [
    "HIQA_PNG_KEY",
    "Limits",
    "decode_picture",
    "image_files",
    "is_hiqa_output",
    "read_header",
    "read_picture",
]

_READERS: dict[str, Callable[[Data], Header]] = {
    "JPEG": read_jpeg,
    "PNG": read_png,
    "WebP": read_webp,
    "TIFF": read_tiff,
    "BMP": read_bmp,
    "PNM": read_pnm,
    "JP2": read_jp2,
    "J2K": read_j2k,
    "AVIF": read_avif,
    "GIF": read_gif,
    "HEIF": read_heif,
    "JXL": read_jxl,
    "RAW": read_raw,
    "rare": read_rare,
}


Reserve = Callable[[int], None]


def no_reserve(pixels: int) -> None:
    """The default for `reserve`: decode at once."""


def read_picture(
    source: str | bytes | os.PathLike | BinaryIO | io.RawIOBase,
    limits: Limits = DEFAULT_LIMITS,
    reserve: Reserve = no_reserve,
) -> Picture:
    """Read an image from a path (str, bytes or PathLike) or from a binary stream.

    reserve: called with the number of pixels before they are decoded; returns when there is memory for them.

    Raises ImageError, without the path in its message, if the image is missing, unreadable, not a file, empty, not an
    image, unsupported, truncated, damaged or too large.
    """
    return _decode([read_bytes(source, limits)], limits, reserve)


def decode_picture(data: bytes | bytearray, limits: Limits = DEFAULT_LIMITS, reserve: Reserve = no_reserve) -> Picture:
    """Like `read_picture`, from bytes in memory, which stay unchanged."""
    if len(data) > limits.max_bytes:
        raise ImageError(f"larger than the limit of {limits.max_bytes:,} bytes: {len(data):,}")
    return _decode([bytes(data)], limits, reserve)


def read_header(data: Data) -> Header:
    """Recognise the format and parse the file to its end, without decoding it."""
    try:
        return _READERS[sniff(bytes(data[:SNIFFED]))](data)
    except IndexError as error:  # a byte beyond the end
        raise ImageError(f"truncated image: {len(data):,} bytes end inside the header") from error


def _decode(held: list[bytearray | bytes], limits: Limits, reserve: Reserve) -> Picture:
    """held: a list with the only reference to the file's bytes, so that `decode` can free them."""
    header = read_header(held[0])
    check_size(header.width, header.height, limits)
    check_decoder_limits(header, len(held[0]))
    reserve(header.width * header.height)
    try:
        decoded, damage = decode(held, header)
    except MemoryError as error:
        raise _too_little_memory(header) from error
    pixels = [decoded]
    del decoded
    return finish_picture(pixels, header, damage)


def finish_picture(held: list[np.ndarray], header: Header, damage: tuple[str, ...] = ()) -> Picture:
    """Make decoded pixels RGB, sRGB, opaque and upright.

    held: a list with the only reference to them, (H, W, 3) RGB or, if the header has alpha, (H, W, 4) RGBA, uint8 or
        uint16; three channels may be changed in place. damage: notes. Raises ImageError for a lack of memory.
    """
    try:
        decoded = held.pop()
        convert, colour_note = _colour_conversion(header, decoded)
        rgb, composited = to_rgb(decoded, header, convert)
        del decoded
        upright = apply_orientation(rgb, header.orientation)
    except MemoryError as error:
        raise _too_little_memory(header) from error
    notes = _notes(header, composited, colour_note) + narrow_range(upright) + damage
    return Picture(upright, header.format, notes, header.exif)


def _too_little_memory(header: Header) -> ImageError:
    return ImageError(f"not enough memory for {header.width} x {header.height} px")


def _colour_conversion(header: Header, decoded: np.ndarray) -> tuple[Convert | None, str]:
    """The conversion to sRGB, or None if none is needed or possible, and a note for the result."""
    if header.cmyk:
        profile = f"its profile {profile_name(header.profile)}" if header.profile else "a profile"
        return None, f"CMYK converted to RGB without {profile}"
    if not header.profile:
        return None, f"colours {header.colour}, read as sRGB" if header.colour else ""
    if is_srgb(header.profile):
        return None, ""
    name = profile_name(header.profile)
    if decoded.dtype == np.uint16:
        return None, f"profile {name}, read as sRGB (16-bit pictures are not converted)"
    grey = header.profile[16:20] == b"GRAY"
    fits = not grey or (decoded[..., 0] == decoded[..., 2]).all()
    convert = srgb_converter(header.profile) if fits else None
    if convert is None:
        return None, f"profile {name}, read as sRGB"
    return convert, f"profile {name}, converted to sRGB"


def _notes(header: Header, composited: bool, colour_note: str) -> tuple[str, ...]:
    notes = [
        f"first of {header.frames:,} frames" if header.frames > 1 else "",
        f"turned upright (EXIF orientation {header.orientation})" if header.orientation > 1 else "",
        f"alpha composited over grey {BACKGROUND}" if composited else "",
        colour_note,
        *header.remarks,
    ]
    return tuple(note for note in notes if note)
