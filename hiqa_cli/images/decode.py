"""Decodes an accepted image with OpenCV and checks the result against the header.

OpenCV's Python binding copies the decoded picture, so that memory holds it twice for a moment, beside the file's bytes;
a progressive JPEG also needs libjpeg's coefficients (two bytes per sample).
"""

from __future__ import annotations

import numpy as np

from hiqa_cli.errors import ImageError

from .decoder_stderr import capture_decoder_output, check_decoder_output
from .formats.jpeg import decode_jpeg
from .formats.pnm import decode_pnm
from .header import Header, damaged, patched, unsupported
from .opencv import SILENT, WARNING, cv2, set_log_level

_MAX_BYTES = 2**31 - 1  # OpenCV counts an array's elements in an int
_MAX_SIDE, _MAX_PIXELS = 2**20, 2**30  # px; OpenCV's own limits
_OPTIONAL_FORMATS = {"AVIF": ".avif", "GIF": ".gif", "WebP": ".webp", "JPEG 2000": ".jp2"}
_ERROR_PREFIXES = ("libpng error", "> ")
_PNM = ("PBM", "PGM", "PPM", "PAM")


def check_opencv_limits(header: Header, size: int) -> None:
    """Raise ImageError for what OpenCV cannot decode but would refuse without a reason. size: bytes of the file."""
    suffix = _OPTIONAL_FORMATS.get(header.format)
    if suffix and not cv2.haveImageWriter(suffix):  # built with the reader or with neither
        unsupported(f"{header.format} (by this build of OpenCV, {cv2.__version__})")
    if header.format in (*_PNM, "JPEG"):
        return
    if size > _MAX_BYTES:
        unsupported(f"a file of {size:,} bytes (OpenCV takes {_MAX_BYTES:,})")
    pixels = header.width * header.height
    if max(header.width, header.height) > _MAX_SIDE or pixels > _MAX_PIXELS:
        unsupported(f"{header.width} x {header.height} px (beyond OpenCV's limits)")


def decode(held: list[bytearray | bytes], header: Header) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decode the file held[0]; returns its pixels and notes on damage.

    The pixels are (H, W, 3) RGB or, if the header has alpha, (H, W, 4) RGBA, uint8 or uint16, as stored (not turned).
    Empties `held`, so that the file's bytes are freed before the pixels are processed. Raises ImageError.
    """
    if header.format in _PNM:
        return decode_pnm(held.pop()), ()
    if header.format == "JPEG":
        return decode_jpeg(held.pop(), header)
    held[0] = patched(held[0], header.patches)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    if header.alpha:
        flags = cv2.IMREAD_UNCHANGED
    pixels, error = None, ""
    with capture_decoder_output() as lines:
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
        message = error or next((line for line in lines if line.startswith(_ERROR_PREFIXES)), "").lstrip("> ")
        reason = f"OpenCV cannot decode it ({message})" if message else "OpenCV cannot decode it"
        raise damaged(header.format, f"{reason}, or a variant that OpenCV does not support")
    _compare(pixels, header)
    order = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    pixels = cv2.cvtColor(pixels, order, dst=pixels)
    return pixels, check_decoder_output(lines, header.format)


def _compare(pixels: np.ndarray, header: Header) -> None:
    """Raise ImageError if the decoded picture differs from its header."""
    height, width = pixels.shape[:2]
    if (width, height) != (header.width, header.height):
        found, expected = f"{width} x {height}", f"{header.width} x {header.height}"
        raise damaged(header.format, f"{expected} px in its header, {found} in its data")
    if pixels.dtype not in (np.uint8, np.uint16):
        unsupported(f"{header.format} with {pixels.dtype} samples")
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        channels = pixels.shape[2] if pixels.ndim == 3 else 1
        raise ImageError(f"{header.format} decoded to {channels} channels, expected colour")
