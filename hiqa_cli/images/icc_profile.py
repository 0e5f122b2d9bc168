"""Embedded colour profiles (ICC.1:2022): their name, whether they are sRGB, conversion with Pillow.

hiqa's networks take sRGB. A profile equivalent to sRGB is ignored; any other is named in the result, and an 8-bit
picture is converted.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np

from .header import Data, printable_line

LONGEST_NAME = 80  # characters

# XYZ of sRGB's red, green and blue, adapted to D50 as in its profiles (IEC 61966-2-1).
_SRGB_COLORANTS = (0.4361, 0.2225, 0.0139, 0.3851, 0.7169, 0.0971, 0.1431, 0.0606, 0.7141)
_PRIMARIES = {
    1: "BT.709",
    4: "BT.470 M",
    5: "BT.601",
    6: "BT.601",
    7: "SMPTE 240M",
    9: "BT.2020",
    11: "DCI P3",
    12: "Display P3",
}
_TRANSFERS = {1: "", 4: "gamma 2.2", 5: "gamma 2.8", 6: "", 8: "linear", 13: "", 14: "", 15: "", 16: "PQ", 18: "HLG"}


def cicp_name(primaries: int, transfer: int) -> str:
    """The name of ITU-T H.273 code points, or "" if they are sRGB's or unspecified.

    The transfer functions of BT.601, BT.709 and BT.2020 (1, 6, 14, 15) count as sRGB's, as in browsers.
    """
    colours = "" if primaries in (1, 2) else _PRIMARIES.get(primaries, f"primaries {primaries}")
    curve = "" if transfer == 2 else _TRANSFERS.get(transfer, f"transfer {transfer}")
    if curve and not colours:
        colours = "BT.709"
    return f"{colours} {curve}".strip()


def tags(icc: Data) -> dict[bytes, bytes]:
    """The profile's tags by signature; none if the profile is broken."""
    if len(icc) < 132 or icc[36:40] != b"acsp":
        return {}
    found: dict[bytes, bytes] = {}
    count = min(int.from_bytes(icc[128:132], "big"), 200)
    for at in range(132, min(132 + 12 * count, len(icc) - 11), 12):
        start, size = struct.unpack_from(">II", icc, at + 4)
        found[bytes(icc[at : at + 4])] = bytes(icc[start : start + size])
    return found


def profile_name(icc: Data) -> str:
    """The profile's description, one line of at most LONGEST_NAME characters, or "without a name"."""
    tag = tags(icc).get(b"desc", b"")
    text = ""
    if tag[:4] == b"desc" and len(tag) > 12:
        text = tag[12 : 12 + int.from_bytes(tag[8:12], "big")].decode("latin-1")
    elif tag[:4] == b"mluc" and len(tag) >= 28:
        length, start = struct.unpack_from(">II", tag, 20)
        text = tag[start : start + length].decode("utf-16-be", "replace")
    return printable_line(text.partition("\0")[0], LONGEST_NAME) or "without a name"


def is_srgb(icc: Data) -> bool:
    """Whether the profile is equivalent to sRGB: colorants and curve within 0.01 of sRGB's.

    The name counts only for a profile that is called sRGB and has sRGB's curve, or has tables only. For a grey profile
    the curve decides.
    """
    found = tags(icc)
    curve = found.get(b"rTRC") or found.get(b"kTRC")
    named = profile_name(icc).lower().startswith("srgb")
    if curve is None:
        return named
    points = (0.2, 0.5, 0.8)
    close = all(abs(_curve(curve, x) - _srgb_to_linear(x)) < 0.01 for x in points)
    if not close or icc[16:20] == b"GRAY" or named:
        return close
    colorants = b"".join(found.get(name, b"")[8:20] for name in (b"rXYZ", b"gXYZ", b"bXYZ"))
    if len(colorants) != 36:
        return False
    values = [value / 65536 for value in struct.unpack(">9i", colorants)]
    return all(abs(a - b) < 0.01 for a, b in zip(values, _SRGB_COLORANTS, strict=True))


def _adds_up_to_white(icc: bytes) -> bool:
    """Whether the colorants of a matrix profile add up to white, roughly (ICC.1 F.3); others pass."""
    found = tags(icc)
    colorants = [found.get(name, b"")[8:20] for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    if any(len(values) != 12 for values in colorants):
        return True
    sums = [sum(column) / 65536 for column in zip(*(struct.unpack(">3i", values) for values in colorants), strict=True)]
    return all(abs(value - white) < 0.4 for value, white in zip(sums, (0.9642, 1.0, 0.8249), strict=True))


def _srgb_to_linear(x: float) -> float:
    return x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4


def _curve(tag: bytes, x: float) -> float:
    """A curve tag (`curv` or `para`, ICC.1 10.6 and 10.18) at x in 0..1; NaN if it is broken."""
    if tag[:4] == b"curv" and len(tag) >= 12:
        count = int.from_bytes(tag[8:12], "big")
        values = np.frombuffer(tag[12 : 12 + 2 * min(count, 4096)], ">u2")
        if count == 0:
            return x
        if count == 1 and len(values) == 1:
            return x ** (float(values[0]) / 256)
        if len(values) == count:
            return float(np.interp(x * (count - 1), np.arange(count), values)) / 65535
    if tag[:4] == b"para" and len(tag) >= 16:
        kind = int.from_bytes(tag[8:10], "big")
        count = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}.get(kind, 0)
        if count and len(tag) >= 12 + 4 * count:
            p = [value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12)]
            return _parametric(kind, p, x)
    return float("nan")


def _parametric(kind: int, p: list[float], x: float) -> float:
    g, a, b = p[0], p[1] if kind else 1.0, p[2] if kind else 0.0
    power = max(a * x + b, 0.0) ** g
    if kind == 0:
        return power
    if kind in (1, 2):
        offset = p[3] if kind == 2 else 0.0
        return power + offset if a and x >= -b / a else offset
    slope, bend = p[3], p[4]
    upper, lower = (p[5], p[6]) if kind == 4 else (0.0, 0.0)
    return power + upper if x >= bend else slope * x + lower


def srgb_converter(icc: bytes) -> Callable[[np.ndarray], np.ndarray] | None:
    """A function that converts (H, W, 3) uint8 RGB from the profile's space to sRGB, for RGB and grey profiles.

    None if the profile is broken, or Pillow cannot use it. Relative colorimetric intent with black point compensation,
    as in photo viewers.
    """
    mode = {b"RGB ": "RGB", b"GRAY": "L"}.get(bytes(icc[16:20]))
    if mode is None or not _adds_up_to_white(icc):
        return None
    from PIL import Image, ImageCms

    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None

    def convert(rgb: np.ndarray) -> np.ndarray:
        samples = np.ascontiguousarray(rgb if mode == "RGB" else rgb[..., 0])
        size = (rgb.shape[1], rgb.shape[0])
        image = Image.frombuffer(mode, size, samples.tobytes(), "raw", mode, 0, 1)
        return np.asarray(ImageCms.applyTransform(image, transform))

    return convert
