"""The boxes that AVIF, HEIF, JPEG 2000 and JPEG XL files are made of (ISO/IEC 14496-12, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator

from hiqa_cli.images.header import Data, damaged, number, truncated


def boxes(data: Data, start: int, end: int, name: str) -> Iterator[tuple[bytes, int, int]]:
    """The boxes in data[start:end]: type, start and end of their content."""
    at = start
    while at + 8 <= end:
        size, head = number(data, at, 4, name), 8
        kind = bytes(data[at + 4 : at + 8])
        if size == 1:
            size, head = number(data, at + 8, 8, name), 16
        elif size == 0:
            size = end - at
        if size < head:
            raise damaged(name, f"a box of {size} bytes at byte {at:,}")
        if at + size > end:
            label = ascii(kind.decode("latin-1")).strip("'")
            raise truncated(name, data, f"inside a {label} box")
        yield kind, at + head, at + size
        at += size
