"""The compressed data of a TIFF's strips and tiles, checked before a decoder sees them (TIFF 6.0, sections 9, 13, 22).

libtiff inside Pillow prints what is wrong on standard error, fills missing data with black, and reads no checksums.
Fax, Zstandard and WebP data are not checked: damage inside them shows only where libtiff reports it.
"""

from __future__ import annotations

import functools
import lzma
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from hiqa_cli.errors import ImageError
from hiqa_cli.images.header import damaged

from .jpeg import decode_jpeg, read_jpeg

NAME = "TIFF"
LZW, JPEG, DEFLATE, PACKBITS, LZMA = 5, 7, (8, 32946), 32773, 34925
_AT_ONCE = 2**22  # bytes
_CLEAR, _END, _FIRST = 256, 257, 258  # LZW: two special codes, and the first code of the table
_MOST_CODES = 4096 + 1024 - _FIRST  # between two clear codes: a full table, and 1024 more that libtiff forgives


class Missing(Exception):
    """The data do not decode, or to too few bytes; the argument says which."""


def check_data(parts: Sequence[memoryview], needed: Sequence[int | None], compression: int, tables: bytes) -> list[str]:
    """Check the data of each strip or tile; returns notes on damage that leaves no pixel undefined.

    needed: bytes that each has to decode to, None if unknown. tables: of JPEG data. Raises ImageError.
    """
    if compression == JPEG:
        return _check_jpeg(parts, tables)
    check: Callable[[memoryview, int | None], None] | None = {
        LZW: _check_lzw,
        PACKBITS: _check_packbits,
        LZMA: _check_lzma,
        **dict.fromkeys(DEFLATE, _check_deflate),
    }.get(compression)
    for place, (part, need) in enumerate(zip(parts, needed, strict=True) if check else ()):
        if not part.nbytes:
            continue  # a sparse tile
        try:
            assert check is not None
            check(part, need)
        except Missing as reason:
            raise damaged(NAME, f"the data of strip or tile {place + 1:,} of {len(parts):,} {reason}") from None
    return []


def _check_amount(found: int, need: int | None) -> None:
    if need is not None and found < need:
        raise Missing(f"decode to {found:,} bytes, and {need:,} are needed")


def _check_deflate(part: memoryview, need: int | None) -> None:
    """Inflate to the end: libtiff stops after the last row and never reads the checksum."""
    stream, count = zlib.decompressobj(), 0
    rest: memoryview | bytes = part
    try:
        while rest and not stream.eof:
            count += len(stream.decompress(rest, _AT_ONCE))
            rest = stream.unconsumed_tail
    except zlib.error:
        raise Missing("do not inflate") from None
    if not stream.eof:
        raise Missing("end too soon")
    _check_amount(count, need)


def _check_lzma(part: memoryview, need: int | None) -> None:
    stream, count = lzma.LZMADecompressor(lzma.FORMAT_XZ), 0
    try:
        count += len(stream.decompress(part, _AT_ONCE))
        while not stream.eof and not stream.needs_input:
            count += len(stream.decompress(b"", _AT_ONCE))
    except lzma.LZMAError:
        raise Missing("do not decompress") from None
    if not stream.eof and need is None:
        raise Missing("end too soon")
    _check_amount(count, need)


def _check_packbits(part: memoryview, need: int | None) -> None:
    """Walk over the runs, whose first byte is their length."""
    at, count, end = 0, 0, len(part)
    enough = need if need is not None else 2**63
    while at < end and count < enough:
        head = part[at]
        if head < 128:
            count += min(head + 1, end - at - 1)
            at += head + 2
        elif head > 128:
            count += 257 - head if at + 1 < end else 0
            at += 2
        else:
            at += 1
    _check_amount(count, need)


def _check_jpeg(parts: Sequence[memoryview], tables: bytes) -> list[str]:
    """Every strip or tile is a JPEG file without the tables that all share."""
    shared = tables[2:-2] if tables[:2] == b"\xff\xd8" else b""
    notes: list[str] = []
    for part in parts:
        if not part.nbytes:
            continue
        whole = bytes(part[:2]) + shared + bytes(part[2:])
        try:
            _, found = decode_jpeg(whole, read_jpeg(whole))
        except ImageError as error:
            raise ImageError(f"{NAME} with JPEG data: {error.message}", error.hint) from None
        notes += [note for note in found if note not in notes]
    return notes


@functools.cache
def _layout() -> tuple[np.ndarray, np.ndarray]:
    """Bits before and in each code behind a clear code."""
    # The width grows one code earlier than it must (TIFF 6.0, page 60).
    place = np.arange(_MOST_CODES)
    widths = 9 + (place >= 254).astype(np.int64) + (place >= 766) + (place >= 1790)
    return np.cumsum(widths) - widths, widths


def _check_lzw(part: memoryview, need: int | None) -> None:
    """Follow the codes from clear code to clear code, all of a stretch at once, and add up how much they stand for."""
    if len(part) > 1 and part[0] == 0 and part[1] & 1:
        return  # the other bit order of old writers, which libtiff knows
    padded = np.zeros(len(part) + 4, np.uint8)
    padded[: len(part)] = part
    before, widths = _layout()
    bits, at, count = 8 * len(part), 0, 0
    while need is None or count < need:
        fitting = int(np.searchsorted(before + widths, bits - at, "right"))
        if not fitting:
            break
        places = at + before[:fitting]
        first = places >> 3
        words = padded[first].astype(np.int64)
        for offset in (1, 2):
            words = (words << 8) | padded[first + offset]
        width = widths[:fitting]
        codes = (words >> (24 - width - (places & 7))) & ((1 << width) - 1)
        special = np.flatnonzero((codes == _CLEAR) | (codes == _END))
        length = int(special[0]) if len(special) else fitting
        count += _bytes_of(codes[:length])
        if not len(special):
            if fitting == _MOST_CODES:
                raise Missing(f"have no clear code within {_MOST_CODES:,} codes")
            break
        if codes[length] == _END:
            break
        at = int(places[length] + width[length])
    _check_amount(count, need)


def _bytes_of(codes: np.ndarray) -> int:
    """Number of bytes that LZW codes behind a clear code stand for."""
    wrong = codes >= _FIRST + np.arange(len(codes))
    if wrong.any():
        # Where the string that a code stands for is not known yet, nothing can be decoded.
        raise Missing(f"have an impossible code ({int(codes[wrong.argmax()])})")
    # Code number n adds the string of its own and the next one's first byte to the table, at place n.
    lengths = np.ones(len(codes), np.int64)
    parent = codes - _FIRST
    open_ends = np.flatnonzero(parent >= 0)
    while len(open_ends):
        above = parent[open_ends]
        lengths[open_ends] += lengths[above]
        parent[open_ends] = parent[above]
        open_ends = open_ends[parent[open_ends] >= 0]
    return int(lengths.sum())
