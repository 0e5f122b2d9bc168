"""The basics of a shot in words, out of EXIF (CIPA DC-008): camera, lens, exposure, when it was taken.

Whatever a file says here is text for people to read: shortened, without control codes, never trusted. A field that
is broken, or of a kind that it cannot be, is left out. The place where a picture was taken is never read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .header import Data

MAKE, MODEL = 0x010F, 0x0110
EXPOSURE_TIME, F_NUMBER, ISO, DATE_TAKEN = 0x829A, 0x829D, 0x8827, 0x9003
FOCAL_LENGTH, FOCAL_LENGTH_35MM, LENS = 0x920A, 0xA405, 0xA434
ASCII, SHORT, LONG, RATIONAL = 2, 3, 4, 5  # the kinds of fields that are read here
LONGEST_TEXT = 80


@dataclass(frozen=True)
class Fields:
    """The entries of 12 bytes of a TIFF structure's directories, by tag, and where their values lie.

    order: "<" or ">", the byte order of everything in `data`.
    """

    data: Data
    order: str
    entries: dict[int, bytes]

    def text(self, tag: int) -> str:
        """A text, "" where there is none."""
        kind, count, at = self._entry(tag)
        if kind != ASCII:
            return ""
        far = bytes(self.data[at : at + min(count, 4 * LONGEST_TEXT)])
        raw = (self.entries[tag][8 : 8 + count] if count <= 4 else far).partition(b"\0")[0]
        try:
            words = raw.decode("utf-8")
        except UnicodeDecodeError:
            words = raw.decode("latin-1")
        shown = "".join(letter if letter.isprintable() else " " for letter in words)
        return " ".join(shown.split())[:LONGEST_TEXT]

    def whole(self, tag: int) -> int:
        """A whole number, 0 where there is none; of several the first."""
        kind, _, at = self._entry(tag)
        if kind == SHORT:
            return int(struct.unpack_from(self.order + "H", self.entries[tag], 8)[0])
        return at if kind == LONG else 0

    def fraction(self, tag: int) -> tuple[int, int]:
        """Numerator and denominator, both positive, or (0, 1)."""
        kind, _, at = self._entry(tag)
        if kind == RATIONAL and at + 8 <= len(self.data):
            above, below = struct.unpack_from(self.order + "II", self.data, at)
            if above and below:
                return above, below
        return 0, 1

    def _entry(self, tag: int) -> tuple[int, int, int]:
        """Kind, number of values, and the four bytes that hold them or say where they are."""
        entry = self.entries.get(tag)
        if entry is None:
            return 0, 0, 0
        kind, count, at = struct.unpack_from(self.order + "HII", entry, 2)
        return kind, count, at


def basics(fields: Fields) -> tuple[tuple[str, str], ...]:
    """(name, value) of what there is, in the order in which photographers read it."""
    above, below = fields.fraction(F_NUMBER)
    iso = fields.whole(ISO)
    found = (
        ("camera", _camera(fields.text(MAKE), fields.text(MODEL))),
        ("lens", fields.text(LENS)),
        ("focal length", _focal_length(fields)),
        ("aperture", f"f/{above / below:.3g}" if above else ""),
        ("exposure", _exposure(*fields.fraction(EXPOSURE_TIME))),
        ("ISO", str(iso) if iso else ""),
        ("taken", _date(fields.text(DATE_TAKEN))),
    )
    return tuple((name, value) for name, value in found if value)


def _camera(make: str, model: str) -> str:
    """Make and model; most models repeat the make, "NIKON CORPORATION" and "NIKON D850"."""
    if make and model.lower().startswith(make.split()[0].lower()):
        return model
    return f"{make} {model}".strip()


def _focal_length(fields: Fields) -> str:
    above, below = fields.fraction(FOCAL_LENGTH)
    if not above:
        return ""
    equivalent = fields.whole(FOCAL_LENGTH_35MM)
    same = not equivalent or round(above / below) == equivalent
    return f"{above / below:.3g} mm" + ("" if same else f" ({equivalent} mm in 35 mm terms)")


def _exposure(above: int, below: int) -> str:
    """ "1/250 s", "0.4 s", "30 s"."""
    if not above:
        return ""
    seconds = above / below
    return f"1/{below / above:.0f} s" if seconds <= 0.3 else f"{seconds:.3g} s"


def _date(text: str) -> str:
    """EXIF's 2024:05:17 18:03:11 with the date as everybody writes it; cameras without a clock give zeros or blanks."""
    day, _, clock = text.partition(" ")
    if not any(digit in "123456789" for digit in day):
        return ""
    return f"{day.replace(':', '-')} {clock}".strip()
