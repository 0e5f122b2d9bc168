"""Compressed strips of TIFFs: what is missing or damaged is found before libtiff sees it, which would print it."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image
from support import sample_images as make

from hiqa_cli.errors import ImageError
from hiqa_cli.images.formats.tiff_data import LZW, check_data
from hiqa_cli.images.read import decode_picture

PHOTO = make.photograph(200, 150)
KINDS = ("tiff_lzw", "packbits", "tiff_adobe_deflate", "lzma", "jpeg")


def strip_of(data: bytes) -> tuple[int, int]:
    """Offset and size of the last strip."""
    with Image.open(io.BytesIO(data)) as image:
        return image.tag_v2[273][-1], image.tag_v2[279][-1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_strip_whose_second_half_is_lost_is_refused_in_silence(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(make.pillow(PHOTO, "TIFF", compression=kind))
    start, size = strip_of(bytes(data))
    data[start + size // 2 : start + size] = bytes(size - size // 2)
    with pytest.raises(ImageError, match=r"damaged|truncated"):
        decode_picture(data)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_strip_that_says_it_is_shorter_is_refused_in_silence(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(make.pillow(PHOTO, "TIFF", compression=kind))
    _, size = strip_of(bytes(data))
    at = data.rindex(struct.pack("<I", size))
    data[at : at + 4] = struct.pack("<I", size // 2)
    with pytest.raises(ImageError, match=r"damaged|truncated"):
        decode_picture(data)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK"])
def test_sound_strips_of_every_kind_are_read(kind: str, mode: str) -> None:
    picture = Image.fromarray(PHOTO).convert(mode)
    if kind == "jpeg" and mode == "RGBA":
        pytest.skip("JPEG holds no alpha")
    assert decode_picture(make.pillow(picture, "TIFF", compression=kind)).width == 200


def test_lzw_data_are_measured_to_the_byte() -> None:
    rng = np.random.default_rng(0)
    pictures = (
        PHOTO,
        rng.integers(0, 256, (90, 300, 3), np.uint8),
        np.zeros((500, 400, 3), np.uint8),
        rng.integers(0, 2, (300, 300, 3), np.uint8),
    )
    for pixels in pictures:
        data = make.pillow(pixels, "TIFF", compression="tiff_lzw", tiffinfo={278: len(pixels)})
        start, size = strip_of(data)
        part = memoryview(data)[start : start + size]
        assert check_data([part], [pixels.size], LZW, b"") == []
        with pytest.raises(ImageError, match=f"decode to {pixels.size:,} bytes, and {pixels.size + 1:,} are needed"):
            check_data([part], [pixels.size + 1], LZW, b"")
