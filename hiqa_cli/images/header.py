"""What hiqa learns from a file's own bytes before OpenCV sees them, and the errors for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NoReturn

from hiqa_cli.errors import ImageError

Data = bytes | bytearray

DROPPED = "fourth channel, of no stated meaning, ignored"
"""Remark on a channel that no part of the file calls opacity."""


@dataclass(frozen=True)
class Header:
    """One image's header, read and judged by hiqa; its file has been walked to its end.

    format: name for people, e.g. "JPEG".
    width, height: px as stored, before any turning.
    frames: pictures in the file; the first is read.
    orientation: EXIF's 1..8, how the stored picture is turned to stand upright.
    patches: (place, bytes) to be written over the file's before OpenCV decodes: it turns a TIFF
        by its orientation tag whatever it is asked, and prefers a PNG's animation to its picture.
    alpha: OpenCV is asked for four channels, the last being opacity.
    premultiplied: what OpenCV gives has the colours multiplied by alpha already.
    key: the grey value (as OpenCV gives it) that means transparent, for formats where OpenCV drops
        that.
    inverted: 0 is white in what OpenCV gives.
    full_scale: the value of white in what OpenCV gives, where that is not 255 or 65535.
    cmyk: four inks; OpenCV mixes them to RGB without a profile.
    profile: the embedded ICC profile's bytes, or nothing.
    colour: what else the file says of its colours where that is not sRGB, e.g. "BT.2020 PQ".
    exif: what EXIF says of camera, lens and exposure: (name, value), see exif_basics.py.
    remarks: further things a reader of the result should know.
    """

    format: str
    width: int
    height: int
    frames: int = 1
    orientation: int = 1
    patches: tuple[tuple[int, bytes], ...] = ()
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


def truncated(name: str, data: Data, where: str) -> ImageError:
    """The file stops before it is complete; `where` continues "N bytes end"."""
    return ImageError(f"truncated {name}: {len(data):,} bytes end {where}")


def damaged(name: str, what: str) -> ImageError:
    """The file contradicts itself or its format."""
    return ImageError(f"damaged {name}: {what}")


def unsupported(what: str) -> NoReturn:
    """A kind of image, named, that hiqa does not read."""
    raise ImageError(f"{what} is not supported", "convert it to an 8-bit or 16-bit PNG first")


def number(data: Data, at: int, size: int, name: str, *, little: bool = False) -> int:
    """The unsigned integer of `size` bytes at `at`; a truncated file ends in an ImageError."""
    if at + size > len(data):
        raise truncated(name, data, "inside the header")
    return int.from_bytes(data[at : at + size], "little" if little else "big")


def unpack(layout: str, data: Data, at: int, name: str) -> tuple[int, ...]:
    """`struct.unpack_from` whose running off the end is an ImageError."""
    if at < 0 or at + struct.calcsize(layout) > len(data):
        raise truncated(name, data, "inside the header")
    return struct.unpack_from(layout, data, at)
