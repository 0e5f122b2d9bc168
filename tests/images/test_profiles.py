"""Colour profiles: applied to 8-bit images, named for all."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from support import sample_images as make

from hiqa_cli.images.icc_profile import cicp_name, is_srgb, profile_name
from hiqa_cli.images.read import decode_picture

PHOTO = make.photograph()
HAS_AVIF = cv2.haveImageWriter(".avif")


def cmyk(**settings: object) -> tuple[Image.Image, bytes]:
    image = Image.fromarray(PHOTO).convert("CMYK")
    inks = np.asarray(image).copy()
    inks[..., 3] = inks[..., :3].min(axis=2) // 2  # some black, so that mixing matters
    image = Image.fromarray(inks, "CMYK")
    return image, make.pillow(image, "JPEG", quality=97, subsampling=0, **settings)


def to_srgb(pixels: np.ndarray, icc: bytes) -> np.ndarray:
    """The whole picture at once, by Pillow."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    converted = ImageCms.profileToProfile(
        Image.fromarray(pixels),
        source,
        ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return np.asarray(converted)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_profile_other_than_srgb_is_named_and_converted(kind: str) -> None:
    if kind == "AVIF" and not HAS_AVIF:
        pytest.skip("this OpenCV has no AVIF")
    icc = make.profile("Display P3")
    settings: dict[str, dict[str, object]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}
    picture = decode_picture(make.pillow(PHOTO, kind, icc_profile=icc, **settings.get(kind, {})))
    plain = decode_picture(make.pillow(PHOTO, kind, **settings.get(kind, {})))
    assert picture.notes == ("profile Display P3, converted to sRGB",)
    assert np.abs(picture.pixels.astype(int) - to_srgb(plain.pixels, icc)).max() <= 1
    assert np.abs(picture.pixels.astype(int) - plain.pixels).max() > 8


def test_a_16_bit_picture_is_not_converted_and_the_note_says_so() -> None:
    deep = PHOTO.astype(np.uint16) * 257
    data = make.into_png(make.encode(deep, ".png"), make.icc_chunk(make.profile()))
    picture = decode_picture(data)
    assert picture.notes == ("profile Display P3, read as sRGB (16-bit pictures are not converted)",)
    assert np.array_equal(picture.pixels, deep)


def test_a_grey_profile_with_another_curve_is_applied() -> None:
    grey = PHOTO[..., 0].copy()
    linear = make.profile("Linear grey", gamma=1.0, space=b"GRAY")
    data = make.into_png(make.encode(grey, ".png"), make.icc_chunk(linear))
    picture = decode_picture(data)
    assert picture.notes == ("profile Linear grey, converted to sRGB",)
    assert picture.pixels.mean() > grey.mean() + 20
    usual = make.profile("Grey 2.2", gamma=2.2, space=b"GRAY")
    assert decode_picture(make.into_png(make.encode(grey, ".png"), make.icc_chunk(usual))).notes == ()


def test_the_profile_of_a_cmyk_picture_is_named_but_not_applied() -> None:
    _, data = cmyk(icc_profile=make.profile("Coated inks", space=b"CMYK"))
    picture = decode_picture(data)
    assert picture.notes == ("CMYK converted to RGB without its profile Coated inks",)


def test_a_grey_profile_in_a_colour_picture_is_not_applied() -> None:
    linear = make.profile("Linear grey", gamma=1.0, space=b"GRAY")
    data = make.into_png(make.encode(PHOTO, ".png"), make.icc_chunk(linear))
    picture = decode_picture(data)
    assert picture.notes == ("profile Linear grey, read as sRGB",)
    assert np.array_equal(picture.pixels, PHOTO)


def test_srgb_is_recognised_by_colorants_and_curve_not_by_name() -> None:
    from_pillow = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert is_srgb(from_pillow)
    assert is_srgb(make.profile("c2", make.SRGB_COLORANTS))
    assert not is_srgb(make.profile("c2", make.SRGB_COLORANTS, gamma=1.0))
    assert not is_srgb(make.profile("sRGB linear", make.SRGB_COLORANTS, gamma=1.0))
    assert not is_srgb(make.profile("Display P3"))
    data = make.into_jpeg(make.encode(PHOTO, ".jpg"), make.icc_segment(from_pillow))
    assert decode_picture(data).notes == ()


def test_a_broken_profile_is_noted_and_ignored() -> None:
    whole = make.profile()
    for icc in (b"no profile at all" * 20, whole[:150], whole[:131] + b"\xff" * 300):
        data = make.into_jpeg(make.encode(PHOTO, ".jpg"), make.icc_segment(icc))
        assert decode_picture(data).notes == ("profile without a name, read as sRGB",)
    assert profile_name(whole) == "Display P3"


def test_a_profile_in_two_segments_of_a_jpeg_is_joined() -> None:
    icc = make.profile("Display P3")
    parts = (b"\x02\x02" + icc[200:], b"\x01\x02" + icc[:200])
    segments = [make.jpeg_segment(0xE2, b"ICC_PROFILE\0" + part) for part in parts]
    picture = decode_picture(make.into_jpeg(make.encode(PHOTO, ".jpg"), *segments))
    assert picture.notes == ("profile Display P3, converted to sRGB",)


def test_a_colour_space_without_a_profile_is_noted() -> None:
    png, jpeg = make.encode(PHOTO, ".png"), make.encode(PHOTO, ".jpg")
    notes = {
        "colours gamma 1, read as sRGB": make.into_png(png, make.png_chunk(b"gAMA", struct.pack(">I", 100_000))),
        "colours BT.2020 PQ, read as sRGB": make.into_png(png, make.png_chunk(b"cICP", b"\x09\x10\0\1")),
        "colours Adobe RGB (named in EXIF), read as sRGB": make.into_jpeg(
            jpeg, make.jpeg_segment(0xE1, b"Exif\0\0" + make.exif_adobe_rgb())
        ),
    }
    for note, data in notes.items():
        assert decode_picture(data).notes == (note,)
    usual = make.into_png(png, make.png_chunk(b"gAMA", struct.pack(">I", 45_455)))
    assert decode_picture(usual).notes == ()
    assert [cicp_name(*codes) for codes in ((1, 13), (2, 2), (12, 13), (1, 8))] == [
        "",
        "",
        "Display P3",
        "BT.709 linear",
    ]
