"""JPEG 2000: the JP2 boxes, and a walk over the codestream's tile-parts to its end (ITU-T T.800, A
and I)."""

from __future__ import annotations

from hiqa_cli.images.header import DROPPED, Data, Header, damaged, number, truncated, unpack, unsupported

from .avif import boxes

NAME = "JPEG 2000"
_SPACES = {12: "CMYK", 14: "CIELab", 18: "sYCC"}
_SOT, _EOC = 0xFF90, b"\xff\xd9"


def read_jp2(data: Data) -> Header:
    """A JP2 file: the first codestream, with what its header boxes say of colours."""
    alpha = premultiplied = False
    profile = b""
    for kind, start, end in boxes(data, 0, len(data), NAME):
        if kind == b"jp2h":
            for inner, at, stop in boxes(data, start, end, NAME):
                if inner == b"colr" and not profile:
                    profile = _profile(data, at, stop)
                elif inner == b"cdef":
                    kinds = _channel_kinds(data, at)
                    alpha, premultiplied = bool({1, 2} & kinds), 2 in kinds
        elif kind == b"jp2c":
            # Whatever stands behind the picture is no fault.
            return _codestream(data, start, end, alpha, premultiplied, profile)
    raise truncated(NAME, data, "before the picture data (jp2c box)")


def read_j2k(data: Data) -> Header:
    """A raw codestream."""
    return _codestream(data, 0, len(data), False, False, b"")


def _profile(data: Data, at: int, end: int) -> bytes:
    method = number(data, at, 1, NAME)
    if method in (2, 3):
        return bytes(data[at + 3 : end])
    if method != 1:
        return b""
    code = number(data, at + 3, 4, NAME)
    if code not in (16, 17):  # OpenCV gets the colours of sYCC (18) wrong, and knows no others
        unsupported(f"JPEG 2000 in {_SPACES.get(code, f'colour space {code}')}")
    return b""


def _channel_kinds(data: Data, at: int) -> set[int]:
    count = number(data, at, 2, NAME)
    return {number(data, at + 2 + 6 * index + 2, 2, NAME) for index in range(count)}


def _codestream(data: Data, at: int, end: int, alpha: bool, premultiplied: bool, profile: bytes) -> Header:
    if data[at : at + 4] != b"\xff\x4f\xff\x51":
        raise damaged(NAME, "no codestream where one should begin")
    right, bottom, left, top, tile_w, tile_h, tile_x, tile_y, count = unpack(">8IH", data, at + 8, NAME)
    if right <= left or bottom <= top or not tile_w or not tile_h or not count:
        raise damaged(NAME, f"{right - left} x {bottom - top} px")
    components = [unpack(">3B", data, at + 42 + 3 * index, NAME) for index in range(count)]
    bits = _judge(components)
    tiles = -(-(right - tile_x) // tile_w) * -(-(bottom - tile_y) // tile_h)
    _walk_tiles(data, at + 2, end, tiles)
    return Header(
        NAME,
        right - left,
        bottom - top,
        alpha=alpha and count == 4,
        premultiplied=premultiplied,
        full_scale=2**bits - 1 if bits not in (8, 16) else None,
        profile=profile,
        remarks=(DROPPED,) if count == 4 and not alpha else (),
    )


def _judge(components: list[tuple[int, ...]]) -> int:
    """Bits a sample; refuses by name what OpenCV cannot read."""
    if len(components) not in (1, 3, 4):
        unsupported(f"JPEG 2000 with {len(components)} channels")
    depths = {depth for depth, _, _ in components}
    if len(depths) > 1:
        unsupported("JPEG 2000 with channels of different depth")
    if any((across, down) != (1, 1) for _, across, down in components):
        unsupported("JPEG 2000 with subsampled channels")
    (depth,) = depths
    if depth & 0x80:
        unsupported("JPEG 2000 with signed samples")
    bits = (depth & 0x7F) + 1
    if bits > 16:
        unsupported(f"{bits}-bit JPEG 2000")
    return bits


def _walk_tiles(data: Data, at: int, end: int, tiles: int) -> None:
    """From behind SOC over the main header's segments and every tile-part to the end marker EOC."""
    seen: set[int] = set()
    while True:
        if at + 2 > end:
            raise truncated(NAME, data, f"after {len(seen)} of {tiles} tiles, no end marker")
        if data[at : at + 2] == _EOC:
            break
        marker, length = number(data, at, 2, NAME), number(data, at + 2, 2, NAME)
        if marker < 0xFF00 or length < 2:
            raise damaged(NAME, f"no marker at byte {at:,}")
        if marker == _SOT:
            tile, size = unpack(">HI", data, at + 4, NAME)
            seen.add(tile)
            # 0: the last tile-part, up to EOC, which cannot occur inside packet data.
            length = size if size else data.find(_EOC, at, end) - at
            if length < 14 or at + length > end:
                raise truncated(NAME, data, f"inside tile {tile + 1} of {tiles}, no end marker")
            at += length
        else:
            at += 2 + length
    if len(seen) < tiles:
        raise damaged(NAME, f"{len(seen)} of {tiles} tiles")
