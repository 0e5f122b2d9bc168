"""JPEG 2000: JP2 boxes, and the codestream's tile-parts up to its end (ITU-T T.800, annexes A and I).

Pillow decodes up to 8 bits per sample, and grey up to 16; OpenCV the rest. OpenJPEG inside both takes a zero byte for
an empty packet, and so does not report zeroed data.
"""

from __future__ import annotations

from dataclasses import replace

from hiqa_cli.images.header import (
    EXTRA_CHANNEL_IGNORED,
    Data,
    Header,
    boxes,
    damaged,
    number,
    refuse_zeros,
    truncated,
    unpack,
    unsupported,
)

NAME = "JPEG 2000"
_CMYK = 12
_SPACES = {14: "CIELab"}
_SOT, _COD, _EOC = 0xFF90, 0xFF52, b"\xff\xd9"


def read_jp2(data: Data) -> Header:
    """Parse a JP2 file: the first codestream, with the colours of its header boxes."""
    alpha = premultiplied = cmyk = False
    profile = b""
    for kind, start, end in boxes(data, 0, len(data), NAME):
        if kind == b"jp2h":
            for inner, at, stop in boxes(data, start, end, NAME):
                if inner == b"colr" and not profile:
                    profile = _profile(data, at, stop)
                    cmyk = cmyk or (number(data, at, 1, NAME) == 1 and number(data, at + 3, 4, NAME) == _CMYK)
                elif inner == b"cdef":
                    kinds = _channel_kinds(data, at)
                    alpha, premultiplied = bool({1, 2} & kinds), 2 in kinds
        elif kind == b"jp2c":
            # Anything after the picture is ignored.
            header = _codestream(data, start, end, alpha, premultiplied, profile)
            if not cmyk:
                return header
            if header.decoder != "Pillow" or header.alpha or not header.remarks:
                unsupported("JPEG 2000 in CMYK with more than 8 bits or other than four channels")
            return replace(header, cmyk=True, remarks=())
    raise truncated(NAME, data, "before the picture data (jp2c box)")


def read_j2k(data: Data) -> Header:
    """Parse a raw codestream."""
    return _codestream(data, 0, len(data), False, False, b"")


def _profile(data: Data, at: int, end: int) -> bytes:
    method = number(data, at, 1, NAME)
    if method in (2, 3):
        return bytes(data[at + 3 : end])
    if method != 1:
        return b""
    code = number(data, at + 3, 4, NAME)
    if code not in (_CMYK, 16, 17, 18):
        unsupported(f"JPEG 2000 in {_SPACES.get(code, f'colour space {code}')}")
    return b""


def _channel_kinds(data: Data, at: int) -> set[int]:
    count = number(data, at, 2, NAME)
    return {number(data, at + 2 + 6 * index + 2, 2, NAME) for index in range(count)}


def _codestream(data: Data, at: int, end: int, alpha: bool, premultiplied: bool, profile: bytes) -> Header:
    if data[at : at + 4] != b"\xff\x4f\xff\x51":
        raise damaged(NAME, "no codestream at its start")
    right, bottom, left, top, tile_w, tile_h, tile_x, tile_y, count = unpack(">8IH", data, at + 8, NAME)
    if right <= left or bottom <= top or not tile_w or not tile_h or not count:
        raise damaged(NAME, f"{right - left} x {bottom - top} px")
    components = [unpack(">3B", data, at + 42 + 3 * index, NAME) for index in range(count)]
    bits = _bit_depth(components)
    # OpenCV cannot decode deep grey pictures; Pillow shifts their samples up to 16 bits.
    deep_grey = bits > 8 and count == 1
    deep = bits > 8 and not deep_grey
    width = 16 if deep_grey else 8
    tiles = -(-(right - tile_x) // tile_w) * -(-(bottom - tile_y) // tile_h)
    _walk_tiles(data, at + 2, end, tiles, (min(tile_w, right - left), min(tile_h, bottom - top)), count)
    return Header(
        NAME,
        right - left,
        bottom - top,
        decoder="OpenCV" if deep else "Pillow",
        alpha=alpha and count in (2, 4),
        premultiplied=premultiplied,
        full_scale=None if bits in (8, 16) else 2**bits - 1 if deep else (2**bits - 1) << (width - bits),
        profile=profile,
        remarks=(EXTRA_CHANNEL_IGNORED,) if count in (2, 4) and not alpha else (),
    )


def _bit_depth(components: list[tuple[int, ...]]) -> int:
    """Bits per sample; refuses, by name, what the decoders cannot read."""
    if len(components) not in (1, 2, 3, 4):
        unsupported(f"JPEG 2000 with {len(components)} channels")
    depths = {depth for depth, _, _ in components}
    if len(depths) > 1:
        unsupported("JPEG 2000 with channels of different depth")
    (depth,) = depths
    if depth & 0x80:
        unsupported("JPEG 2000 with signed samples")
    bits = (depth & 0x7F) + 1
    if bits > 16:
        unsupported(f"{bits}-bit JPEG 2000")
    if bits > 8 and len(components) == 2:
        unsupported(f"{bits}-bit JPEG 2000 with 2 channels")
    if bits > 8 and any((across, down) != (1, 1) for _, across, down in components):
        unsupported(f"{bits}-bit JPEG 2000 with subsampled channels")
    return bits


def _walk_tiles(data: Data, at: int, end: int, tiles: int, size: tuple[int, int], components: int) -> None:
    """Parse from after SOC, through the main header and every tile-part, up to the end marker EOC.

    size: of a tile.
    """
    found: set[int] = set()
    packets = 0
    while True:
        if at + 2 > end:
            raise truncated(NAME, data, f"after {len(found)} of {tiles} tiles, no end marker")
        if data[at : at + 2] == _EOC:
            break
        marker, length = number(data, at, 2, NAME), number(data, at + 2, 2, NAME)
        if marker < 0xFF00 or length < 2:
            raise damaged(NAME, f"no marker at byte {at:,}")
        if marker == _SOT:
            tile, stated = unpack(">HI", data, at + 4, NAME)
            found.add(tile)
            # 0: the last tile-part, up to EOC, which cannot occur inside packet data.
            length = stated if stated else data.find(_EOC, at, end) - at
            if length < 14 or at + length > end:
                raise truncated(NAME, data, f"inside tile {tile + 1} of {tiles}, no end marker")
            if packets:
                refuse_zeros(NAME, data, at, at + length, 64 + packets)
            at += length
        else:
            if marker == _COD:
                packets = _packets(data, at, size, components)
            at += 2 + length
    if len(found) < tiles:
        raise damaged(NAME, f"{len(found)} of {tiles} tiles")


def _packets(data: Data, at: int, size: tuple[int, int], components: int) -> int:
    """The most packets in a tile, by the COD marker at `at`: one for each layer, component, resolution and precinct."""
    style, _, layers, _, levels = unpack(">BBHBB", data, at + 4, NAME)
    precincts = 0
    for resolution in range(levels + 1):
        exponents = data[at + 14 + resolution] if style & 1 and at + 14 + resolution < len(data) else 0xFF
        across, down = (
            (side >> (levels - resolution)) // 2**exponent + 2
            for side, exponent in zip(size, (exponents & 15, exponents >> 4), strict=True)
        )
        precincts += across * down
    return layers * components * precincts
