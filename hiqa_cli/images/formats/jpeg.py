"""JPEG: every marker and scan up to the end marker (ITU-T T.81, annex B), and decoding with libjpeg-turbo.

The walk over the markers decides whether all coefficients are present: no decoder does. A regular expression searches
the entropy-coded data, at the speed of memory. libjpeg-turbo (simplejpeg) reports damage inside the scan data, but only
its first warning: what would cause a harmless one is patched beforehand. A file that lacks only its end marker is
whole.
"""

from __future__ import annotations

import io
import re

import numpy as np
import simplejpeg

from hiqa_cli.errors import ImageError, reason_of
from hiqa_cli.images.exif import Exif, read_exif
from hiqa_cli.images.header import Data, Header, check_decoded_size, damaged, number, patched, truncated, unsupported

NAME = "JPEG"
LARGEST_SIDE = 65_500  # px; libjpeg's own limit (JPEG_MAX_DIMENSION)
NO_END = "no end marker"
# A marker that ends entropy-coded data: no stuffed zero, fill byte or restart marker.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_SOI, _EOI, _SOS, _DNL, _APP14 = 0xD8, 0xD9, 0xDA, 0xDC, 0xEE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = (0xC2, 0xCA)
_REFUSED = {0xC3: "lossless JPEG", 0xF7: "JPEG-LS"} | dict.fromkeys(
    (0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF), "hierarchical or lossless JPEG"
)
# How libjpeg's warnings begin. It goes on after a warning; any other message is an error.
_WARNINGS = ("Corrupt JPEG data: ", "Premature end of JPEG file", "Inconsistent progression sequence", "Invalid SOS")
_STRIP = 2**18  # samples


class _Walk:
    """What was found between the start and the end marker.

    precision: for each component, the lowest bit received of each of its 64 coefficients; -1 before any.
    """

    def __init__(self) -> None:
        self.width = self.height = 0
        self.progressive = False
        self.scans = 0
        self.end = 0  # offset of the end marker
        self.precision: dict[int, np.ndarray] = {}
        self.ended = True
        self.profile: dict[int, bytes] = {}
        self.exif = Exif()
        self.has_exif = False
        self.patches: tuple[tuple[int, bytes], ...] = ()


def read_jpeg(data: Data) -> Header:
    """Parse the file up to its end marker; bytes after it (a second picture, a video, junk) are ignored."""
    walk, at = _Walk(), 2
    while True:
        marker, at = _next_marker(walk, data, at)
        if marker == _EOI:
            walk.end = at - 2 if walk.ended else at
            break
        if 0xD0 <= marker <= _SOI or marker == 0x01:
            continue
        length = number(data, at, 2, NAME)
        end = at + length
        if length < 2:
            raise damaged(NAME, f"segment of {length} bytes at byte {at:,}")
        if end > len(data):
            raise truncated(NAME, data, f"inside the header, {NO_END}")
        _take_segment(walk, marker, data[at + 2 : end])
        walk.patches += _warning_patches(walk, marker, data[at + 2 : end], at + 2)
        at = end
        if marker == _SOS:
            found = _MARKER.search(data, at)
            at = len(data) if found is None else found.start()
    return _header(walk, data)


def decode_jpeg(data: Data, header: Header) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decode to (H, W, 3) uint8 RGB; also returns notes on damage. Raises ImageError."""
    size = len(data)
    whole = NO_END not in header.remarks
    data = patched(data, header.patches if whole else (*header.patches, (size, b"\xff\xd9")))
    space = "CMYK" if header.cmyk else "RGB"
    notes: tuple[str, ...] = ()
    try:
        pixels = simplejpeg.decode_jpeg(data, space)
    except ValueError as warning:
        message = str(warning)
        if "subsampling level" in message:
            pixels = _decode_unusual(data, header)
        elif not message.startswith(_WARNINGS):
            raise damaged(NAME, message) from None
        else:
            notes = (_damage(message, size, whole),)
            try:
                pixels = simplejpeg.decode_jpeg(data, space, strict=False)
            except ValueError as error:
                raise damaged(NAME, str(error)) from None
    check_decoded_size(header, pixels.shape[1], pixels.shape[0])
    return (_from_inks(pixels) if header.cmyk else pixels), notes


def _damage(message: str, size: int, whole: bool) -> str:
    """A note on libjpeg's warning; raises ImageError if picture data are missing."""
    if not whole:
        raise ImageError(f"truncated {NAME}: {size:,} bytes end inside the scan data, {NO_END}")
    if "remature end" in message:
        raise ImageError(f"truncated {NAME}: its scan data end before the picture is complete")
    what = message.removeprefix("Corrupt JPEG data: ")
    # Every pixel was decoded before these bytes.
    return f"{what}, ignored" if what.endswith("extraneous bytes before marker 0xd9") else f"partly damaged: {what}"


def _decode_unusual(data: Data, header: Header) -> np.ndarray:
    """Decode chroma subsampling that simplejpeg does not know, with Pillow.

    Pillow does not report missing data. They are missing if other bytes at the end of the scan data change the picture.
    """
    pixels = _decode_with_pillow(data)
    end = header.data_end
    if end and not np.array_equal(_decode_with_pillow(data[:end] + b"\x5a" * 64 + data[end:]), pixels):
        raise ImageError(f"truncated {NAME}: its scan data end before the picture is complete")
    # Pillow undoes the inversion of CMYK.
    return 255 - pixels if header.cmyk else pixels


def _decode_with_pillow(data: Data) -> np.ndarray:
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        return np.asarray(JpegImageFile(io.BytesIO(data)))
    except (OSError, ValueError, SyntaxError) as error:
        raise damaged(NAME, reason_of(error)) from None


def _from_inks(inks: np.ndarray) -> np.ndarray:
    """Inverted CMYK, as JPEG stores it, mixed to RGB without a profile."""
    height, width = inks.shape[:2]
    rgb = np.empty((height, width, 3), np.uint8)
    rows = max(1, _STRIP // (4 * width))
    for top in range(0, height, rows):
        strip = inks[top : top + rows].astype(np.uint16)
        rgb[top : top + rows] = (strip[..., :3] * strip[..., 3:] + 127) // 255
    return rgb


def _next_marker(walk: _Walk, data: Data, at: int) -> tuple[int, int]:
    """The marker at `at` (after fill bytes) and the offset after it; the end marker if the file ends here."""
    if at < len(data) and (data[at] != 0xFF or data[at + 1 : at + 2] == b"\0"):
        # Stray bytes between segments are skipped, as in libjpeg; as fill bytes they cause no warning.
        found = _MARKER.search(data, at)
        end = len(data) if found is None else found.start()
        walk.patches += ((at, b"\xff" * (end - at)),)
        at = end
    while at < len(data) and data[at] == 0xFF:
        at += 1
    if at >= len(data):
        walk.ended = False
        return _EOI, at
    return data[at], at + 1


def _take_segment(walk: _Walk, marker: int, body: Data) -> None:
    if marker in _REFUSED:
        unsupported(_REFUSED[marker])
    if marker in _FRAMES:
        walk.progressive = marker in _PROGRESSIVE
        _take_frame(walk, body)
    elif marker == _SOS and body:
        _take_scan(walk, body)
    elif marker == _DNL:
        unsupported("JPEG whose height follows its data (DNL)")
    elif marker == 0xE1 and body[:5] == b"Exif\0" and not walk.has_exif:
        walk.exif, walk.has_exif = read_exif(body), True
    elif marker == 0xE2 and body[:12] == b"ICC_PROFILE\0" and len(body) > 14:
        walk.profile.setdefault(body[12], bytes(body[14:]))


def _take_frame(walk: _Walk, body: Data) -> None:
    if walk.precision:
        raise damaged(NAME, "two frame headers")
    if len(body) < 6:
        raise damaged(NAME, "frame header too short")
    bits, count = body[0], body[5]
    walk.height, walk.width = number(body, 1, 2, NAME), number(body, 3, 2, NAME)
    walk.precision = {component: np.full(64, -1, int) for component in body[6 : 6 + 3 * count : 3]}
    if bits != 8:
        unsupported(f"{bits}-bit JPEG")
    if not walk.height:
        unsupported("JPEG whose height follows its data (DNL)")
    if not walk.width or len(walk.precision) not in (1, 3, 4):
        raise damaged(NAME, f"{walk.width} px wide, {len(walk.precision)} components")
    if max(walk.width, walk.height) > LARGEST_SIDE:
        unsupported(f"JPEG with a side above {LARGEST_SIDE:,} px ({walk.width} x {walk.height})")


def _take_scan(walk: _Walk, body: Data) -> None:
    """Keep which coefficients a scan brings, and down to which bit."""
    first, last, low = 0, 63, 0
    parameters = 1 + 2 * body[0]
    walk.scans += 1
    if walk.progressive and len(body) >= parameters + 3:
        first, last, low = body[parameters], min(body[parameters + 1], 63), body[parameters + 2] & 15
    for component in body[1:parameters:2]:
        if component in walk.precision:
            walk.precision[component][first : last + 1] = low


def _warning_patches(walk: _Walk, marker: int, body: Data, at: int) -> tuple[tuple[int, bytes], ...]:
    """Patches of harmless oddities of which libjpeg would warn first. at: offset of the segment's body."""
    if marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) > 6 and body[5] != 1:
        return ((at + 5, b"\1\1"),)
    if marker == 0xE2 and body[:12] == b"ICC_PROFILE\0":
        return ((at, b"icc"),)  # read here; libjpeg refuses pictures for what is wrong with it
    if marker == _APP14 and body[:5] == b"Adobe" and len(body) >= 12 and body[11] > 2:
        return ((at + 11, b"\1" if len(walk.precision) != 4 else b"\2"),)
    if marker == _SOS and body and not walk.progressive and len(body) >= 4 + 2 * body[0]:
        return ((at + 1 + 2 * body[0], b"\0\x3f\0"),) if body[1 + 2 * body[0] :][:3] != b"\0\x3f\0" else ()
    return ()


def _header(walk: _Walk, data: Data) -> Header:
    if not walk.precision:
        if not walk.ended:
            raise truncated(NAME, data, f"with {NO_END}")
        raise damaged(NAME, "no picture before the end marker")
    _check_scans(walk, data)
    profile = b"".join(walk.profile[key] for key in sorted(walk.profile))
    coarse = max(int(low.max()) for low in walk.precision.values())
    return Header(
        NAME,
        walk.width,
        walk.height,
        orientation=walk.exif.orientation,
        exif=walk.exif.shooting_data,
        decoder="simplejpeg",
        patches=walk.patches,
        data_end=walk.end if walk.scans == 1 and not walk.progressive else 0,
        cmyk=len(walk.precision) == 4,
        profile=profile,
        colour="Adobe RGB (named in EXIF)" if walk.exif.adobe_rgb and not profile else "",
        remarks=(
            *(() if walk.ended else (NO_END,)),
            *((f"partly damaged: the last {coarse} bits of some coefficients are missing",) if coarse else ()),
        ),
    )


def _check_scans(walk: _Walk, data: Data) -> None:
    """Raise ImageError if a component lacks coefficients, as after the first scans of a progressive file."""
    unscanned = sum(bool((low < 0).all()) for low in walk.precision.values())
    absent = max(int((low < 0).sum()) for low in walk.precision.values())
    if absent and not walk.ended:
        raise truncated(NAME, data, f"inside the scan data, {NO_END}")
    if unscanned:
        raise damaged(NAME, f"no scan data for {unscanned} of {len(walk.precision)} components")
    if absent:
        raise ImageError(f"truncated {NAME}: its scans hold {64 - absent} of 64 coefficients")
