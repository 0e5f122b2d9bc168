"""Decodes an accepted image with the library that its header names, and checks the result against the header."""

from __future__ import annotations

import numpy as np

from hiqa_cli.errors import DependencyError, ImageError

from .formats.bmp import decode_bmp
from .formats.gif import clear_outside_frame
from .formats.jpeg import decode_jpeg
from .formats.jxl import decode_jxl
from .formats.png import check_rows, without_ancillary_chunks
from .formats.pnm import decode_pnm
from .formats.raw import decode_raw
from .header import Header, check_decoded_size, damaged, patched, unsupported
from .with_pillow import decode_with_pillow

_MAX_BYTES = 2**31 - 1  # OpenCV counts an array's elements in an int
_MAX_SIDE, _MAX_PIXELS = 2**20, 2**30  # px; OpenCV's own limits
_PNM = ("PBM", "PGM", "PPM", "PAM")


def check_decoder_limits(header: Header, size: int) -> None:
    """Raise ImageError for what is too large for the decoders. size: bytes of the file."""
    if header.format in _PNM:
        return
    if size > _MAX_BYTES:
        unsupported(f"a file of {size:,} bytes (decoders take {_MAX_BYTES:,})")
    pixels = header.width * header.height
    if max(header.width, header.height) > _MAX_SIDE or pixels > _MAX_PIXELS:
        unsupported(f"{header.width} x {header.height} px (beyond the decoders' limits)")


def decode(held: list[bytearray | bytes], header: Header) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decode the file held[0]; returns its pixels and notes on damage.

    The pixels are (H, W, 3) RGB or, if the header has alpha, (H, W, 4) RGBA, uint8 or uint16, as stored (not turned).
    Empties `held`, so that the file's bytes are freed before the pixels are processed. Raises ImageError.
    """
    if header.format in _PNM:
        return decode_pnm(held.pop()), ()
    if header.format == "JPEG":
        return decode_jpeg(held.pop(), header)
    if header.decoder == "pillow-jxl-plugin":
        return decode_jxl(held.pop(), header)
    if header.decoder == "LibRaw":
        return decode_raw(held.pop(), header), ()
    if header.format == "BMP":
        own = decode_bmp(held[0], header)
        if own is not None:
            held.clear()
            return own
    if header.format == "PNG":
        if header.decoder == "OpenCV":
            check_rows(held[0])
        held[0] = without_ancillary_chunks(held[0])
    held[0] = patched(held[0], header.patches)
    if header.format == "AVIF" and header.decoder == "OpenCV" and not header.premultiplied:
        return _decode_deep_avif(held, header)
    return _decode_with_library(held, header), ()


def _decode_deep_avif(held: list[bytearray | bytes], header: Header) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decode with OpenCV, or with Pillow where OpenCV does not know the colour space."""
    data = held[0]
    try:
        return _decode_with_opencv(held, header), ()
    except _NotDecodedError as error:
        try:
            pixels, _ = decode_with_pillow(data, header)
        except ImageError:
            raise error from None
    # As OpenCV returns it: the header names the value of white.
    full_scale = np.uint32(header.full_scale or 65535)
    deep = ((pixels.astype(np.uint32) * full_scale + 127) // 255).astype(np.uint16)
    return deep, ("samples of more than 8 bits read with 8 bits",)


class _NotDecodedError(ImageError):
    """OpenCV does not decode a file."""


def _decode_with_library(held: list[bytearray | bytes], header: Header) -> np.ndarray:
    if header.decoder == "OpenCV":
        return _decode_with_opencv(held, header)
    data = held[0] if header.format == "PNG" else b""
    pixels, last_row_is_zero = decode_with_pillow(held.pop(), header)
    if header.format == "PNG" and (last_row_is_zero or header.interlaced):
        check_rows(data)  # Pillow does not report rows that are missing behind complete compressed data
    if header.frame is not None:
        clear_outside_frame(pixels, header.frame)
    return pixels


def _decode_with_opencv(held: list[bytearray | bytes], header: Header) -> np.ndarray:
    try:
        from . import opencv

        opencv.require()
    except DependencyError as error:
        raise ImageError(f"16-bit or rare {header.format}: {error.message}", error.hint) from None
    cv2 = opencv.cv2
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    if header.alpha:
        flags = cv2.IMREAD_UNCHANGED
    pixels, message = None, ""
    try:
        with opencv.silence():
            pixels = cv2.imdecode(np.frombuffer(held.pop(), np.uint8), flags)
    except cv2.error as failure:
        message = " ".join((failure.err or "").split())
    if pixels is None:
        reason = f"OpenCV cannot decode it ({message})" if message else "OpenCV cannot decode it"
        what = damaged(header.format, f"{reason}, or a variant that OpenCV does not support")
        raise _NotDecodedError(what.message)
    _check_pixels(pixels, header)
    order = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(pixels, order, dst=pixels)


def _check_pixels(pixels: np.ndarray, header: Header) -> None:
    """Raise ImageError for another size than the header's, or for pixels that are no colours of 8 or 16 bits."""
    height, width = pixels.shape[:2]
    check_decoded_size(header, width, height)
    if pixels.dtype not in (np.uint8, np.uint16):
        unsupported(f"{header.format} with {pixels.dtype} samples")
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        channels = pixels.shape[2] if pixels.ndim == 3 else 1
        raise ImageError(f"{header.format} decoded to {channels} channels, expected colour")
