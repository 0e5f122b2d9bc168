"""Bytes to a Picture."""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np

from hiqa_cli.errors import ImageError

from .formats import HIQA_PNG_KEY, IMAGE_SUFFIXES, is_own_picture
from .limits import Limits
from .opencv import cv2
from .picture import Picture

__all__ = [
    "HIQA_PNG_KEY",
    "IMAGE_SUFFIXES",
    "Limits",
    "decode_picture",
    "is_own_picture",
    "read_picture",
]


def read_picture(
    source: str | bytes | os.PathLike | BinaryIO, limits: Limits = Limits()
) -> Picture:
    if isinstance(source, str | bytes | os.PathLike):
        try:
            with open(source, "rb") as file:
                return decode_picture(file.read(), limits)
        except OSError as error:
            raise ImageError(error.strerror or "cannot be read") from error
    return decode_picture(source.read(), limits)


def decode_picture(data: bytes, limits: Limits = Limits()) -> Picture:
    if not data:
        raise ImageError("empty file")
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if pixels is None:
        raise ImageError("not an image")
    return Picture(np.ascontiguousarray(pixels[..., ::-1]), "unknown")
