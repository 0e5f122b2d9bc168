"""BMP: header and data size (BITMAPFILEHEADER and the BITMAP...HEADER family), bit fields and run-length data.

Pillow decodes plain rows of up to 32 bits. It knows few bit masks, and fills what run-length data leave out: both are
decoded here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiqa_cli.images.header import Data, Header, damaged, truncated, unpack, unsupported

NAME = "BMP"
_OLD_HEADER, _OS2_HEADER = 12, 64
_RLE = (1, 2)
_BIT_FIELDS = (3, 6)
_KINDS = {4: "JPEG", 5: "PNG"}
_STRIP = 2**20  # samples


@dataclass(frozen=True)
class _Layout:
    """What the header says of the pixels; compression: 0 none, 1 and 2 run lengths, 3 and 6 bit masks."""

    start: int  # of the pixels
    size: int  # of the header behind the first 14 bytes
    width: int
    height: int  # negative: stored from the top down
    bits: int
    compression: int
    stated: int  # bytes of pixels, or 0

    @property
    def row(self) -> int:
        """Bytes of a row, which is filled up to four."""
        return (self.width * self.bits + 31) // 32 * 4


def read_bmp(data: Data) -> Header:
    """Parse the header; check that the rows (plain) or the stated data (run-length) are complete."""
    layout = _layout(data)
    width, height, bits = layout.width, abs(layout.height), layout.bits
    if layout.compression in _RLE:
        if len(data) <= layout.start or len(data) < layout.start + layout.stated:
            raise truncated(NAME, data, "inside the run-length data")
    else:
        expected = layout.start + layout.row * height
        # Some writers omit the padding of the last row; decoders do not need it.
        padding = layout.row - (width * bits + 7) // 8
        if len(data) < expected - padding:
            raise truncated(NAME, data, f"where {width} x {height} px need {expected:,}")
    own = layout.compression or bits == 16
    return Header(
        NAME,
        width,
        height,
        decoder="hiqa" if own else "Pillow",
        alpha=layout.compression in _BIT_FIELDS and _masks(data, layout)[3] != 0,
        profile=_profile(data, layout.size),
    )


def decode_bmp(data: Data, header: Header) -> tuple[np.ndarray, tuple[str, ...]] | None:
    """Decode bit fields and run-length data to (H, W, 3) RGB or (H, W, 4) RGBA; None for what Pillow decodes.

    Also returns a note on missing pixels.
    """
    layout = _layout(data)
    if header.decoder != "hiqa":
        return None
    if layout.compression not in _RLE:
        return _bit_fields(data, layout, header), ()
    indices, share = _run_lengths(data, layout)
    note = f"{share:.1%} of its pixels are not in its run-length data, read as colour 0 of the palette"
    return _palette(data, layout)[indices], (note,) if share else ()


def _layout(data: Data) -> _Layout:
    start, size = unpack("<II", data, 10, NAME)
    if size == _OLD_HEADER:
        width, height, planes, bits = unpack("<HHHH", data, 18, NAME)
        compression = stated = 0
    elif size >= 40:
        width, height, planes, bits, compression, stated = unpack("<iiHHII", data, 18, NAME)
    else:
        raise damaged(NAME, f"header of {size} bytes")
    if compression in _KINDS and size != _OS2_HEADER:
        unsupported(f"BMP that contains a {_KINDS[compression]}")
    if size == _OS2_HEADER and compression in (3, 4):
        unsupported("OS/2 BMP with Huffman or 24-bit run-length data")
    depths = {1: (8,), 2: (4,), 3: (16, 32), 6: (16, 32)}.get(compression, (1, 4, 8, 16, 24, 32))
    if width <= 0 or not height or planes != 1 or bits not in depths or compression not in (0, *_RLE, *_BIT_FIELDS):
        raise damaged(NAME, f"{width} x {abs(height)} px, {bits} bits, compression {compression}")
    return _Layout(start, size, width, height, bits, compression, stated)


def _masks(data: Data, layout: _Layout) -> tuple[int, ...]:
    """Bit masks of red, green, blue and alpha. Old headers are followed by the first three, at the same place."""
    if layout.compression == 0:
        return 0x7C00, 0x3E0, 0x1F, 0  # 16 bits
    count = 4 if layout.size >= 56 or layout.compression == 6 else 3
    return (*unpack(f"<{count}I", data, 54, NAME), 0)[:4]


def _bit_fields(data: Data, layout: _Layout, header: Header) -> np.ndarray:
    height, width = abs(layout.height), layout.width
    kind = np.dtype("<u2" if layout.bits == 16 else "<u4")
    body = np.zeros(layout.row * height, np.uint8)
    found = np.frombuffer(data, np.uint8, min(len(body), len(data) - layout.start), layout.start)
    body[: len(found)] = found
    stored = body.view(kind).reshape(height, -1)[:, :width]
    if layout.height > 0:
        stored = stored[::-1]
    pixels = np.zeros((height, width, 4 if header.alpha else 3), np.uint8)
    rows = max(1, _STRIP // width)
    for channel, mask in enumerate(_masks(data, layout)[: pixels.shape[2]]):
        shift = (mask & -mask).bit_length() - 1
        largest = mask >> shift if mask else 0
        if largest & (largest + 1) or largest > 0xFFFF:
            raise damaged(NAME, f"bit mask {mask:#x}")
        for top in range(0, height if mask else 0, rows):
            values = (stored[top : top + rows] & kind.type(mask)).astype(np.uint32) >> np.uint32(shift)
            pixels[top : top + rows, :, channel] = (values * np.uint32(255) + np.uint32(largest // 2)) // largest
    if header.alpha and not pixels[..., 3].any():
        pixels[..., 3] = 255  # an alpha that nobody wrote, as browsers take it
    return pixels


def _palette(data: Data, layout: _Layout) -> np.ndarray:
    """(256, 3) RGB; black where the file, or the offset of its pixels, leaves no room for a colour."""
    first = 14 + layout.size
    colours = np.zeros((256, 3), np.uint8)
    count = min(2**layout.bits, max(0, min(layout.start, len(data)) - first) // 4)
    colours[:count] = np.frombuffer(data, np.uint8, 4 * count, first).reshape(-1, 4)[:, 2::-1]
    return colours


def _run_lengths(data: Data, layout: _Layout) -> tuple[np.ndarray, float]:
    """Palette indices (H, W), and the share of pixels that the data leave out."""
    height, width = abs(layout.height), layout.width
    indices = np.zeros((height, width), np.uint8)
    present = np.zeros((height, width), bool)
    at, x, y = layout.start, 0, 0
    end = min(len(data), layout.start + layout.stated) if layout.stated else len(data)
    while y < height:
        if at + 2 > end:
            if not present.all():
                raise truncated(NAME, data, "inside the run-length data")
            break
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            run = _samples(bytes([value]) * count, layout.bits)[:count]
        elif value == 0:
            x, y = 0, y + 1
            continue
        elif value == 1:
            break
        elif value == 2:
            if at + 2 > end:
                raise truncated(NAME, data, "inside the run-length data")
            x, y = x + data[at], y + data[at + 1]
            at += 2
            continue
        else:
            length = value if layout.bits == 8 else (value + 1) // 2
            if at + length > end:
                raise truncated(NAME, data, "inside the run-length data")
            run = _samples(bytes(data[at : at + length]), layout.bits)[:value]
            at += length + (length & 1)
        run = run[: max(0, width - x)]
        indices[y, x : x + len(run)] = run
        present[y, x : x + len(run)] = True
        x += len(run)
    if layout.height > 0:
        indices = indices[::-1]
    return indices, 1 - float(present.mean())


def _samples(packed: bytes, bits: int) -> np.ndarray:
    """Bytes of one index each, or of two (4 bits)."""
    samples = np.frombuffer(packed, np.uint8)
    return samples if bits == 8 else np.stack([samples >> 4, samples & 15], axis=1).reshape(-1)


def _profile(data: Data, size: int) -> bytes:
    """A version 5 header may point to an embedded profile (colour space MBED)."""
    if size < 124 or data[70:74] != b"DEBM":
        return b""
    start, length = unpack("<II", data, 14 + 112, NAME)
    return bytes(data[14 + start : 14 + start + length])
