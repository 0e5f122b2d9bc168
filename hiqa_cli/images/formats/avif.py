"""AVIF: the boxes of ISO/IEC 14496-12 and 23008-12 that determine size, orientation, alpha and completeness.

Pillow decodes 8 bits. OpenCV decodes 10 and 12, but no grids and no grey: Pillow reads those, and what OpenCV refuses,
with 8 bits. Neither turns the picture, whose orientation `irot` and `imir` give instead of EXIF; neither reports zeroed
data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hiqa_cli.images.header import Data, Header, boxes, damaged, longest_zero_run, number, refuse_zeros, truncated
from hiqa_cli.images.icc_profile import cicp_name

NAME = "AVIF"
_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
# (quarter turns anti-clockwise, then mirror axis or None) -> EXIF orientation.
_TURNS = {
    (0, None): 1,
    (1, None): 8,
    (2, None): 3,
    (3, None): 6,
    (0, 0): 4,
    (0, 1): 2,
    (1, 0): 5,
    (1, 1): 7,
    (2, 0): 2,
    (2, 1): 4,
    (3, 0): 7,
    (3, 1): 5,
}


@dataclass
class _Meta:
    """What the meta box says of the file's items, which it numbers.

    primary: the item that is shown; 0 if none is named.
    properties: the boxes of ipco: type, start and end of their content.
    owned: item -> numbers of its properties, from 1.
    references: type, referring item, item that is referred to.
    kinds: item -> its type, e.g. b"av01", b"grid".
    extents: item, start and end of a piece of its data in the file.
    """

    primary: int = 0
    properties: list[tuple[bytes, int, int]] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    references: set[tuple[bytes, int, int]] = field(default_factory=set)
    kinds: dict[int, bytes] = field(default_factory=dict)
    extents: list[tuple[int, int, int]] = field(default_factory=list)


def read_avif(data: Data) -> Header:
    """Parse the boxes; check that every item's data are within the file."""
    meta, frames = check_boxes(data, NAME)
    header = _header(data, meta, frames)
    for item, start, end in meta.extents:
        if meta.kinds.get(item) == b"av01":
            refuse_zeros(NAME, data, start, end, longest_zero_run(header.width, header.height))
    return header


def check_boxes(data: Data, name: str) -> tuple[_Meta, int]:
    """What the meta box says, and the number of frames; ImageError where an item's data are not within the file."""
    meta, frames = _Meta(), 1
    found = False
    for kind, start, end in boxes(data, 0, len(data), name):
        if kind == b"meta":
            _read_meta(data, start + 4, end, meta)
            found = True
        elif kind == b"moov":
            frames = max(frames, _longest_track(data, start, end))
    for _, _, end in meta.extents:
        if end > len(data):
            raise truncated(name, data, f"inside the picture data, which end at {end:,}")
    if not found:
        raise truncated(name, data, "before the description of the picture (meta box)")
    return meta, frames


def _header(data: Data, meta: _Meta, frames: int) -> Header:
    width = height = turns = bits = 0
    mirror: int | None = None
    grey = False
    profile, colour = b"", ""
    remarks: tuple[str, ...] = ()
    # A sequence without a primary item shows its first.
    for kind, start, end in _owned(meta, meta.primary or min(meta.kinds, default=0)):
        if kind == b"ispe":
            width, height = number(data, start + 4, 4, NAME), number(data, start + 8, 4, NAME)
        elif kind == b"irot":
            turns = number(data, start, 1, NAME) & 3
        elif kind == b"imir":
            mirror = number(data, start, 1, NAME) & 1
        elif kind == b"av1C":
            flags = number(data, start + 2, 1, NAME)
            bits = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
            grey = bool(flags & 0x10)
        elif kind == b"pixi" and data[start + 4]:
            bits = bits or data[start + 5]
        elif kind == b"colr" and data[start : start + 4] in (b"prof", b"rICC"):
            profile = bytes(data[start + 4 : end])
        elif kind == b"colr" and data[start : start + 4] == b"nclx":
            primaries, transfer = (number(data, start + at, 2, NAME) for at in (4, 6))
            colour = cicp_name(primaries, transfer)
        elif kind == b"clap":
            remarks = ("cropping (clap) not applied",)
    if not width or not height:
        raise damaged(NAME, f"{width} x {height} px")
    # OpenCV reads no grid, and grey samples without their range.
    grid = meta.kinds.get(meta.primary) == b"grid"
    deep = bits > 8 and not grid and not grey
    if bits > 8 and not deep:
        remarks += (f"{bits}-bit samples read with 8 bits",)
    pictures = {
        meta.primary,
        *(item for name, source, item in meta.references if (name, source) == (b"dimg", meta.primary)),
    }
    alpha = {item for name, item, target in meta.references if name == b"auxl" and target in pictures}
    return Header(
        NAME,
        width,
        height,
        frames=frames,
        orientation=_TURNS[turns, mirror],
        alpha=any(_is_alpha(data, meta, item) for item in alpha),
        decoder="OpenCV" if deep else "Pillow",
        # Pillow divides colours by alpha.
        premultiplied=deep and any(name == b"prem" for name, _, _ in meta.references),
        full_scale=2**bits - 1 if deep else None,
        profile=profile,
        colour="" if profile else colour,
        remarks=remarks,
    )


def _owned(meta: _Meta, item: int) -> Iterator[tuple[bytes, int, int]]:
    for index in meta.owned.get(item, ()):
        if 0 < index <= len(meta.properties):
            yield meta.properties[index - 1]


def _is_alpha(data: Data, meta: _Meta, item: int) -> bool:
    return any(kind == b"auxC" and data[start + 4 : end].startswith(_ALPHA) for kind, start, end in _owned(meta, item))


def _read_meta(data: Data, start: int, end: int, meta: _Meta) -> None:
    for kind, at, stop in boxes(data, start, end, NAME):
        if kind == b"pitm":
            meta.primary = number(data, at + 4, 2 if data[at] == 0 else 4, NAME)
        elif kind == b"iloc":
            _read_locations(data, at, meta)
        elif kind == b"iinf":
            _read_items(data, at, stop, meta)
        elif kind == b"iref":
            _read_references(data, at, stop, meta)
        elif kind == b"iprp":
            for inner, first, last in boxes(data, at, stop, NAME):
                if inner == b"ipco":
                    meta.properties = list(boxes(data, first, last, NAME))
                elif inner == b"ipma":
                    _read_owners(data, first, meta)


def _read_owners(data: Data, at: int, meta: _Meta) -> None:
    """ipma: the properties of each item, by their number in ipco, from 1."""
    wide_id, wide_index = data[at] > 0, bool(data[at + 3] & 1)
    count, at = number(data, at + 4, 4, NAME), at + 8
    for _ in range(count):
        size = 4 if wide_id else 2
        item, at = number(data, at, size, NAME), at + size
        amount, at = number(data, at, 1, NAME), at + 1
        size = 2 if wide_index else 1
        mask = 0x7FFF if wide_index else 0x7F
        places = range(at, at + amount * size, size)
        meta.owned[item] = [number(data, place, size, NAME) & mask for place in places]
        at += amount * size


def _read_items(data: Data, at: int, end: int, meta: _Meta) -> None:
    """iinf: the type of each item."""
    for kind, start, _ in boxes(data, at + (6 if data[at] == 0 else 8), end, NAME):
        if kind == b"infe" and data[start] >= 2:
            size = 2 if data[start] == 2 else 4
            item = number(data, start + 4, size, NAME)
            meta.kinds[item] = bytes(data[start + 6 + size : start + 10 + size])


def _read_references(data: Data, at: int, end: int, meta: _Meta) -> None:
    size = 4 if data[at] else 2
    for kind, start, _ in boxes(data, at + 4, end, NAME):
        source = number(data, start, size, NAME)
        for index in range(number(data, start + size, 2, NAME)):
            target = number(data, start + size + 2 + index * size, size, NAME)
            meta.references.add((kind, source, target))


def _read_locations(data: Data, at: int, meta: _Meta) -> None:
    """iloc: the byte ranges of each item; keeps those relative to the start of the file."""
    version = data[at]
    sizes = number(data, at + 4, 2, NAME)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    wide = 4 if version == 2 else 2
    count, at = number(data, at + 6, wide, NAME), at + 6 + wide
    for _ in range(count):
        item, at = number(data, at, wide, NAME), at + wide
        method = number(data, at, 2, NAME) & 15 if version else 0
        at += (2 if version else 0) + 2
        base, at = number(data, at, base_size, NAME), at + base_size
        extents, at = number(data, at, 2, NAME), at + 2
        for _ in range(extents if index_size + offset_size + length_size else 0):
            at += index_size
            offset, at = number(data, at, offset_size, NAME), at + offset_size
            length, at = number(data, at, length_size, NAME), at + length_size
            if method == 0:
                meta.extents.append((item, base + offset, base + offset + length))


def _longest_track(data: Data, start: int, end: int, depth: int = 0) -> int:
    """The number of pictures in the longest track of an image sequence (stsz)."""
    longest = 0
    for kind, at, stop in boxes(data, start, end, NAME):
        if kind in (b"trak", b"mdia", b"minf", b"stbl") and depth < 4:
            longest = max(longest, _longest_track(data, at, stop, depth + 1))
        elif kind == b"stsz":
            longest = max(longest, number(data, at + 8, 4, NAME))
    return longest
