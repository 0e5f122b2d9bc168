"""Camera raw files, developed by LibRaw (rawpy) as the camera meant it: the extra `raw`.

The camera's white balance, sRGB, no automatic brightness: a picture that was exposed too dark stays dark. Embedded
previews are never read.
"""

from __future__ import annotations

import io

import numpy as np

from hiqa_cli.images.exif import read_exif
from hiqa_cli.images.extras import library
from hiqa_cli.images.header import Data, Header, check_decoded_size, damaged, unsupported

NAME = "camera raw"
_SRGB_CURVE = (2.4, 12.92)
_TURNED = (5, 6)  # LibRaw's flips by a quarter


def read_raw(data: Data) -> Header:
    """The size of the developed picture. Raises ImageError."""
    rawpy = library("raw", NAME)
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            width, height, flip = raw.sizes.width, raw.sizes.height, raw.sizes.flip
    except rawpy.LibRawError as error:
        raise damaged(NAME, f"LibRaw cannot read it ({_reason(error)})") from None
    if flip in _TURNED:
        width, height = height, width
    remark = "camera raw, developed with the camera's white balance, without its tone curve"
    exif = read_exif(data).shooting_data if data[:4] in (b"II*\0", b"MM\0*") else ()
    return Header(NAME, width, height, decoder="LibRaw", exif=exif, remarks=(remark,))


def decode_raw(data: Data, header: Header) -> np.ndarray:
    """Develop to (H, W, 3) RGB, uint8, upright. Raises ImageError."""
    rawpy = library("raw", NAME)
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            pixels = raw.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                gamma=_SRGB_CURVE,
                output_color=rawpy.ColorSpace.sRGB,
                output_bps=8,
            )
    except rawpy.LibRawError as error:
        raise damaged(NAME, f"LibRaw cannot develop it ({_reason(error)})") from None
    check_decoded_size(header, pixels.shape[1], pixels.shape[0])
    if pixels.shape[2] != 3:
        unsupported("camera raw without colours")
    return pixels


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return " ".join((reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)).split())
