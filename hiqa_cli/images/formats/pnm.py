"""PBM, PGM, PPM (P1 to P6) and PAM (P7): header, sizes, and pixels.

hiqa decodes these itself: Pillow keeps 8 bits of 16 in colour and knows no alpha in PAM; OpenCV does not scale values
whose maximum is not 255 or 65535.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from hiqa_cli.images.header import Data, Header, damaged, truncated, unsupported

_LONGEST_HEADER = 64 * 1024  # bytes; comments included
_TOKEN = re.compile(rb"(?:\s|#[^\n]*\n)*([^\s#]+)")
_NUMBERS = re.compile(rb"[\d\s]*")
_TOO_LONG = re.compile(rb"\d{6}")
_BLANK = b" \t\n\r\v\f"
_DEPTHS = {"BLACKANDWHITE": 1, "GRAYSCALE": 1, "RGB": 3, "BLACKANDWHITE_ALPHA": 2, "GRAYSCALE_ALPHA": 2, "RGB_ALPHA": 4}


@dataclass(frozen=True)
class _Layout:
    """What the header says. magic: the digit behind the P; largest: the sample value of white."""

    name: str
    magic: int
    width: int
    height: int
    channels: int
    largest: int
    start: int  # of the pixels
    alpha: bool = False

    @property
    def plain(self) -> bool:
        """Whether the samples are written as text."""
        return self.magic in (1, 2, 3)


def read_pnm(data: Data) -> Header:
    """Parse the header; check that the pixels are complete (in ASCII files: at least a character each)."""
    layout = _layout(data)
    have, need = len(data) - layout.start, _need(layout)
    if have < need:
        size = f"{layout.width} x {layout.height} px"
        raise truncated(layout.name, data, f"where {size} need at least {layout.start + need:,}")
    return Header(layout.name, layout.width, layout.height, decoder="hiqa", alpha=layout.alpha)


def decode_pnm(data: Data) -> np.ndarray:
    """Decode to (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16, full scale."""
    layout = _layout(data)
    shape = (layout.height, layout.width, layout.channels)
    if layout.magic == 1:
        samples = _ascii_bits(data, layout)
    elif layout.plain:
        samples = _ascii_values(data, layout)
    elif layout.magic == 4:
        rows = np.frombuffer(data, np.uint8, _need(layout), layout.start)
        bits = np.unpackbits(rows.reshape(layout.height, -1), axis=1)[:, : layout.width]
        samples = 1 - bits
    else:
        kind = np.dtype(">u2" if layout.largest > 255 else "u1")
        count = layout.height * layout.width * layout.channels
        samples = np.frombuffer(data, kind, count, layout.start)
    samples = samples.reshape(shape)
    out = np.empty((*shape[:2], 4 if layout.alpha else 3), np.uint16 if layout.largest > 255 else np.uint8)
    rows_at_once = max(1, 2**20 // (layout.width * layout.channels))
    for top in range(0, layout.height, rows_at_once):
        strip = _stretch(samples[top : top + rows_at_once], layout)
        colours = strip[..., :3] if layout.channels > 2 else strip[..., :1]
        out[top : top + rows_at_once, :, :3] = colours
        if layout.alpha:
            out[top : top + rows_at_once, :, 3] = strip[..., -1]
    return out


def _stretch(strip: np.ndarray, layout: _Layout) -> np.ndarray:
    """0..largest to 0..255 or 0..65535, rounded to nearest."""
    white = 65535 if layout.largest > 255 else 255
    if layout.largest == white:
        return strip
    if int(strip.max()) > layout.largest:
        raise damaged(layout.name, f"a value of {int(strip.max())} above the largest, {layout.largest}")
    return (strip.astype(np.uint32) * white + layout.largest // 2) // layout.largest


def _layout(data: Data) -> _Layout:
    magic = data[1] - ord("0")
    if magic == 7:
        return _pam(data)
    name = ("PBM", "PGM", "PPM")[(magic - 1) % 3]
    values, at = [], 2
    for _ in range(2 if name == "PBM" else 3):
        token = _TOKEN.match(data, at, _LONGEST_HEADER)
        if token is None or token.end() >= len(data):
            raise truncated(name, data, "inside the header")
        values.append(_number(token[1], name))
        at = token.end()
    largest = 1 if name == "PBM" else values[2]
    _check(name, values[0], values[1], largest)
    return _Layout(name, magic, values[0], values[1], 3 if name == "PPM" else 1, largest, at + 1)


def _pam(data: Data) -> _Layout:
    end = data.find(b"\nENDHDR\n", 0, _LONGEST_HEADER)
    if end < 0:
        raise truncated("PAM", data, "inside the header")
    fields: dict[str, str] = {}
    for line in bytes(data[3:end]).decode("latin-1").splitlines():
        key, _, value = line.strip().partition(" ")
        fields[key] = value.strip()
    numbers = [_number(fields.get(key, "").encode("latin-1"), "PAM") for key in ("WIDTH", "HEIGHT", "DEPTH", "MAXVAL")]
    width, height, depth, largest = numbers
    kind = fields.get("TUPLTYPE", "") or {1: "GRAYSCALE", 3: "RGB"}.get(depth, "")
    if _DEPTHS.get(kind) != depth:
        unsupported(f"PAM of type {kind[:40] or 'unknown'} with {depth} channels")
    _check("PAM", width, height, largest)
    return _Layout("PAM", 7, width, height, depth, largest, end + 8, kind.endswith("_ALPHA"))


def _number(token: bytes, name: str) -> int:
    if not token.isdigit() or len(token) > 10:
        raise damaged(name, f"no number in the header: {token[:20].decode('latin-1')!a}")
    return int(token)


def _check(name: str, width: int, height: int, largest: int) -> None:
    if not width or not height or not 0 < largest < 65536:
        raise damaged(name, f"{width} x {height} px, largest value {largest}")


def _need(layout: _Layout) -> int:
    """The least number of bytes that the pixels take."""
    count = layout.width * layout.height * layout.channels
    if layout.magic == 1:
        return count
    if layout.plain:
        return 2 * count - 1  # one digit each, separated by blanks
    if layout.magic == 4:
        return (layout.width + 7) // 8 * layout.height
    return count * (2 if layout.largest > 255 else 1)


def _ascii_bits(data: Data, layout: _Layout) -> np.ndarray:
    """P1: digits 0 and 1, blanks optional; 1 is black."""
    text = bytes(_text(data, layout)).translate(None, _BLANK)
    digits = np.frombuffer(text, np.uint8) - ord("0")
    digits = digits[: layout.width * layout.height]
    if len(digits) < layout.width * layout.height:
        raise truncated(layout.name, data, f"after {len(digits):,} pixels")
    if digits.max() > 1:
        raise damaged(layout.name, "a pixel that is neither 0 nor 1")
    return 1 - digits


def _ascii_values(data: Data, layout: _Layout) -> np.ndarray:
    count = layout.width * layout.height * layout.channels
    text = bytes(_text(data, layout))
    numbers = _NUMBERS.match(text)
    length = numbers.end() if numbers else 0
    if _TOO_LONG.search(text, 0, length):
        raise damaged(layout.name, "a value of more than five digits")
    values = np.fromstring(text[:length].decode("ascii"), np.uint32, sep=" ")[:count]
    if len(values) < count:
        if length < len(text):
            raise damaged(layout.name, f"no number after {len(values):,} of {count:,} values")
        raise truncated(layout.name, data, f"after {len(values):,} of {count:,} values")
    return values


def _text(data: Data, layout: _Layout) -> Data:
    text = data[layout.start :]
    return re.sub(rb"#[^\n]*", b"", text) if b"#" in text else text
