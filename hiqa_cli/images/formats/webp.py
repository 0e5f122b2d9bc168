"""WebP: header and RIFF chunk sizes (RFC 9649); Pillow decodes it, but does not report zeroed data."""

from __future__ import annotations

from hiqa_cli.images.exif import Exif, read_exif
from hiqa_cli.images.header import Data, Header, damaged, longest_zero_run, number, refuse_zeros, truncated

NAME = "WebP"


def read_webp(data: Data) -> Header:
    """Parse the RIFF chunks; bytes after the RIFF form are ignored."""
    riff_end = 8 + number(data, 4, 4, NAME, little=True)
    if riff_end > len(data):
        raise truncated(NAME, data, f"where the header states {riff_end:,}")
    size: tuple[int, int] | None = None
    alpha = extended = False
    frames, profile, exif, at = 0, b"", Exif(), 12
    payloads: list[tuple[bytes, int, int]] = []
    while at + 8 <= riff_end:
        kind = bytes(data[at : at + 4])
        start, length = at + 8, number(data, at + 4, 4, NAME, little=True)
        if start + length > riff_end:
            raise truncated(NAME, data, f"inside the chunk {_text(kind)}")
        if kind == b"VP8X":
            flags = number(data, start, 1, NAME)
            alpha, extended = bool(flags & 0x10), True
            size = (_three(data, start + 4) + 1, _three(data, start + 7) + 1)
        elif kind in (b"VP8 ", b"VP8L"):
            frames += 1
            payloads.append((kind, start, start + length))
            found, has_alpha = _lossy(data, start) if kind == b"VP8 " else _lossless(data, start)
            size = size or found
            alpha = alpha or (has_alpha and not extended)
        elif kind == b"ANMF":
            frames += 1
            if frames == 1:
                payloads.append((b"VP8 ", start, start + length))
        elif kind == b"ICCP" and not profile:
            profile = bytes(data[start : start + length])
        elif kind == b"EXIF":
            exif = read_exif(data[start : start + length])
        at = start + length + (length & 1)
    if size is None or not frames:
        raise damaged(NAME, "no picture data")
    for kind, start, end in payloads:
        # Pictures of one colour have shorter runs; without back-references, a lossless one may spend a bit on a pixel.
        refuse_zeros(NAME, data, start, end, longest_zero_run(*size, 4096 if kind == b"VP8 " else 64))
    return Header(
        NAME,
        *size,
        frames=frames,
        orientation=exif.orientation,
        exif=exif.shooting_data,
        alpha=alpha,
        profile=profile,
    )


def _lossy(data: Data, at: int) -> tuple[tuple[int, int], bool]:
    """A VP8 key frame: three bytes, the start code 9d 01 2a, 14 bits each of width and height."""
    if data[at + 3 : at + 6] != b"\x9d\x01\x2a":
        raise damaged(NAME, "no key frame")
    width = number(data, at + 6, 2, NAME, little=True) & 0x3FFF
    height = number(data, at + 8, 2, NAME, little=True) & 0x3FFF
    return (width, height), False


def _lossless(data: Data, at: int) -> tuple[tuple[int, int], bool]:
    """A VP8L stream: signature 2f, 14 bits each of width and height minus one, one bit alpha."""
    if data[at : at + 1] != b"\x2f":
        raise damaged(NAME, "no lossless picture")
    bits = number(data, at + 1, 4, NAME, little=True)
    return ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1), bool(bits >> 28 & 1)


def _three(data: Data, at: int) -> int:
    return number(data, at, 3, NAME, little=True)


def _text(kind: bytes) -> str:
    return ascii(kind.decode("latin-1")).strip("'").strip()
