"""OpenCV decodes what the header allows; what it gives is held against the header.

OpenCV's Python binding copies what it has decoded, so that for a moment the picture stands in memory
twice, beside the file's bytes; a progressive JPEG needs libjpeg's coefficients too (two bytes a sample).
"""

from __future__ import annotations

import numpy as np

from hiqa_cli.errors import ImageError

from .decoder_stderr import decoder_chatter, judge_chatter
from .formats.pnm import decode_pnm
from .header import Header, damaged, unsupported
from .opencv import SILENT, WARNING, cv2, set_log_level

_MOST_BYTES = 2**31 - 1  # OpenCV counts an array's elements in an int
_LONGEST_SIDE = 2**20  # px, and so many pixels at most: OpenCV's own guards
_MOST_PIXELS = 2**30
_PROBED = {"AVIF": ".avif", "GIF": ".gif", "WebP": ".webp", "JPEG 2000": ".jp2"}
_REASONS = ("libpng error", "> ")
_PNM = ("PBM", "PGM", "PPM", "PAM")


def check_opencv_limits(header: Header, size: int) -> None:
    """Refuse from the header what OpenCV would fail on without saying why."""
    suffix = _PROBED.get(header.format)
    if suffix and not cv2.haveImageWriter(suffix):  # built with the reader or with neither
        unsupported(f"{header.format} (by this build of OpenCV, {cv2.__version__})")
    if header.format in _PNM:
        return
    if size > _MOST_BYTES:
        unsupported(f"a file of {size:,} bytes (OpenCV takes {_MOST_BYTES:,})")
    pixels = header.width * header.height
    if max(header.width, header.height) > _LONGEST_SIDE or pixels > _MOST_PIXELS:
        unsupported(f"{header.width} x {header.height} px (beyond OpenCV's limits)")


def decode(held: list[bytearray | bytes], header: Header) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decode held[0] and empty `held`, so that the file's bytes are gone when the pixels are worked
    on.

    Gives (H, W, 3) BGR or, where the header says alpha, (H, W, 4) BGRA, uint8 or uint16, as stored
    (not turned), and remarks on damage.
    """
    if header.format in _PNM:
        return decode_pnm(held.pop()), ()
    if header.patches:
        held[0] = _patched(held[0], header)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    if header.alpha:
        flags = cv2.IMREAD_UNCHANGED
    pixels, error = None, ""
    with decoder_chatter() as lines:
        set_log_level(WARNING)
        try:
            pixels = cv2.imdecode(np.frombuffer(held.pop(), np.uint8), flags)
        except cv2.error as failure:
            error = " ".join((failure.err or "").split())
        except MemoryError:
            error = "out of memory"
        finally:
            set_log_level(SILENT)
    if pixels is None and header.frames > 1 and not error:
        unsupported(f"this animated {header.format} (by this OpenCV, {cv2.__version__})")
    if pixels is None:
        said = error or next((line for line in lines if line.startswith(_REASONS)), "").lstrip("> ")
        reason = f"OpenCV cannot decode it ({said})" if said else "OpenCV cannot decode it"
        raise damaged(header.format, f"{reason}, or a kind that OpenCV does not know")
    _compare(pixels, header)
    return pixels, judge_chatter(lines, header.format)


def _patched(data: bytes | bytearray, header: Header) -> bytearray:
    """The file with the header's patches, in place where the bytes are ours to change."""
    mine = data if isinstance(data, bytearray) else bytearray(data)
    for at, change in header.patches:
        mine[at : at + len(change)] = change
    return mine


def _compare(pixels: np.ndarray, header: Header) -> None:
    """What was decoded must be what the header promised."""
    height, width = pixels.shape[:2]
    if (width, height) != (header.width, header.height):
        found, expected = f"{width} x {height}", f"{header.width} x {header.height}"
        raise damaged(header.format, f"its header says {expected} px, its data {found}")
    if pixels.dtype not in (np.uint8, np.uint16):
        unsupported(f"{header.format} with {pixels.dtype} samples")
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        channels = pixels.shape[2] if pixels.ndim == 3 else 1
        raise ImageError(f"{header.format} decoded to {channels} channels, expected colour")
