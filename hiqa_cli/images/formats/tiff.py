"""TIFF and BigTIFF: the first page's tags, and the extents of its strips or tiles (TIFF 6.0).

Pillow decodes up to 8 bits per sample, OpenCV the rest. Neither reports missing strips or checksums. OpenCV loses the
alpha of grey pictures, garbles planar and CMYK 16-bit pictures (Pillow reads those with 8 bits), and does not invert
white-is-zero above 8 bits. What is read wrongly is corrected after decoding (see `Header`) or refused here by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np

from hiqa_cli.images.exif import read_exif
from hiqa_cli.images.header import EXTRA_CHANNEL_IGNORED, Data, Header, damaged, truncated, unpack, unsupported

from .raw import read_raw
from .tiff_data import DEFLATE, JPEG, LZMA, LZW, PACKBITS, check_data

NAME = "TIFF"
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_MOST_PAGES = 10_000
_COMPRESSIONS = (1, 2, 3, 4, LZW, JPEG, *DEFLATE, PACKBITS)  # 1: plain, 2 to 4: fax
_PILLOW_COMPRESSIONS = (LZMA, 50000, 50001)  # the latter: Zstandard, WebP
_MOST_PIXELS = 80_000_000  # Pillow refuses a TIFF of twice this, and warns above it
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, ORIENTATION, SAMPLES, STRIP_BYTES, PLANAR = 273, 274, 277, 279, 284
ROWS_PER_STRIP, TILE_WIDTH, TILE_HEIGHT = 278, 322, 323
TILE_OFFSETS, TILE_BYTES, SUB_IFDS, EXTRA_SAMPLES, SAMPLE_FORMAT = 324, 325, 330, 338, 339
JPEG_TABLES = 347
ICC, CFA, LINEAR_RAW, DNG_VERSION = 34675, 32803, 34892, 50706
_PHOTOMETRICS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "CIELab"}
_BITS = {
    "grey": (1, 2, 4, 8, 10, 12, 14, 16),
    "RGB": (8, 10, 12, 14, 16),
    "palette": (1, 2, 4, 8),
    "CMYK": (8, 16),
    "YCbCr": (8,),
    "CIELab": (8,),
}


@dataclass(frozen=True)
class _Tag:
    kind: int
    count: int
    at: int  # offset of the value in the file


class _Reader:
    """Reads IFDs in the file's byte order, 32-bit or 64-bit."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.big = unpack(self.order + "H", data, 2, NAME)[0] == 43
        self.offset = "Q" if self.big else "I"

    def first(self) -> int:
        return unpack(self.order + self.offset, self.data, 8 if self.big else 4, NAME)[0]

    def next(self, at: int) -> int:
        """The offset of the IFD after the one at `at`, 0 for none."""
        head, entry, count = self._layout(at)
        after = at + head + count * entry
        return unpack(self.order + self.offset, self.data, after, NAME)[0]

    def _layout(self, at: int) -> tuple[int, int, int]:
        """An IFD's bytes before its tags, bytes per tag, and number of tags."""
        (count,) = unpack(self.order + ("Q" if self.big else "H"), self.data, at, NAME)
        if count > 65_535:
            raise damaged(NAME, f"a directory of {count:,} tags")
        return (8, 20, count) if self.big else (2, 12, count)

    def directory(self, at: int) -> dict[int, _Tag]:
        """The tags of the IFD at `at`."""
        head, entry, count = self._layout(at)
        inline = 8 if self.big else 4
        found: dict[int, _Tag] = {}
        for start in range(at + head, at + head + count * entry, entry):
            tag, kind, n = unpack(self.order + "HH" + self.offset, self.data, start, NAME)
            value = start + entry - inline
            if n * _SIZES.get(kind, 1) > inline:
                (value,) = unpack(self.order + self.offset, self.data, value, NAME)
            found.setdefault(tag, _Tag(kind, n, value))
        return found

    def raw(self, tag: _Tag) -> Data:
        end = tag.at + tag.count * _SIZES.get(tag.kind, 1)
        if end > len(self.data):
            raise truncated(NAME, self.data, "inside its directory")
        return self.data[tag.at : end]

    def values(self, tag: _Tag | None, missing: tuple[int, ...] = ()) -> np.ndarray:
        """A tag's unsigned integers as (n,) uint64."""
        if tag is None:
            return np.array(missing, np.uint64)
        if tag.kind not in _INTEGERS:
            raise damaged(NAME, "a tag of the wrong type")
        return np.frombuffer(self.raw(tag), self.order + _INTEGERS[tag.kind]).astype(np.uint64)

    def value(self, tag: _Tag | None, missing: int) -> int:
        found = self.values(tag, (missing,))
        return int(found[0]) if len(found) else missing


def read_tiff(data: Data) -> Header:
    """Parse the first page's tags, check that its data are complete, and count the pages."""
    reader = _Reader(data)
    first = reader.first()
    tags = reader.directory(first)
    if _is_raw(reader, tags):
        return read_raw(data)
    width, height = reader.value(tags.get(WIDTH), 0), reader.value(tags.get(HEIGHT), 0)
    if not width or not height:
        raise damaged(NAME, f"{width} x {height} px")
    bits = reader.values(tags.get(BITS), (1,))
    samples = reader.value(tags.get(SAMPLES), 1)
    compression = reader.value(tags.get(COMPRESSION), 1)
    if compression not in (_COMPRESSIONS if int(bits[0]) > 8 else (*_COMPRESSIONS, *_PILLOW_COMPRESSIONS)):
        _refuse(f"compression {compression}")
    kind = _picture_kind(reader, tags, {int(value) for value in bits[:samples]}, samples)
    parts = _parts(reader, tags, compression)
    needed = _needed(reader, tags, kind, (width, height), int(bits[0]) * samples, len(parts))
    if compression == 1 and not _is_tiled(tags) and kind != "YCbCr":
        stated, expected = sum(len(part) for part in parts), sum(need or 0 for need in needed)
        if stated < expected:
            raise damaged(NAME, f"{stated:,} bytes of pixels where the size needs {expected:,}")
    tables = bytes(reader.raw(tags[JPEG_TABLES])) if JPEG_TABLES in tags else b""
    notes = check_data(parts[: len(needed)], needed, compression, tables)
    return _header(reader, tags, kind, (width, height), int(bits[0]), tuple(notes), reader.next(first))


def _header(
    reader: _Reader,
    tags: dict[int, _Tag],
    kind: str,
    size: tuple[int, int],
    bits: int,
    notes: tuple[str, ...],
    after: int,
) -> Header:
    extra = reader.values(tags.get(EXTRA_SAMPLES))
    samples = reader.value(tags.get(SAMPLES), 1)
    extended = kind in ("grey", "palette", "RGB") and samples in (2, 4)
    alpha = extended and len(extra) == 1 and int(extra[0]) in (1, 2)
    large = size[0] * size[1] > _MOST_PIXELS
    # Pillow does not recognise a BigTIFF of big-endian byte order, and prefers strips where a file has both.
    plain = reader.value(tags.get(COMPRESSION), 1) == 1
    both = STRIP_OFFSETS in tags and (TILE_OFFSETS in tags or (_is_tiled(tags) and plain))
    rare = (reader.big and reader.order == ">") or both
    # OpenCV garbles these, and Pillow keeps 8 of their bits.
    lessened = bits > 8 and (kind == "CMYK" or _is_planar(reader, tags))
    deep = (bits > 8 or large or rare) and not lessened
    if lessened:
        notes += (f"{bits}-bit samples read with 8 bits",)
    orientation = reader.value(tags.get(ORIENTATION), 1)
    profile = bytes(reader.raw(tags[ICC])) if ICC in tags else b""
    return Header(
        NAME,
        *size,
        frames=_pages(reader, after),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        exif=read_exif(reader.data).shooting_data,
        patches=_upright(reader, tags[ORIENTATION]) if orientation != 1 else (),
        alpha=alpha,
        decoder="OpenCV" if deep else "Pillow",
        # Inside OpenCV, libtiff multiplies 8-bit colours itself where the file has not done so.
        premultiplied=alpha and not lessened and (int(extra[0]) == 1 or (deep and bits == 8)),
        inverted=deep and bits > 8 and reader.value(tags.get(PHOTOMETRIC), 1) == 0,
        full_scale=(2**bits - 1) << (16 - bits) if deep and 8 < bits < 16 else None,
        cmyk=kind == "CMYK",
        profile=profile,
        remarks=notes + ((EXTRA_CHANNEL_IGNORED,) if extended and not alpha else ()),
    )


def _upright(reader: _Reader, tag: _Tag) -> tuple[tuple[int, bytes], ...]:
    """The patch that sets the orientation tag to 1: hiqa applies the orientation itself."""
    order: Literal["little", "big"] = "little" if reader.order == "<" else "big"
    return ((tag.at, (1).to_bytes(_SIZES[tag.kind], order)),)


def _picture_kind(reader: _Reader, tags: dict[int, _Tag], bits: set[int], samples: int) -> str:
    """The kind of picture; refuses, by name, what is read wrongly or not at all."""
    number = reader.value(tags.get(PHOTOMETRIC), 1)
    kind = _PHOTOMETRICS.get(number) or _refuse(f"colour space {number}")
    for form in reader.values(tags.get(SAMPLE_FORMAT), (1,)):
        if int(form) == 3:
            _refuse("floating-point samples")
        if int(form) not in (1, 4):
            _refuse("signed or complex samples")
    if len(bits) != 1:
        _refuse(f"samples of {len(bits)} different sizes")
    (depth,) = bits
    if depth not in _BITS[kind]:
        _refuse(f"{depth}-bit {kind} samples")
    colours = {"grey": 1, "palette": 1, "CMYK": 4}.get(kind, 3)
    if (
        samples != colours
        and not (kind == "RGB" and samples == 4)
        and not (kind in ("grey", "palette") and depth == samples * 4 == 8)
    ):
        _refuse(f"{samples} channels of {kind}")
    if _is_planar(reader, tags) and depth > 8 and reader.value(tags.get(COMPRESSION), 1) == 1:
        _refuse(f"{depth}-bit planar channels without compression")
    return kind


def _is_planar(reader: _Reader, tags: dict[int, _Tag]) -> bool:
    return reader.value(tags.get(SAMPLES), 1) > 1 and reader.value(tags.get(PLANAR), 1) == 2


def _is_tiled(tags: dict[int, _Tag]) -> bool:
    """Some writers give the offsets of tiles by the tag for strips."""
    return TILE_OFFSETS in tags or (TILE_WIDTH in tags and TILE_HEIGHT in tags)


def _refuse(what: str) -> NoReturn:
    unsupported(f"TIFF with {what}")


def _is_raw(reader: _Reader, tags: dict[int, _Tag]) -> bool:
    """Whether this is a camera raw file with a TIFF header: DNG, NEF, ARW, PEF and similar."""
    pages = [tags]
    if SUB_IFDS in tags:
        for at in reader.values(tags[SUB_IFDS])[:8]:
            pages.append(reader.directory(int(at)))
    kinds = {reader.value(page.get(PHOTOMETRIC), -1) for page in pages if PHOTOMETRIC in page}
    return DNG_VERSION in tags or bool(kinds & {CFA, LINEAR_RAW})


def _parts(reader: _Reader, tags: dict[int, _Tag], compression: int) -> list[memoryview]:
    """The data of every strip or tile; ImageError if one is not within the file."""
    tiled = _is_tiled(tags)
    starts = reader.values(tags.get(TILE_OFFSETS if TILE_OFFSETS in tags else STRIP_OFFSETS))
    sizes = reader.values(tags.get(TILE_BYTES if TILE_BYTES in tags else STRIP_BYTES))
    if not len(starts):
        raise damaged(NAME, "no picture data")
    size = np.uint64(len(reader.data))
    if not len(sizes) and len(starts) == 1 and compression == 1:
        # Old writers omit the size of a single plain strip; libtiff computes it.
        sizes = size - np.minimum(starts, size)
    if len(sizes) != len(starts):
        raise damaged(NAME, f"{len(starts)} strips or tiles, but {len(sizes)} sizes")
    # A sum could wrap around: compare with the rest of the file instead.
    outside = (starts > size) | (sizes > size - np.minimum(starts, size))
    if outside.any():
        part = "tile" if tiled else "strip"
        place = f"{int(outside.argmax()) + 1:,} of {len(starts):,}"
        raise truncated(NAME, reader.data, f"before or inside {part} {place}")
    view = memoryview(reader.data).toreadonly()
    return [view[start : start + length] for start, length in zip(starts.tolist(), sizes.tolist(), strict=True)]


def _needed(
    reader: _Reader, tags: dict[int, _Tag], kind: str, size: tuple[int, int], bits: int, found: int
) -> list[int] | list[None]:
    """Decoded bytes of each strip or tile of the picture; None for YCbCr, whose chroma may be smaller.

    bits: of a pixel, all samples together. found: strips or tiles in the file; ImageError if the picture needs more.
    """
    width, height = size
    planes = reader.value(tags.get(SAMPLES), 1) if _is_planar(reader, tags) else 1
    tiled = _is_tiled(tags)
    across = reader.value(tags.get(TILE_WIDTH), 0) if tiled else width
    down = reader.value(tags.get(TILE_HEIGHT), 0) if tiled else reader.value(tags.get(ROWS_PER_STRIP), height)
    if not across or not down:
        raise damaged(NAME, f"strips or tiles of {across} x {down} px")
    count = -(-width // across) * -(-height // down)
    if count * planes > found:
        unit = "tiles" if tiled else "strips"
        raise damaged(NAME, f"{found} {unit} where {width} x {height} px need {count * planes}")
    rows = [down] * count if tiled else [min(down, height - top) for top in range(0, height, down)]
    row = -(-across * (bits // planes) // 8)
    return [None] * (count * planes) if kind == "YCbCr" else [row * each for each in rows] * planes


def _pages(reader: _Reader, after: int) -> int:
    pages, visited = 1, set[int]()
    while after and after not in visited and pages < _MOST_PAGES:
        visited.add(after)
        if after + 2 > len(reader.data):
            raise truncated(NAME, reader.data, f"before the directory of page {pages + 1}")
        after = reader.next(after)
        pages += 1
    return pages
