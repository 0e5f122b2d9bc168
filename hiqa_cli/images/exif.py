"""What hiqa takes from EXIF: orientation, whether the camera says Adobe RGB, and the basics of the shot.

EXIF is a TIFF structure inside other formats (JPEG APP1, PNG eXIf, WebP EXIF), and a TIFF itself.
A broken one never costs the picture: it counts as absent, as in every viewer.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .exif_basics import Fields, basics
from .header import Data

ORIENTATION, EXIF_IFD, INTEROP_IFD, INTEROP_INDEX = 0x0112, 0x8769, 0xA005, 0x0001


@dataclass(frozen=True)
class Exif:
    """orientation: 1..8; adobe_rgb: the camera's file follows DCF's option file system, that is
    Adobe RGB; basics: (name, value) of camera, lens and exposure, as exif_basics.py words them."""

    orientation: int = 1
    adobe_rgb: bool = False
    basics: tuple[tuple[str, str], ...] = ()


def read_exif(data: Data) -> Exif:
    """Parse the bytes of an EXIF block, with or without its `Exif\\0\\0` prefix."""
    if data[:6] in (b"Exif\0\0", b"Exif\0\xff"):
        data = data[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[:4]))
    if order is None:
        return Exif()
    try:
        main = _entries(data, struct.unpack_from(order + "I", data, 4)[0], order)
        orientation = _short(main.get(ORIENTATION), order) or 1
        interop: dict[int, bytes] = {}
        inner: dict[int, bytes] = {}
        if EXIF_IFD in main:
            inner = _entries(data, _long(main[EXIF_IFD], order), order)
            if INTEROP_IFD in inner:
                interop = _entries(data, _long(inner[INTEROP_IFD], order), order)
    except struct.error:
        return Exif()
    adobe = interop.get(INTEROP_INDEX, b"")[8:11] == b"R03"
    words = basics(Fields(data, order, {**inner, **main}))
    return Exif(orientation if 1 <= orientation <= 8 else 1, adobe, words)


def _entries(data: Data, at: int, order: str) -> dict[int, bytes]:
    """One IFD's entries of 12 bytes each, by tag; stops at the end of the data."""
    (count,) = struct.unpack_from(order + "H", data, at)
    entries: dict[int, bytes] = {}
    for start in range(at + 2, min(at + 2 + 12 * count, len(data) - 11), 12):
        tag = struct.unpack_from(order + "H", data, start)[0]
        entries.setdefault(tag, bytes(data[start : start + 12]))
    return entries


def _short(entry: bytes | None, order: str) -> int:
    if entry is None:
        return 0
    kind = struct.unpack_from(order + "H", entry, 2)[0]
    layout = {1: "B", 3: "H", 4: "I"}.get(kind)
    return int(struct.unpack_from(order + layout, entry, 8)[0]) if layout else 0


def _long(entry: bytes, order: str) -> int:
    return int(struct.unpack_from(order + "I", entry, 8)[0])
