"""PNG: header and every chunk up to IEND, with the CRC of the critical ones (ISO/IEC 15948)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from hiqa_cli.images.exif import read_exif
from hiqa_cli.images.header import Data, Header, damaged, truncated
from hiqa_cli.images.icc_profile import cicp_name

NAME = "PNG"
STILL = "still picture of an animated file"
_CHECKED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_KEPT = frozenset({b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL", b"cICP", b"gAMA", b"sRGB"})
_LARGEST_PROFILE = 4 * 2**20  # bytes; real ones have at most about 2 MiB
_IGNORED = b"hqAn"  # a private, ancillary chunk
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@dataclass
class _Walk:
    ihdr: bytes = b""
    kept: dict[bytes, bytes] = field(default_factory=dict)
    has_data: bool = False
    animation: int = 0  # offset of the acTL chunk
    shares_first_frame: bool = False  # the picture data are the animation's first frame


def read_png(data: Data) -> Header:
    """Parse the file up to IEND; bytes after it are ignored."""
    walk, at = _Walk(), 8
    with memoryview(data) as view:
        while True:
            if at + 12 > len(data):
                raise truncated(NAME, data, "before the end chunk IEND")
            (length,) = struct.unpack_from(">I", data, at)
            kind = bytes(data[at + 4 : at + 8])
            if length > 2**31 - 1 or not kind.isalpha():
                raise damaged(NAME, f"no chunk at byte {at:,}")
            end = at + 12 + length
            if end > len(data):
                raise truncated(NAME, data, f"inside a {kind.decode()} chunk, no end chunk IEND")
            sound = True
            if kind in _CHECKED or kind in _KEPT:
                (stated,) = struct.unpack_from(">I", data, end - 4)
                sound = zlib.crc32(view[at + 4 : end - 4]) == stated
            if kind in _CHECKED and not sound:
                raise damaged(NAME, f"wrong checksum of the {kind.decode()} chunk at byte {at:,}")
            if kind == b"IEND":
                break
            _take_chunk(walk, kind, data, at + 8, end - 4, sound)
            at = end
    return _header(walk)


def _take_chunk(walk: _Walk, kind: bytes, data: Data, start: int, end: int, sound: bool) -> None:
    if kind == b"IHDR" and not walk.ihdr:
        walk.ihdr = bytes(data[start:end])
        if len(walk.ihdr) != 13:
            raise damaged(NAME, f"header of {len(walk.ihdr)} bytes, expected 13")
    elif not walk.ihdr:
        raise damaged(NAME, "its first chunk is not IHDR")
    elif kind == b"IDAT":
        walk.has_data = True
    elif kind == b"fcTL" and not walk.has_data:
        walk.shares_first_frame = True
    elif kind in _KEPT and sound:
        walk.kept.setdefault(kind, bytes(data[start:end]))
        if kind == b"acTL" and not walk.animation:
            walk.animation = start - 4


def _header(walk: _Walk) -> Header:
    if not walk.ihdr or not walk.has_data:
        raise damaged(NAME, "no picture data before the end chunk")
    width, height, bits, colour_type = struct.unpack(">IIBB", walk.ihdr[:10])
    if not (0 < width < 2**31 and 0 < height < 2**31) or bits not in _DEPTHS.get(colour_type, ()):
        raise damaged(NAME, f"{width} x {height} px, colour type {colour_type}, {bits} bits")
    if colour_type == 3 and b"PLTE" not in walk.kept:
        raise damaged(NAME, "no palette")
    transparent = walk.kept.get(b"tRNS", b"")
    exif = read_exif(walk.kept.get(b"eXIf", b""))
    frames = max(1, int.from_bytes(walk.kept.get(b"acTL", b"")[:4], "big"))
    profile = _profile(walk.kept.get(b"iCCP", b""))
    return Header(
        NAME,
        width,
        height,
        frames=frames if walk.shares_first_frame else 1,
        patches=_without_animation(walk),
        remarks=(STILL,) if frames > 1 and not walk.shares_first_frame else (),
        orientation=exif.orientation,
        exif=exif.shooting_data,
        alpha=colour_type in (4, 6) or (colour_type in (2, 3) and bool(transparent)),
        key=_grey_key(transparent, bits) if colour_type == 0 else None,
        profile=profile,
        colour="" if profile else _colour(walk.kept),
    )


def _without_animation(walk: _Walk) -> tuple[tuple[int, bytes], ...]:
    """The patch that renames acTL (and corrects its CRC), so that any version of OpenCV decodes IDAT."""
    if not walk.animation:
        return ()
    body = _IGNORED + walk.kept[b"acTL"]
    return ((walk.animation, body + struct.pack(">I", zlib.crc32(body))),)


def _grey_key(transparent: bytes, bits: int) -> int | None:
    """The sample value in tRNS of a grey PNG, as OpenCV returns it: 1, 2 and 4 bits scaled to 0..255."""
    if len(transparent) != 2:
        return None
    value = int.from_bytes(transparent, "big") & (2**bits - 1)
    return value * 255 // (2**bits - 1) if bits < 8 else value


def _profile(chunk: bytes) -> bytes:
    """The profile of an iCCP chunk (name, NUL, method 0, zlib data), or nothing if it is broken."""
    _, separator, rest = chunk.partition(b"\0")
    if not separator:
        return b""
    try:
        return zlib.decompressobj().decompress(rest[1:], _LARGEST_PROFILE)
    except zlib.error:
        return b""


def _colour(kept: dict[bytes, bytes]) -> str:
    """The colour space by cICP or gAMA, in this order of precedence, or "" if it is sRGB."""
    if len(kept.get(b"cICP", b"")) == 4:
        return cicp_name(kept[b"cICP"][0], kept[b"cICP"][1])
    if b"sRGB" in kept or len(kept.get(b"gAMA", b"")) != 4:
        return ""
    gamma = int.from_bytes(kept[b"gAMA"], "big") / 100_000
    return "" if abs(gamma - 1 / 2.2) < 0.03 or not gamma else f"gamma {1 / gamma:.3g}"
