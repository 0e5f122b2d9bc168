"""EXIF: orientation, whether the camera wrote Adobe RGB, and the shooting data (camera, lens, exposure, date).

EXIF (CIPA DC-008) is a TIFF structure inside other formats (JPEG APP1, PNG eXIf, WebP EXIF), and part of a TIFF file
itself. A broken block never costs the picture: it counts as absent, as in image viewers.

Texts from a file are shown to people: they are shortened, cleared of control codes and never trusted. A broken field,
or one of the wrong type, is left out. The place where a picture was taken is never read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .header import Data, printable_line

ORIENTATION, EXIF_IFD, INTEROP_IFD, INTEROP_INDEX = 0x0112, 0x8769, 0xA005, 0x0001
MAKE, MODEL = 0x010F, 0x0110
EXPOSURE_TIME, F_NUMBER, ISO, DATE_TAKEN = 0x829A, 0x829D, 0x8827, 0x9003
FOCAL_LENGTH, FOCAL_LENGTH_35MM, LENS = 0x920A, 0xA405, 0xA434
ASCII, SHORT, LONG, RATIONAL = 2, 3, 4, 5  # field types
LONGEST_TEXT = 80


@dataclass(frozen=True)
class Exif:
    """What hiqa uses of an EXIF block.

    orientation: 1..8. adobe_rgb: the file follows DCF's option file system, that is, its colours are Adobe RGB.
    shooting_data: (name, value) pairs for people, e.g. ("aperture", "f/2.8"), in the order photographers read them.
    """

    orientation: int = 1
    adobe_rgb: bool = False
    shooting_data: tuple[tuple[str, str], ...] = ()


def read_exif(data: Data) -> Exif:
    """Parse an EXIF block, with or without its `Exif\\0\\0` prefix."""
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
    shooting_data = _shooting_data(_Fields(data, order, {**inner, **main}))
    return Exif(orientation if 1 <= orientation <= 8 else 1, adobe, shooting_data)


def _entries(data: Data, at: int, order: str) -> dict[int, bytes]:
    """The 12-byte entries of one IFD by tag; stops at the end of the data."""
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


@dataclass(frozen=True)
class _Fields:
    """Values of a TIFF structure's 12-byte entries, by tag. order: byte order of `data`, "<" or ">"."""

    data: Data
    order: str
    entries: dict[int, bytes]

    def text(self, tag: int) -> str:
        """A text, or "" if absent."""
        kind, count, at = self._entry(tag)
        if kind != ASCII:
            return ""
        remote = bytes(self.data[at : at + min(count, 4 * LONGEST_TEXT)])
        raw = (self.entries[tag][8 : 8 + count] if count <= 4 else remote).partition(b"\0")[0]
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
        return printable_line(text, LONGEST_TEXT)

    def integer(self, tag: int) -> int:
        """An integer (the first of several), or 0 if absent."""
        kind, _, at = self._entry(tag)
        if kind == SHORT:
            return int(struct.unpack_from(self.order + "H", self.entries[tag], 8)[0])
        return at if kind == LONG else 0

    def rational(self, tag: int) -> tuple[int, int]:
        """Numerator and denominator, both positive, or (0, 1) if absent."""
        kind, _, at = self._entry(tag)
        if kind == RATIONAL and at + 8 <= len(self.data):
            numerator, denominator = struct.unpack_from(self.order + "II", self.data, at)
            if numerator and denominator:
                return numerator, denominator
        return 0, 1

    def _entry(self, tag: int) -> tuple[int, int, int]:
        """Type, number of values, and the last four bytes: the value or its offset."""
        entry = self.entries.get(tag)
        if entry is None:
            return 0, 0, 0
        kind, count, at = struct.unpack_from(self.order + "HII", entry, 2)
        return kind, count, at


def _shooting_data(fields: _Fields) -> tuple[tuple[str, str], ...]:
    numerator, denominator = fields.rational(F_NUMBER)
    iso = fields.integer(ISO)
    found = (
        ("camera", _camera(fields.text(MAKE), fields.text(MODEL))),
        ("lens", fields.text(LENS)),
        ("focal length", _focal_length(fields)),
        ("aperture", f"f/{numerator / denominator:.3g}" if numerator else ""),
        ("exposure", _exposure(*fields.rational(EXPOSURE_TIME))),
        ("ISO", str(iso) if iso else ""),
        ("taken", _date(fields.text(DATE_TAKEN))),
    )
    return tuple((name, value) for name, value in found if value)


def _camera(make: str, model: str) -> str:
    """Make and model; most models repeat the make: "NIKON CORPORATION", "NIKON D850"."""
    if make and model.lower().startswith(make.split()[0].lower()):
        return model
    return f"{make} {model}".strip()


def _focal_length(fields: _Fields) -> str:
    numerator, denominator = fields.rational(FOCAL_LENGTH)
    if not numerator:
        return ""
    length = numerator / denominator
    equivalent = fields.integer(FOCAL_LENGTH_35MM)
    same = not equivalent or round(length) == equivalent
    return f"{length:.3g} mm" + ("" if same else f" ({equivalent} mm in 35 mm terms)")


def _exposure(numerator: int, denominator: int) -> str:
    """ "1/250 s", "0.4 s", "30 s"."""
    if not numerator:
        return ""
    seconds = numerator / denominator
    return f"1/{denominator / numerator:.0f} s" if seconds <= 0.3 else f"{seconds:.3g} s"


def _date(text: str) -> str:
    """EXIF's "2024:05:17 18:03:11" with dashes in the date; "" if the camera's clock was not set (zeros or blanks)."""
    day, _, clock = text.partition(" ")
    if not any(digit in "123456789" for digit in day):
        return ""
    return f"{day.replace(':', '-')} {clock}".strip()
