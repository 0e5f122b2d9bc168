"""An image's header, as hiqa reads it from the file before decoding, and the errors of header parsers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from hiqa_cli.errors import ImageError

Data = bytes | bytearray

EXTRA_CHANNEL_IGNORED = "fourth channel of unspecified meaning ignored"
"""Remark on a fourth channel that the file does not declare as alpha."""


@dataclass(frozen=True)
class Header:
    """The header of an image whose file has been parsed to its end and accepted.

    format: e.g. "JPEG".
    width, height: px as stored, before the orientation is applied.
    frames: pictures in the file; the first is read.
    orientation: EXIF orientation 1..8 of the stored picture.
    decoder: "simplejpeg", "Pillow" (8 bits), "OpenCV" (more), "hiqa" itself, or the library of an extra.
    patches: (offset, bytes) to write over the file's bytes before they are decoded: both Pillow and OpenCV apply a
        TIFF's orientation tag, and libjpeg reports a harmless oddity in place of later damage.
    data_end: offset of the end marker of a JPEG of one scan, else 0.
    interlaced: a PNG whose last row does not come last.
    frame: left, top, right, bottom of a GIF's first frame if it does not fill the picture.
    alpha: decode to four channels, the last of which is alpha.
    premultiplied: the decoder returns colours multiplied by alpha.
    key: the grey value, as the decoder returns it, that means transparent.
    inverted: 0 is white in what the decoder returns.
    full_scale: the value of white in what the decoder returns, if not 255 or 65535.
    cmyk: four inks; the decoder converts them to RGB without a profile.
    profile: the embedded ICC profile, or nothing.
    colour: the colour space if it is known not to be sRGB and there is no profile, e.g. "BT.2020 PQ".
    exif: (name, value) pairs of camera, lens and exposure, see Exif.shooting_data.
    remarks: notes for the result.
    """

    format: str
    width: int
    height: int
    frames: int = 1
    orientation: int = 1
    decoder: str = "Pillow"
    patches: tuple[tuple[int, bytes], ...] = ()
    data_end: int = 0
    interlaced: bool = False
    frame: tuple[int, int, int, int] | None = None
    alpha: bool = False
    premultiplied: bool = False
    key: int | None = None
    inverted: bool = False
    full_scale: int | None = None
    cmyk: bool = False
    profile: bytes = b""
    colour: str = ""
    exif: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()


def patched(data: Data, patches: tuple[tuple[int, bytes], ...]) -> Data:
    """The file with patches; changed in place if it is a bytearray. A patch at its end lengthens it."""
    if not patches:
        return data
    own = data if isinstance(data, bytearray) else bytearray(data)
    for at, change in patches:
        own[at : at + len(change)] = change
    return own


def check_decoded_size(header: Header, width: int, height: int) -> None:
    """Raise ImageError if a decoder returned another size, in px, than the header has."""
    if (width, height) != (header.width, header.height):
        stated = f"{header.width} x {header.height} px"
        raise damaged(header.format, f"{stated} in its header, {width} x {height} in its data")


def longest_zero_run(width: int, height: int, pixels_per_byte: int = 4096) -> int:
    """The most zero bytes in a row that compressed data of a sound picture may have, see refuse_zeros().

    pixels_per_byte: how many pixels of one colour a byte stands for, at most.
    """
    return 64 + width * height // pixels_per_byte


def refuse_zeros(name: str, data: Data, start: int, end: int, most: int) -> None:
    """Raise ImageError for a run of more than `most` zero bytes in data[start:end], as lost blocks of a file leave.

    Arithmetic decoders take them for picture data without an error.
    """
    if most >= end - start:  # a header may state a size for which as many zeros would not fit into memory
        return
    at = data.find(bytes(most + 1), start, end)
    if at >= 0:
        raise damaged(name, f"more than {most:,} zero bytes inside its picture data, from byte {at:,} on")


def truncated(name: str, data: Data, where: str) -> ImageError:
    """The error of a file that ends too soon; `where` continues "N bytes end"."""
    return ImageError(f"truncated {name}: {len(data):,} bytes end {where}")


def damaged(name: str, what: str) -> ImageError:
    """The error of a file that contradicts itself or violates its format."""
    return ImageError(f"damaged {name}: {what}")


def unsupported(what: str) -> NoReturn:
    """Raise the error for a variant, named, that hiqa does not read."""
    raise ImageError(f"{what} is not supported", "convert it to an 8-bit or 16-bit PNG first")


def number(data: Data, at: int, size: int, name: str, *, little: bool = False) -> int:
    """The unsigned integer of `size` bytes at `at`; ImageError if the file ends before it."""
    if at + size > len(data):
        raise truncated(name, data, "inside the header")
    return int.from_bytes(data[at : at + size], "little" if little else "big")


def unpack(layout: str, data: Data, at: int, name: str) -> tuple[int, ...]:
    """`struct.unpack_from`; ImageError if the file ends before it."""
    if at < 0 or at + struct.calcsize(layout) > len(data):
        raise truncated(name, data, "inside the header")
    return struct.unpack_from(layout, data, at)


def boxes(data: Data, start: int, end: int, name: str) -> Iterator[tuple[bytes, int, int]]:
    """The boxes in data[start:end]: type, start and end of their content.

    AVIF, HEIF, JPEG 2000 and JPEG XL files are made of them (ISO/IEC 14496-12, section 4.2).
    """
    at = start
    while at + 8 <= end:
        size, head = number(data, at, 4, name), 8
        kind = bytes(data[at + 4 : at + 8])
        if size == 1:
            size, head = number(data, at + 8, 8, name), 16
        elif size == 0:
            size = end - at
        if size < head:
            raise damaged(name, f"a box of {size} bytes at byte {at:,}")
        if at + size > end:
            label = ascii(kind.decode("latin-1")).strip("'")
            raise truncated(name, data, f"inside the box {label}")
        yield kind, at + head, at + size
        at += size


def printable_line(text: str, longest: int) -> str:
    """One line of at most `longest` characters: control codes become blanks, and blanks in a row one."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:longest]
