"""Every supported format and sample type decodes to the right RGB pixels."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import pytest
from PIL import Image
from support import sample_images as make

from hiqa_cli.images.read import decode_picture

PHOTO = make.photograph()
GREY = PHOTO[..., 1].copy()
WIDTH, HEIGHT = 96, 64
newer = pytest.mark.skipif(not cv2.haveImageWriter(".gif"), reason="this OpenCV has no GIF")


def with_avif() -> bool:
    return bool(cv2.haveImageWriter(".avif"))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".ppm", ".jp2", ".webp"])
def test_a_lossless_colour_picture_is_read_exactly_as_rgb(suffix: str) -> None:
    settings = {
        ".jp2": [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, 101],
    }
    picture = decode_picture(make.encode(PHOTO, suffix, *settings.get(suffix, [])))
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert picture.notes == ()
    assert np.array_equal(picture.pixels, PHOTO)


@pytest.mark.parametrize(
    ("suffix", "settings"),
    [
        (".jpg", []),
        (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
        (".jpg", [cv2.IMWRITE_JPEG_RST_INTERVAL, 3]),
        (".webp", [cv2.IMWRITE_WEBP_QUALITY, 95]),
    ],
)
def test_a_lossy_picture_is_read_nearly_exactly(suffix: str, settings: list[int]) -> None:
    picture = decode_picture(make.encode(PHOTO, suffix, *settings))
    assert picture.notes == ()
    assert np.abs(picture.pixels.astype(int) - PHOTO).mean() < 4


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp", ".pgm", ".jp2", ".webp"])
def test_a_grey_picture_becomes_rgb_with_three_equal_channels(suffix: str) -> None:
    pixels = decode_picture(make.encode(GREY, suffix)).pixels
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    spread = pixels.max(axis=2).astype(int) - pixels.min(axis=2)
    assert spread.max() <= (4 if suffix == ".webp" else 0)
    assert np.abs(pixels[..., 0].astype(int) - GREY).mean() < 4


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm", ".jp2"])
def test_a_16_bit_picture_stays_16_bit(suffix: str) -> None:
    deep = PHOTO.astype(np.uint16) * 257 + 3
    settings = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000] if suffix == ".jp2" else []
    pixels = decode_picture(make.encode(deep, suffix, *settings)).pixels
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels, deep)
    grey = decode_picture(make.encode(deep[..., 0].copy(), suffix.replace("ppm", "pgm"), *settings)).pixels
    assert np.array_equal(grey, np.repeat(deep[..., :1], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["P", "1"])
def test_palette_and_one_bit_pictures_match_pillow(kind: str, mode: str) -> None:
    image = Image.fromarray(PHOTO).convert(mode)
    pixels = decode_picture(make.pillow(image, kind)).pixels
    assert np.array_equal(pixels, np.asarray(image.convert("RGB")))


def test_png_of_1_2_and_4_bits_is_stretched_to_8() -> None:
    assert decode_picture(make.png(4, 1, 2, 0, b"\0\x1b")).pixels[0, :, 0].tolist() == [0, 85, 170, 255]
    assert decode_picture(make.png(2, 1, 4, 0, b"\0\x0f")).pixels[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".ppm", ".webp", ".jp2"])
def test_a_picture_of_one_pixel_is_read(suffix: str) -> None:
    dot = np.array([[[200, 100, 50]]], np.uint8)
    data = make.pillow(dot, "JPEG2000") if suffix == ".jp2" else make.encode(dot, suffix)
    pixels = decode_picture(data).pixels
    assert pixels.shape == (1, 1, 3)
    assert np.abs(pixels.astype(int) - dot).max() < 16


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_tiff_and_bigtiff_of_both_byte_orders_are_read(order: Literal["<", ">"], big: bool, deep: bool) -> None:
    samples = PHOTO.astype(np.uint16) * 257 if deep else PHOTO
    data = make.tiff(samples, (WIDTH, HEIGHT), [16 if deep else 8] * 3, order=order, big=big)
    assert np.array_equal(decode_picture(data).pixels, samples)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_whose_zero_is_white_is_inverted(bits: int) -> None:
    samples = GREY if bits == 8 else GREY.astype(np.uint16) * 257
    pixels = decode_picture(make.tiff(samples, (WIDTH, HEIGHT), [bits], 0)).pixels
    assert np.array_equal(pixels[..., 2], samples.max() * 0 + (2**bits - 1) - samples)


def test_a_12_bit_tiff_is_stretched_to_16() -> None:
    data = make.tiff(bytes([0xFF, 0xF0, 0x00, 0x80, 0x00, 0x00]), (4, 1), [12], 1)
    pixels = decode_picture(data).pixels
    assert pixels.dtype == np.uint16
    assert pixels[0, :, 0].tolist() == [65535, 0, 32776, 0]


def test_a_planar_tiff_is_read() -> None:
    planes = PHOTO.transpose(2, 0, 1).copy()
    count = WIDTH * HEIGHT
    tags = {284: (3, [2]), 273: (4, [0] * 3), 279: (4, [count] * 3)}
    start = len(make.tiff(planes, (WIDTH, HEIGHT), tags=tags)) - 3 * count
    tags[273] = (4, [start + index * count for index in range(3)])
    data = make.tiff(planes, (WIDTH, HEIGHT), tags=tags)
    assert np.array_equal(decode_picture(data).pixels, PHOTO)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg"])
def test_compressed_tiffs_are_read(compression: str) -> None:
    pixels = decode_picture(make.pillow(PHOTO, "TIFF", compression=compression)).pixels
    assert np.abs(pixels.astype(int) - PHOTO).mean() < (4 if compression == "jpeg" else 0.01)


def test_a_cmyk_tiff_matches_pillow() -> None:
    image = Image.fromarray(PHOTO).convert("CMYK")
    picture = decode_picture(make.pillow(image, "TIFF"))
    assert picture.notes == ("CMYK converted to RGB without a profile",)
    assert np.abs(picture.pixels.astype(int) - np.asarray(image.convert("RGB"))).max() <= 2


def test_bmp_rows_from_the_top_and_32_bits_without_alpha_are_read() -> None:
    row = np.dstack([PHOTO[..., ::-1], np.zeros((HEIGHT, WIDTH, 1), np.uint8)])
    assert np.array_equal(decode_picture(make.bmp((WIDTH, -HEIGHT), 32, row.tobytes())).pixels, PHOTO)
    upward = PHOTO[::-1, :, ::-1].tobytes()  # 96 px need no padding
    assert np.array_equal(decode_picture(make.bmp((WIDTH, HEIGHT), 24, upward)).pixels, PHOTO)


def test_a_run_length_bmp_is_read() -> None:
    palette = bytes([10, 20, 30, 0, 40, 50, 60, 0]).ljust(1024, b"\0")
    data = make.bmp((2, 1), 8, bytes([2, 1, 0, 0, 0, 1]), compression=1, palette=palette)
    assert decode_picture(data).pixels.tolist() == [[[60, 50, 40]] * 2]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"P1\n# made by hand\n3 1\n1 0 1\n", [0, 255, 0]),
        (b"P1 3 1 101", [0, 255, 0]),
        (b"P4 3 1\n\xa0", [0, 255, 0]),
        (b"P2 3 1 100 0 50 100", [0, 128, 255]),
        (b"P2\n3 1\n255\n1 # one\n2\n3", [1, 2, 3]),
        (b"P5 3 1 100\n\x00\x32\x64", [0, 128, 255]),
        (b"P5\n3 1\n255\n123more", [49, 50, 51]),
        (b"P5 3 1 1023\n\x00\x00\x02\x00\x03\xff", [0, 32800, 65535]),
        (b"P2 3 1 65535 0 256 65535", [0, 256, 65535]),
        (b"P7\nWIDTH 3\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n\0\1\0", [0, 255, 0]),
    ],
)
def test_pnm_values_are_stretched_to_the_full_range(data: bytes, expected: list[int]) -> None:
    pixels = decode_picture(data).pixels
    assert pixels.dtype == (np.uint16 if max(expected) > 255 else np.uint8)
    assert pixels[0].tolist() == [[value] * 3 for value in expected]


@pytest.mark.parametrize(
    "data",
    [
        b"P3 1 1 255 1 2 3",
        b"P6 1 1 255\n\1\2\3",
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n\1\2\3",
    ],
)
def test_pnm_channels_have_the_right_order(data: bytes) -> None:
    assert decode_picture(data).pixels.tolist() == [[[1, 2, 3]]]


def test_a_raw_jpeg_2000_codestream_and_one_of_tiles_are_read() -> None:
    for settings in ({"no_jp2": True}, {"tile_size": (32, 32)}, {"no_jp2": True, "tile_size": (50, 50)}):
        picture = decode_picture(make.pillow(PHOTO, "JPEG2000", **settings))
        assert picture.format == "JPEG 2000"
        assert np.array_equal(picture.pixels, PHOTO)


@pytest.mark.skipif(not with_avif(), reason="this OpenCV has no AVIF")
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_an_avif_of_any_depth_is_stretched_to_the_full_range(bits: int) -> None:
    samples = PHOTO if bits == 8 else (PHOTO.astype(np.uint32) * (2**bits - 1) // 255).astype(np.uint16)
    settings = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95, cv2.IMWRITE_AVIF_SPEED, 10]
    picture = decode_picture(make.encode(samples, ".avif", *settings))
    found = picture.pixels.astype(float) / (255 if bits == 8 else 65535)
    assert picture.format == "AVIF"
    assert np.abs(found * 255 - PHOTO).mean() < 3


@newer
def test_a_gif_matches_pillow() -> None:
    image = Image.fromarray(PHOTO).convert("P")
    picture = decode_picture(make.pillow(image, "GIF"))
    assert picture.format == "GIF"
    assert np.array_equal(picture.pixels, np.asarray(image.convert("RGB")))


ANIMATED = [
    "PNG",
    pytest.param("WEBP", marks=newer),
    pytest.param("GIF", marks=newer),
    pytest.param("AVIF", marks=pytest.mark.skipif(not with_avif(), reason="no AVIF here")),
    "TIFF",
]


@pytest.mark.parametrize("kind", ANIMATED)
def test_the_first_of_several_frames_is_read_and_noted(kind: str) -> None:
    pictures = make.frames(3)
    settings: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    data = make.pillow(pictures[0], kind, save_all=True, append_images=pictures[1:], **settings)
    picture = decode_picture(data)
    assert picture.notes == ("first of 3 frames",)
    differences = [np.abs(picture.pixels.astype(int) - np.asarray(one)).mean() for one in pictures]
    assert differences[0] < 8 < min(differences[1:])


def test_the_still_picture_of_an_animated_png_is_read() -> None:
    pictures = make.frames(3)
    data = make.pillow(pictures[0], "PNG", save_all=True, append_images=pictures[1:], default_image=True)
    picture = decode_picture(data)
    assert picture.notes == ("still picture of an animated file",)
    assert np.array_equal(picture.pixels, np.asarray(pictures[0]))
