"""Formats that are rare among photographs: read by Pillow, and refused wherever they end too soon."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from support import sample_images as make

from hiqa_cli.errors import ImageError
from hiqa_cli.images.icc_profile import srgb_converter
from hiqa_cli.images.read import decode_picture

PHOTO = make.photograph(96, 64)
KINDS = ("TGA", "PCX", "SGI", "DDS", "QOI", "DIB")
PREFIXES = 24


def encoded(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PHOTO).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_are_read_and_a_file_that_ends_too_soon_is_refused(kind: str) -> None:
    data = encoded(kind)
    assert np.array_equal(decode_picture(data).pixels, PHOTO)
    for number in range(1, PREFIXES):
        with pytest.raises(ImageError):
            decode_picture(data[: len(data) * number // PREFIXES])


def test_run_lengths_of_a_targa_and_its_alpha_are_read() -> None:
    assert np.array_equal(decode_picture(encoded("TGA", compression="tga_rle")).pixels, PHOTO)
    out = io.BytesIO()
    Image.fromarray(np.dstack([PHOTO, np.zeros(PHOTO.shape[:2], np.uint8)])).save(out, "TGA")
    picture = decode_picture(out.getvalue())
    assert (picture.pixels == 128).all()
    assert picture.notes == ("alpha composited over grey 128",)


def test_of_an_icon_the_largest_size_is_read() -> None:
    icon = Image.fromarray(PHOTO).resize((64, 64))
    out = io.BytesIO()
    icon.save(out, "ICO", sizes=[(16, 16), (64, 64)])
    picture = decode_picture(out.getvalue())
    assert picture.pixels.shape == (64, 64, 3)
    assert "largest of 2 sizes" in picture.notes


def test_compressed_fits_data_that_pillow_inflates_without_a_limit_are_refused() -> None:
    cards = (
        "SIMPLE  =                    T",
        "BITPIX  =                    8",
        "NAXIS   =                    0",
        "END",
    )
    table = ("XTENSION= 'BINTABLE'", "BITPIX  =                    8", "NAXIS   =                    2",
             "NAXIS1  =                    8", "NAXIS2  =                    1", "ZIMAGE  =                    T",
             "ZCMPTYPE= 'GZIP_1  '", "ZBITPIX =                    8", "ZNAXIS  =                    2",
             "ZNAXIS1 =                    9", "ZNAXIS2 =                    9", "END")  # fmt: skip
    data = b"".join("".join(card.ljust(80) for card in block).ljust(2880).encode() for block in (cards, table))
    with pytest.raises(ImageError, match="compressed FITS is not supported"):
        decode_picture(data + bytes(2880))


def test_a_profile_whose_colorants_are_no_colours_is_not_applied() -> None:
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert srgb_converter(bytes(profile)) is not None
    for name in (b"rXYZ", b"gXYZ", b"bXYZ"):
        entry = profile.index(name)
        start = int.from_bytes(profile[entry + 4 : entry + 8], "big")
        profile[start + 8 : start + 20] = bytes(12)
    assert srgb_converter(bytes(profile)) is None


def test_bytes_between_jpeg_segments_and_a_repeated_profile_do_no_harm() -> None:
    jpeg = make.pillow(PHOTO, "JPEG", icc_profile=b"x" * 20)
    whole = decode_picture(jpeg).pixels
    at = jpeg.index(b"\xff\xdb")
    profile = jpeg.index(b"\xff\xe2")
    segment = jpeg[profile : profile + 2 + int.from_bytes(jpeg[profile + 2 : profile + 4], "big")]
    for stray in (b"\xff\0\0\2", segment):
        assert np.array_equal(decode_picture(jpeg[:at] + stray + jpeg[at:]).pixels, whole)


def test_a_gif_that_is_damaged_after_its_first_frame_is_read_with_a_note() -> None:
    gif = make.pillow(PHOTO, "GIF")
    picture = decode_picture(gif[:-1] + b"\x47" + gif)
    assert "damaged after 1 of its frames" in picture.notes
    assert np.array_equal(picture.pixels, decode_picture(gif).pixels)
