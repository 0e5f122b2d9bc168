"""Small image files for the tests, made here from seeded arrays: no file from anywhere else.

Files that no library writes (odd bit depths, forged chunks, BigTIFF) are put together by hand.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Literal

import cv2
import numpy as np
from PIL import Image


def photograph(width: int = 96, height: int = 64, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 RGB with the smooth shades, edges and grain of a photograph; no symmetry."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 236, (4, 5, 3)).astype(np.float32)
    shades = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    shades[height // 3 : height // 2, width // 4 : width // 2] += 40
    grain = rng.normal(0, 3, (height, width, 1)).astype(np.float32)
    return np.clip(shades + grain, 0, 255).round().astype(np.uint8)


def opacity(width: int = 96, height: int = 64) -> np.ndarray:
    """(H, W) uint8, clear on the left to opaque on the right."""
    return np.tile(np.linspace(0, 255, width).round().astype(np.uint8), (height, 1))


def encode(pixels: np.ndarray, suffix: str, *settings: int) -> bytes:
    """An RGB(A) or grey array as a file of the suffix's format, by OpenCV."""
    bgr = pixels
    if pixels.ndim == 3:
        order = [2, 1, 0] if pixels.shape[2] == 3 else [2, 1, 0, 3]
        bgr = np.ascontiguousarray(pixels[..., order])
    done, data = cv2.imencode(suffix, bgr, list(settings))
    assert done
    return data.tobytes()


def pillow(image: Image.Image | np.ndarray, kind: str, **settings: object) -> bytes:
    """An image as a file of the kind, by Pillow."""
    out = io.BytesIO()
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    picture.save(out, kind, **settings)
    return out.getvalue()


def frames(count: int = 3) -> list[Image.Image]:
    """Pictures that differ from each other."""
    return [Image.fromarray(photograph(seed=seed)) for seed in range(count)]


def exif_block(orientation: int, order: str = ">") -> bytes:
    """An EXIF block (TIFF structure) that holds an orientation only."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(order + "IH", 8, 1) + entry + bytes(4)


def exif_adobe_rgb() -> bytes:
    """An EXIF block as cameras set to Adobe RGB write it: interoperability index R03."""
    main = struct.pack(">HHHII", 1, 0x8769, 4, 1, 26) + bytes(4)
    inner = struct.pack(">HHHII", 1, 0xA005, 4, 1, 44) + bytes(4)
    interop = struct.pack(">HHHI4s", 1, 0x0001, 2, 4, b"R03\0") + bytes(4)
    return b"MM\0*" + struct.pack(">I", 8) + main + inner + interop


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def into_jpeg(data: bytes, *segments: bytes) -> bytes:
    """The JPEG with segments put behind its start marker."""
    return data[:2] + b"".join(segments) + data[2:]


def with_exif(data: bytes, orientation: int) -> bytes:
    return into_jpeg(data, jpeg_segment(0xE1, b"Exif\0\0" + exif_block(orientation)))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int,
    height: int,
    bits: int,
    colour_type: int,
    rows: bytes,
    *chunks: bytes,
    packed: bytes | None = None,
) -> bytes:
    """A PNG by hand; rows carry their filter bytes, chunks stand before the picture data.

    packed: compressed picture data to be used as they are, however wrong.
    """
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = zlib.compress(rows) if packed is None else packed
    parts = (png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", body), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def into_png(data: bytes, *chunks: bytes) -> bytes:
    """The PNG with chunks put behind its header chunk."""
    return data[:33] + b"".join(chunks) + data[33:]


def tiff(
    samples: np.ndarray | bytes,
    size: tuple[int, int],
    bits: Sequence[int] = (8, 8, 8),
    photometric: int = 2,
    *,
    order: Literal["<", ">"] = "<",
    big: bool = False,
    tags: Mapping[int, tuple[int, Sequence[int]]] | None = None,
) -> bytes:
    """A TIFF (or BigTIFF) of one strip by hand. tags: more of them, or other values: type (3, 4), values.

    samples: as they stand in the file; arrays are brought into the file's byte order.
    """
    if isinstance(samples, np.ndarray):
        samples = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    entries: dict[int, tuple[int, Sequence[int]]] = {
        256: (4, [size[0]]),
        257: (4, [size[1]]),
        258: (3, bits),
        259: (3, [1]),
        262: (3, [photometric]),
        273: (4, [0]),
        277: (3, [len(bits)]),
        278: (4, [size[1]]),
        279: (4, [len(samples)]),
        **(tags or {}),
    }
    offset, inline = ("Q", 8) if big else ("I", 4)
    first = 16 if big else 8
    after = first + (8 + 20 * len(entries) + 8 if big else 2 + 12 * len(entries) + 4)
    packed = {
        tag: struct.pack(order + {3: "H", 4: "I"}[kind] * len(values), *values)
        for tag, (kind, values) in entries.items()
    }
    start = after + sum(len(raw) for raw in packed.values() if len(raw) > inline)
    body = extra = b""
    for tag in sorted(entries):
        kind, values = entries[tag]
        raw = struct.pack(order + "I", start) if entries[tag][1] == [0] and tag == 273 else packed[tag]
        if len(raw) > inline:
            place = struct.pack(order + offset, after + len(extra))
            extra, raw = extra + raw, place
        body += struct.pack(order + "HH" + offset, tag, kind, len(values)) + raw.ljust(inline, b"\0")
    mark = b"II" if order == "<" else b"MM"
    if big:
        head = mark + struct.pack(order + "HHHQQ", 43, 8, 0, 16, len(entries))
    else:
        head = mark + struct.pack(order + "HIH", 42, 8, len(entries))
    return head + body + struct.pack(order + offset, 0) + extra + samples


def bmp(
    size: tuple[int, int],
    bits: int,
    rows: bytes,
    *,
    compression: int = 0,
    header: int = 40,
    masks: Sequence[int] = (),
    palette: bytes = b"",
) -> bytes:
    """A BMP by hand; a negative height means rows from the top down."""
    info = struct.pack("<IiiHHII", header, *size, 1, bits, compression, len(rows)) + bytes(16)
    info = (info + b"".join(struct.pack("<I", mask) for mask in masks)).ljust(header, b"\0")
    start = 14 + len(info) + len(palette)
    head = b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start)
    return head + info + palette + rows


def profile(
    name: str = "Display P3",
    colorants: Sequence[float] = (0.5151, 0.2412, -0.0011, 0.2920, 0.6922, 0.0419, 0.1571, 0.0666, 0.7841),
    gamma: float = 2.2,
    space: bytes = b"RGB ",
) -> bytes:
    """An ICC profile (version 2, matrix and curve, or grey) with the given name."""

    def xyz(values: Sequence[float]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    text = name.encode("ascii") + b"\0"
    desc = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    contents = {b"desc": desc, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz((0.9642, 1, 0.8249))}
    if space == b"GRAY":
        contents[b"kTRC"] = curve
    else:
        for index, letter in enumerate((b"r", b"g", b"b")):
            contents[letter + b"XYZ"] = xyz(colorants[3 * index : 3 * index + 3])
            contents[letter + b"TRC"] = curve
    at = 132 + 12 * len(contents)
    table, body = struct.pack(">I", len(contents)), b""
    for signature, tag in contents.items():
        tag = tag.ljust(-(-len(tag) // 4) * 4, b"\0")
        table += signature + struct.pack(">II", at + len(body), len(tag))
        body += tag
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"\0" * 4, 0x02400000, b"mntr", space, b"XYZ ")
    head = (head.ljust(36, b"\0") + b"acsp").ljust(68, b"\0")
    head += struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


SRGB_COLORANTS = (0.4361, 0.2225, 0.0139, 0.3851, 0.7169, 0.0971, 0.1431, 0.0606, 0.7141)


def icc_segment(icc: bytes) -> bytes:
    """An ICC profile as a JPEG segment."""
    return jpeg_segment(0xE2, b"ICC_PROFILE\0\x01\x01" + icc)


def icc_chunk(icc: bytes) -> bytes:
    """An ICC profile as a PNG chunk."""
    return png_chunk(b"iCCP", b"some name\0\0" + zlib.compress(icc))
