"""Small files on which image readers fall short, put together by hand: bit fields, grids, lost blocks."""

from __future__ import annotations

import struct

import cv2
import numpy as np

from support.sample_images import bmp, encode


def zeroed(data: bytes, start: float, end: float) -> bytes:
    """The file with zeros from one share of its length to another."""
    first, last = int(len(data) * start), int(len(data) * end)
    return data[:first] + bytes(last - first) + data[last:]


def bit_fields(photo: np.ndarray, masks: tuple[int, int, int], bits: int = 32) -> bytes:
    """A BMP of 16 or 32 bits with a header of 40 bytes, followed by its masks."""
    stored = np.zeros(photo.shape[:2], np.uint32)
    for channel, mask in enumerate(masks):
        shift = (mask & -mask).bit_length() - 1
        values = (photo[..., channel].astype(np.uint64) * (mask >> shift) + 127) // 255
        stored |= (values << shift).astype(np.uint32)
    rows = stored.astype("<u2" if bits == 16 else "<u4").tobytes()
    return bmp(
        (photo.shape[1], -photo.shape[0]), bits, rows, compression=3, header=40, palette=struct.pack("<3I", *masks)
    )


def gif(frames: list[tuple[np.ndarray, int | None]], width: int, height: int, at: tuple[int, int] = (0, 0)) -> bytes:
    """Frames of palette indices 0..127 (uncompressed) with their transparent index, on a screen of width x height."""
    palette = bytes(value for index in range(128) for value in (index * 37 & 255, index * 91 & 255, index * 53 & 255))
    parts = [b"GIF89a", struct.pack("<HHBBB", width, height, 0xF6, 0, 0), palette]
    for indices, clear in frames:
        flags = 0x04 | (clear is not None)
        parts.append(b"\x21\xf9\x04" + bytes([flags]) + b"\x0a\x00" + bytes([clear or 0, 0]))
        size = struct.pack("<HHHHB", *at, indices.shape[1], indices.shape[0], 0)
        parts.append(b"\x2c" + size + _uncompressed_lzw(indices.ravel().tolist()))
    return b"".join(parts) + b";"


def _uncompressed_lzw(indices: list[int]) -> bytes:
    codes = []
    for number, index in enumerate(indices):
        if number % 120 == 0:
            codes.append(128)  # clears the table before codes grow to nine bits
        codes.append(index)
    packed = bytes([*codes, 129])
    blocks = [packed[at : at + 255] for at in range(0, len(packed), 255)]
    return b"\x07" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def exif_behind(data: bytes) -> bytes:
    """The AVIF with its second item (Exif) moved behind the picture data, as camera software writes it."""
    own = bytearray(data)
    at = own.find(b"iloc")
    (count,) = struct.unpack_from(">H", own, at + 10)
    at += 12
    for _ in range(count):
        item, _, _, start, length = struct.unpack_from(">HHHII", own, at)
        if item == 2:
            struct.pack_into(">I", own, at + 6, len(own) + 8)
            own += struct.pack(">I", 8 + length) + b"mdat" + own[start : start + length]
        at += 14
    return bytes(own)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)


def avif_grid(left: np.ndarray, right: np.ndarray, bits: int) -> bytes:
    """An AVIF whose primary item is a grid of two tiles of equal size."""
    height, width = left.shape[:2]
    settings = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95, cv2.IMWRITE_AVIF_SPEED, 10]
    files = [encode(tile, ".avif", *settings) for tile in (left, right)]

    def found(kind: bytes, data: bytes) -> bytes:
        at = data.find(kind) - 4
        return data[at : at + struct.unpack_from(">I", data, at)[0]]

    coded = [found(b"mdat", data)[8:] for data in files]
    grid = struct.pack(">BBBBHH", 0, 0, 0, 1, 2 * width, height)
    properties = _box(
        b"ipco",
        _full_box(b"ispe", 0, 0, struct.pack(">II", width, height)),
        found(b"av1C", files[0]),
        found(b"pixi", files[0]),
        found(b"colr", files[0]),
        _full_box(b"ispe", 0, 0, struct.pack(">II", 2 * width, height)),
    )
    owners = [(1, bytes([5, 3, 4])), (2, bytes([1, 0x82, 3, 4])), (3, bytes([1, 0x82, 3, 4]))]
    ipma = _full_box(b"ipma", 0, 0, struct.pack(">I", 3), *(struct.pack(">HB", n, len(p)) + p for n, p in owners))
    items = ((1, b"grid", 0), (2, b"av01", 1), (3, b"av01", 1))
    entries = [_full_box(b"infe", 2, flag, struct.pack(">HH", n, 0), kind, b"\0") for n, kind, flag in items]

    def meta(start: int) -> bytes:
        places = b""
        for number, body in enumerate((grid, *coded), 1):
            places += struct.pack(">HHHII", number, 0, 1, start, len(body))
            start += len(body)
        return _full_box(
            b"meta",
            0,
            0,
            _full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
            _full_box(b"pitm", 0, 0, struct.pack(">H", 1)),
            _full_box(b"iloc", 0, 0, struct.pack(">BBH", 0x44, 0, 3), places),
            _full_box(b"iinf", 0, 0, struct.pack(">H", 3), *entries),
            _full_box(b"iref", 0, 0, _box(b"dimg", struct.pack(">HHHH", 1, 2, 2, 3))),
            _box(b"iprp", properties, ipma),
        )

    head = _box(b"ftyp", b"avif", bytes(4), b"avifmif1miafMA1A")
    return head + meta(len(head) + len(meta(0)) + 8) + _box(b"mdat", grid, *coded)
