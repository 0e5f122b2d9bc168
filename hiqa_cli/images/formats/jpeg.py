"""JPEG: header and every marker, up to the end marker (ITU-T T.81, annex B).

A regular expression searches the entropy-coded data, at the speed of memory. Damage inside the scan data is found only
by decoding: see `check_decoder_output`.
"""

from __future__ import annotations

import re

from hiqa_cli.images.exif import Exif, read_exif
from hiqa_cli.images.header import Data, Header, damaged, number, truncated, unsupported

NAME = "JPEG"
LARGEST_SIDE = 65_500  # px; libjpeg's own limit (JPEG_MAX_DIMENSION)
# A marker that ends entropy-coded data: no stuffed zero, fill byte or restart marker.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_SOI, _EOI, _SOS, _DNL = 0xD8, 0xD9, 0xDA, 0xDC
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_REFUSED = {0xC3: "lossless JPEG", 0xF7: "JPEG-LS"} | dict.fromkeys(
    (0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF), "hierarchical or lossless JPEG"
)


class _Walk:
    """What was found between the start and the end marker."""

    def __init__(self) -> None:
        self.width = self.height = 0
        self.components: set[int] = set()
        self.scanned: set[int] = set()
        self.profile: dict[int, bytes] = {}
        self.exif = Exif()
        self.has_exif = False
        self.patches: tuple[tuple[int, bytes], ...] = ()


def read_jpeg(data: Data) -> Header:
    """Parse the file up to its end marker; bytes after it (a second picture, a video, junk) are ignored."""
    walk, at = _Walk(), 2
    while True:
        marker, at = _next_marker(data, at)
        if marker == _EOI:
            break
        if 0xD0 <= marker <= _SOI or marker == 0x01:
            continue
        length = number(data, at, 2, NAME)
        end = at + length
        if length < 2:
            raise damaged(NAME, f"segment of {length} bytes at byte {at:,}")
        if end > len(data):
            raise truncated(NAME, data, "inside the header, no end marker")
        _take_segment(walk, marker, data[at + 2 : end])
        if marker == 0xE0 and data[at + 2 : at + 7] == b"JFIF\0" and data[at + 7] != 1:
            # libjpeg prints only its first warning: one about the version would hide a serious one.
            walk.patches += ((at + 7, b"\1\1"),)
        at = end
        if marker == _SOS:
            found = _MARKER.search(data, at)
            if found is None:
                raise truncated(NAME, data, "inside the scan data, no end marker")
            at = found.start()
    return _header(walk)


def _next_marker(data: Data, at: int) -> tuple[int, int]:
    """The marker at `at` (after fill bytes) and the offset after it."""
    if at < len(data) and data[at] != 0xFF:
        # Stray bytes between segments: skipped, as in libjpeg, which warns.
        found = _MARKER.search(data, at)
        at = len(data) if found is None else found.start()
    while at < len(data) and data[at] == 0xFF:
        at += 1
    if at >= len(data):
        raise truncated(NAME, data, "with no end marker")
    return data[at], at + 1


def _take_segment(walk: _Walk, marker: int, body: Data) -> None:
    if marker in _REFUSED:
        unsupported(_REFUSED[marker])
    if marker in _FRAMES:
        _take_frame(walk, body)
    elif marker == _SOS and body:
        walk.scanned.update(body[1 : 1 + 2 * body[0] : 2])
    elif marker == _DNL:
        unsupported("JPEG whose height follows its data (DNL)")
    elif marker == 0xE1 and body[:5] == b"Exif\0" and not walk.has_exif:
        walk.exif, walk.has_exif = read_exif(body), True
    elif marker == 0xE2 and body[:12] == b"ICC_PROFILE\0" and len(body) > 14:
        walk.profile.setdefault(body[12], bytes(body[14:]))


def _take_frame(walk: _Walk, body: Data) -> None:
    if walk.components:
        raise damaged(NAME, "two frame headers")
    if len(body) < 6:
        raise damaged(NAME, "frame header too short")
    bits, count = body[0], body[5]
    walk.height, walk.width = number(body, 1, 2, NAME), number(body, 3, 2, NAME)
    walk.components = set(body[6 : 6 + 3 * count : 3])
    if bits != 8:
        unsupported(f"{bits}-bit JPEG")
    if not walk.height:
        unsupported("JPEG whose height follows its data (DNL)")
    if not walk.width or len(walk.components) not in (1, 3, 4):
        raise damaged(NAME, f"{walk.width} px wide, {len(walk.components)} components")
    if max(walk.width, walk.height) > LARGEST_SIDE:
        unsupported(f"JPEG with a side above {LARGEST_SIDE:,} px ({walk.width} x {walk.height})")


def _header(walk: _Walk) -> Header:
    if not walk.components:
        raise damaged(NAME, "no picture before the end marker")
    missing = walk.components - walk.scanned
    if missing:
        raise damaged(NAME, f"no scan data for {len(missing)} of {len(walk.components)} components")
    profile = b"".join(walk.profile[key] for key in sorted(walk.profile))
    return Header(
        NAME,
        walk.width,
        walk.height,
        orientation=walk.exif.orientation,
        exif=walk.exif.shooting_data,
        patches=walk.patches,
        cmyk=len(walk.components) == 4,
        profile=profile,
        colour="Adobe RGB (named in EXIF)" if walk.exif.adobe_rgb and not profile else "",
    )
