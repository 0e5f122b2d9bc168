"""Codecs: JPEG and JPEG 2000 by OpenCV (libjpeg-turbo, OpenJPEG), and JPEG like TID2013's, by Pillow.

Every picture is (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from hiqa_cli.errors import DependencyError

from .opencv import cv2
from .pixels import dct_blocks, from_ycc, to_8bit, to_ycc, undo_dct_blocks

# ITU-T T.81, annex K: the tables that libjpeg scales by quality, row by row.
# fmt: off
LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)
CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    *([99] * 32),
)
# fmt: on


def pillow() -> Any:
    """Pillow's module Image. Raises DependencyError without Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise DependencyError("Pillow is needed for this distortion", "pip install 'hiqa[datasets]'") from None
    return Image


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """JPEG at libjpeg's `quality` 1..100, chroma halved both ways (OpenCV's default)."""
    return decode(jpeg_bytes(image, quality))


def jpeg_bytes(image: np.ndarray, quality: int, *, restart: int = 0) -> np.ndarray:
    """A JPEG file. restart: number of 16x16 blocks in an independently decodable segment, 0 for one segment."""
    options = [cv2.IMWRITE_JPEG_QUALITY, int(quality), cv2.IMWRITE_JPEG_RST_INTERVAL, restart]
    ok, data = cv2.imencode(".jpg", image[..., ::-1], options)
    if not ok:
        raise RuntimeError("OpenCV could not write a JPEG")
    return data


def unlimited_table(table: tuple[int, ...], quality: int) -> list[int]:
    """A quantisation table scaled by quality 1..100 as libjpeg does, without its limit of 255."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [max(1, (value * scale + 50) // 100) for value in table]


def unlimited_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """JPEG like TID2013's type 10: quantisation tables not limited to 255, chroma halved. Needs Pillow."""
    tables = [unlimited_table(LUMA, quality), unlimited_table(CHROMA, quality)]
    file = io.BytesIO()
    picture = pillow().fromarray(image)
    # Progressive, which changes no pixel: in baseline files libjpeg warns of tables beyond 255.
    picture.save(file, "JPEG", qtables=tables, subsampling="4:2:0", progressive=True)
    return decode(np.frombuffer(file.getvalue(), np.uint8))


def decode(data: np.ndarray) -> np.ndarray:
    """Decode the bytes of a file written by this module to (H, W, 3) uint8 RGB."""
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if picture is None:
        raise RuntimeError("OpenCV could not read its own file")
    return np.ascontiguousarray(picture[..., ::-1])


def block_codec(image: np.ndarray, step: float, side: int, smoothing: float) -> np.ndarray:
    """The losses of a video codec: a DCT of blocks of `side` px, quantised by `step` levels with a wide dead zone,
    chroma at half the resolution, and edges between blocks smoothed by a bilateral filter of `smoothing` steps."""
    height, width = image.shape[:2]
    ycc = to_ycc(image)
    chroma = cv2.resize(ycc[..., 1:], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)

    def coded(planes: np.ndarray, size: int) -> np.ndarray:
        scaled = dct_blocks(planes, size) / step
        whole = np.sign(scaled) * np.floor(np.abs(scaled) + 1 / 3)
        return np.ascontiguousarray(undo_dct_blocks(whole * step, *planes.shape[:2]))

    luma = coded(ycc[..., :1], side)
    colour = cv2.resize(coded(chroma, max(4, side // 2)), (width, height), interpolation=cv2.INTER_LINEAR)
    decoded = to_8bit(from_ycc(np.concatenate([luma, colour], axis=2)))
    return cv2.bilateralFilter(decoded, 5, smoothing * step, 2) if smoothing else decoded


def jpeg2000_bytes(image: np.ndarray, per_mille: int) -> np.ndarray:
    """A JPEG 2000 file of about `per_mille` thousandths of the raw size (OpenCV's own unit, 1..1000)."""
    options = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, int(per_mille)]
    ok, data = cv2.imencode(".jp2", image[..., ::-1], options)
    if not ok:
        raise RuntimeError("OpenCV could not write a JPEG 2000 file")
    return data


def jpeg2000(image: np.ndarray, bits_per_pixel: float) -> np.ndarray:
    """JPEG 2000 at a rate in bits per pixel (24 is raw), in OpenCV's steps of 0.024 bit."""
    per_mille = max(1, round(bits_per_pixel / 24 * 1000))
    return decode(jpeg2000_bytes(image, per_mille))


def wavelet_codec(image: np.ndarray, ratio: float) -> np.ndarray:
    """JPEG 2000 with four levels of the irreversible 9/7 wavelet, compressed by `ratio` (24 bits per pixel to 24 /
    ratio).

    By Pillow, which takes any ratio, where OpenCV has steps of a thousandth. Raises DependencyError without Pillow.
    """
    file = io.BytesIO()
    settings = {"quality_mode": "rates", "quality_layers": [ratio], "irreversible": True, "num_resolutions": 5}
    pillow().fromarray(image).save(file, "JPEG2000", no_jp2=True, **settings)
    return decode(np.frombuffer(file.getvalue(), np.uint8))
