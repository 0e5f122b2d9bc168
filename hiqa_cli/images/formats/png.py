"""PNG: header and every chunk up to IEND, with the CRC of the critical ones (ISO/IEC 15948).

Pillow decodes up to 8 bits, OpenCV 16. Neither gets ancillary chunks: decoders limit texts, prefer animations and warn
of broken metadata. Neither reports compressed data that end before the last row.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from hiqa_cli.images.exif import read_exif
from hiqa_cli.images.header import Data, Header, damaged, truncated
from hiqa_cli.images.icc_profile import cicp_name

NAME = "PNG"
STILL = "still picture of an animated file"
_CHECKED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_KEPT = frozenset({b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL", b"cICP", b"gAMA", b"sRGB"})
_LARGEST_PROFILE = 4 * 2**20  # bytes; real ones have at most about 2 MiB
_DECODED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: left, top, step across, step down of each pass.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_INFLATED_AT_ONCE = 2**22  # bytes
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@dataclass
class _Walk:
    """What was found up to IEND. kept: type -> content of the first sound chunk of each type in _KEPT."""

    ihdr: bytes = b""
    kept: dict[bytes, bytes] = field(default_factory=dict)
    has_data: bool = False
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
                raise truncated(NAME, data, f"inside the chunk {kind.decode()}, no end chunk IEND")
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
        decoder="OpenCV" if bits == 16 else "Pillow",
        interlaced=bool(walk.ihdr[12]),
        remarks=(STILL,) if frames > 1 and not walk.shares_first_frame else (),
        orientation=exif.orientation,
        exif=exif.shooting_data,
        alpha=colour_type in (4, 6) or (colour_type in (2, 3) and bool(transparent)),
        key=_grey_key(transparent, bits) if colour_type == 0 else None,
        profile=profile,
        colour="" if profile else _colour(walk.kept),
    )


def _chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end (length and CRC included) of the chunks of an accepted file."""
    at, kind = 8, b""
    while kind != b"IEND":
        kind = bytes(data[at + 4 : at + 8])
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        yield kind, at, end
        at = end


def without_ancillary_chunks(data: Data) -> bytes:
    """The file with no chunks but those that its pixels depend on."""
    with memoryview(data) as view:
        kept = [view[start:end] for kind, start, end in _chunks(data) if kind in _DECODED]
        return b"".join([view[:8], *kept])


def check_rows(data: Data) -> None:
    """Inflate the picture data; raise ImageError if they lack rows or hold an unknown filter."""
    width, height, bits, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    strides: list[tuple[int, int]] = []  # rows and bytes per row of each pass
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            strides.append((rows, 1 + (columns * bits * _SAMPLES[colour_type] + 7) // 8))
    starts = np.concatenate([np.full(rows, stride) for rows, stride in strides]).cumsum()
    filters, expected = np.concatenate([[0], starts[:-1]]), int(starts[-1])
    done, stream = 0, zlib.decompressobj()
    with memoryview(data) as view:
        for kind, start, end in _chunks(data):
            rest: memoryview | bytes = view[start + 8 : end - 4] if kind == b"IDAT" else b""
            while rest and done < expected:
                try:
                    part = np.frombuffer(stream.decompress(rest, _INFLATED_AT_ONCE), np.uint8)
                except zlib.error:
                    raise damaged(NAME, f"compressed data at byte {start:,} do not inflate") from None
                here = filters[np.searchsorted(filters, done) : np.searchsorted(filters, done + len(part))]
                if (part[here - done] > 4).any():
                    raise damaged(NAME, "a row with an unknown filter")
                done += len(part)
                rest = b"" if stream.eof else stream.unconsumed_tail
    if done < expected:
        raise damaged(NAME, f"{done:,} bytes of pixels where the size needs {expected:,}")


def _grey_key(transparent: bytes, bits: int) -> int | None:
    """The sample value in tRNS of a grey PNG, as decoders return it: 1, 2 and 4 bits scaled to 0..255."""
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
