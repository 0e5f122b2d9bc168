"""WebP files that are marked as hiqa's own, so that hiqa never scores its own output."""

from __future__ import annotations

import io
import struct

import numpy as np

from hiqa_cli.errors import DependencyError
from hiqa_cli.images.sniff import HIQA_WEBP_CHUNK

RIFF_HEAD = 12  # bytes: "RIFF", the size, "WEBP"
DEFAULT_SPEED = 4  # of the encoder, 0 (fast) to 6 (small)


def check_webp() -> None:
    """Raises DependencyError where this Pillow cannot write WebP."""
    from PIL import features

    if not features.check("webp"):
        raise DependencyError(
            "this build of Pillow cannot write WebP, which reports need", "pip install --force-reinstall Pillow"
        )


def stamped_webp(pixels: np.ndarray, quality: int, text: str, speed: int = DEFAULT_SPEED) -> bytes:
    """Encode (H, W, 3) uint8 RGB as lossy WebP (quality 1..100), with `text` in a chunk of its own.

    The extended file format (RFC 9649, section 2.7) allows unknown chunks after the image; readers skip them.
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    encoded = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(encoded, "WEBP", quality=quality, method=speed)
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = _chunk(b"VP8X", bytes(4) + size) + encoded.getvalue()[RIFF_HEAD:]
    body += _chunk(HIQA_WEBP_CHUNK, text.encode("latin-1"))
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)
