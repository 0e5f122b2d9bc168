"""Small pictures as WebP, marked as hiqa's own, so that hiqa never scores what it wrote itself."""

from __future__ import annotations

import struct

import numpy as np

from hiqa_cli.errors import DependencyError
from hiqa_cli.images.opencv import cv2
from hiqa_cli.images.sniff import HIQA_WEBP_CHUNK

_RIFF_HEAD = 12  # "RIFF", the size, "WEBP"


def check_webp() -> None:
    """DependencyError where this OpenCV cannot write WebP."""
    if not cv2.haveImageWriter(".webp"):
        raise DependencyError(
            f"this build of OpenCV ({cv2.__version__}) cannot write WebP, which reports are made of",
            "pip install opencv-python, or opencv-python-headless",
        )


def stamped_webp(pixels: np.ndarray, quality: int, text: str) -> bytes:
    """A picture (H, W, 3) uint8 RGB as lossy WebP (quality 1..100), with `text` in a chunk of its own.

    The extended file format (RFC 9649, section 2.7) lets unknown chunks stand behind the picture; every reader
    passes over them.
    """
    height, width = pixels.shape[:2]
    done, data = cv2.imencode(".webp", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise DependencyError(f"OpenCV could not write a WebP of {width} x {height} px", "install another build")
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = _chunk(b"VP8X", bytes(4) + size) + data.tobytes()[_RIFF_HEAD:]
    body += _chunk(HIQA_WEBP_CHUNK, text.encode("latin-1"))
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)
