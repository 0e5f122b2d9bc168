"""Pictures are upright, opaque and in sRGB, and notes describe every conversion."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image
from support import sample_images as make

from hiqa_cli.images.normalise import BACKGROUND
from hiqa_cli.images.read import decode_picture

PHOTO = make.photograph()
ALPHA = make.opacity()
RGBA = np.dstack([PHOTO, ALPHA])
COMPOSITED = ("alpha composited over grey 128",)
HAS_AVIF = cv2.haveImageWriter(".avif")
HAS_GIF = cv2.haveImageWriter(".gif")


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF's definition of the eight orientations, in numpy."""
    if orientation > 4:
        pixels = pixels.transpose(1, 0, 2)
    across = orientation in (2, 3, 6, 7)
    down = orientation in (3, 4, 7, 8)
    return pixels[:: -1 if down else 1, :: -1 if across else 1]


def composite(pixels: np.ndarray, alpha: np.ndarray, white: int = 255) -> np.ndarray:
    share = alpha[..., None].astype(float) / white
    grey = BACKGROUND * white // 255
    return pixels * share + grey * (1 - share)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "16-bit TIFF", "AVIF"])
def test_every_orientation_is_applied_once_in_every_format(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    reference = PHOTO
    if kind == "JPEG":
        data = make.with_exif(make.encode(PHOTO, ".jpg"), orientation)
    elif kind == "PNG":
        chunk = make.png_chunk(b"eXIf", make.exif_block(orientation, "<"))
        data = make.into_png(make.encode(PHOTO, ".png"), chunk)
    elif kind == "16-bit TIFF":
        reference = PHOTO.astype(np.uint16) * 257
        data = make.tiff(reference, (96, 64), [16] * 3, order=">", tags={274: (3, [orientation])})
    elif kind == "AVIF" and not HAS_AVIF:
        pytest.skip("this OpenCV has no AVIF")
    else:
        data = make.pillow(PHOTO, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    picture = decode_picture(data)
    expected = upright(reference, orientation)
    assert picture.pixels.shape == expected.shape
    assert picture.pixels.flags.c_contiguous
    tolerance = {"JPEG": 4, "AVIF": 8}.get(kind, 0)
    assert np.abs(picture.pixels.astype(int) - expected).mean() <= tolerance
    turned = (f"turned upright (EXIF orientation {orientation})",)
    assert picture.notes == (turned if orientation > 1 else ())


def test_decode_picture_does_not_change_its_input() -> None:
    data = bytearray(make.tiff(PHOTO, (96, 64), tags={274: (3, [6])}))
    before = bytes(data)
    assert np.array_equal(decode_picture(data).pixels, upright(PHOTO, 6))
    assert data == before


def test_a_broken_exif_block_is_ignored() -> None:
    for body in (b"", b"MM\0*", b"MM\0*\xff\xff\xff\xff", make.exif_block(99), make.exif_block(6)[:14]):
        data = make.into_jpeg(make.encode(PHOTO, ".jpg"), make.jpeg_segment(0xE1, b"Exif\0\0" + body))
        assert decode_picture(data).notes == ()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG2000", "AVIF", "PAM", "BMP"])
def test_alpha_is_composited_over_grey_128_and_noted(kind: str) -> None:
    if kind == "AVIF" and not HAS_AVIF:
        pytest.skip("this OpenCV has no AVIF")
    if kind == "PAM":
        head = b"P7\nWIDTH 96\nHEIGHT 64\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
        data = head + RGBA.tobytes()
    elif kind == "BMP":
        masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        rows = np.ascontiguousarray(RGBA[..., [2, 1, 0, 3]]).tobytes()
        data = make.bmp((96, -64), 32, rows, compression=3, header=108, masks=masks)
    elif kind == "TIFF":
        data = make.tiff(RGBA, (96, 64), [8] * 4, tags={338: (3, [2])})
    else:
        settings: dict[str, dict[str, object]] = {
            "WEBP": {"lossless": True, "exact": True},
            "AVIF": {"quality": 98, "speed": 10},
        }
        data = make.pillow(RGBA, kind, **settings.get(kind, {}))
    picture = decode_picture(data)
    assert picture.notes == COMPOSITED
    difference = np.abs(picture.pixels - composite(PHOTO, ALPHA))
    assert difference.max() <= (12 if kind == "AVIF" else 1.01)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_alpha_is_composited_exactly(kind: str) -> None:
    deep = RGBA.astype(np.uint16) * 257
    tiff = make.tiff(deep, (96, 64), [16] * 4, tags={338: (3, [2])})
    picture = decode_picture(make.encode(deep, ".png") if kind == "PNG" else tiff)
    assert picture.pixels.dtype == np.uint16
    assert picture.notes == COMPOSITED
    expected = composite(deep[..., :3], deep[..., 3], 65535)
    assert np.abs(picture.pixels - expected).max() <= 0.51


@pytest.mark.parametrize("bits", [8, 16])
def test_premultiplied_colours_are_not_multiplied_again(bits: int) -> None:
    white = 2**bits - 1
    samples = RGBA if bits == 8 else RGBA.astype(np.uint16) * 257
    stored = samples.copy()
    stored[..., :3] = np.round(samples[..., :3] * (samples[..., 3:] / white))
    data = make.tiff(stored, (96, 64), [bits] * 4, tags={338: (3, [1])})
    expected = composite(samples[..., :3], samples[..., 3], white)
    assert np.abs(decode_picture(data).pixels - expected).max() <= 1.01


def test_opaque_alpha_has_no_note_and_an_unspecified_channel_is_ignored() -> None:
    opaque = np.dstack([PHOTO, np.full_like(ALPHA, 255)])
    picture = decode_picture(make.encode(opaque, ".png"))
    assert picture.notes == ()
    assert np.array_equal(picture.pixels, PHOTO)
    picture = decode_picture(make.tiff(RGBA, (96, 64), [8] * 4, tags={338: (3, [0])}))
    assert picture.notes == ("fourth channel of unspecified meaning ignored",)
    assert np.array_equal(picture.pixels, PHOTO)


@pytest.mark.parametrize(
    ("bits", "colour_type", "rows", "chunks", "expected"),
    [
        (8, 4, b"\0\x64\xff\x64\x00", [], [100, BACKGROUND]),
        (8, 0, b"\0\x64\x65", [(b"tRNS", b"\0\x65")], [100, BACKGROUND]),
        (4, 0, b"\0\x1f", [(b"tRNS", b"\0\1")], [BACKGROUND, 255]),
        (16, 0, b"\0\1\0\2\0", [(b"tRNS", b"\2\0")], [256, BACKGROUND * 257]),
        (8, 2, b"\0\1\1\1\2\2\2", [(b"tRNS", b"\0\1\0\1\0\1")], [BACKGROUND, 2]),
        (8, 3, b"\0\0\1", [(b"PLTE", b"\7\7\7\x09\x09\x09"), (b"tRNS", b"\0")], [BACKGROUND, 9]),
    ],
)
def test_every_kind_of_png_transparency_is_composited(
    bits: int, colour_type: int, rows: bytes, chunks: list[tuple[bytes, bytes]], expected: list[int]
) -> None:
    picture = decode_picture(make.png(2, 1, bits, colour_type, rows, *(make.png_chunk(*chunk) for chunk in chunks)))
    assert picture.pixels[0, :, 0].tolist() == expected
    assert picture.notes == COMPOSITED


@pytest.mark.skipif(not HAS_GIF, reason="this OpenCV has no GIF")
def test_a_transparent_gif_is_composited() -> None:
    image = Image.fromarray(PHOTO).quantize(255)
    image.paste(255, (0, 0, 20, 10))
    picture = decode_picture(make.pillow(image, "GIF", transparency=255))
    assert picture.notes == COMPOSITED
    assert (picture.pixels[:10, :20] == BACKGROUND).all()
    assert np.array_equal(picture.pixels[10:], np.asarray(image.convert("RGB"))[10:])


@pytest.mark.skipif(not HAS_GIF, reason="this OpenCV has no GIF")
def test_a_gif_with_a_background_colour_outside_its_table_is_read() -> None:
    image = Image.fromarray(PHOTO).quantize(16)
    data = bytearray(make.pillow(image, "GIF"))
    data[11] = 255
    assert np.array_equal(decode_picture(bytes(data)).pixels, np.asarray(image.convert("RGB")))


def cmyk(**settings: object) -> tuple[Image.Image, bytes]:
    image = Image.fromarray(PHOTO).convert("CMYK")
    inks = np.asarray(image).copy()
    inks[..., 3] = inks[..., :3].min(axis=2) // 2  # some black, so that mixing matters
    image = Image.fromarray(inks, "CMYK")
    return image, make.pillow(image, "JPEG", quality=97, subsampling=0, **settings)


def ycck(data: bytes) -> bytes:
    """The CMYK JPEG with Adobe's transform set to YCCK: decoders convert three channels."""
    at = data.index(b"Adobe")
    return data[: at + 11] + b"\x02" + data[at + 12 :]


@pytest.mark.parametrize("variant", ["Adobe CMYK", "Adobe YCCK", "no Adobe marker"])
def test_a_cmyk_jpeg_matches_pillow(variant: str) -> None:
    _, data = cmyk()
    if variant == "Adobe YCCK":
        data = ycck(data)
    elif variant == "no Adobe marker":
        at = data.index(b"\xff\xee")
        data = data[:at] + data[at + 2 + struct.unpack_from(">H", data, at + 2)[0] :]
    picture = decode_picture(data)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert picture.notes == ("CMYK converted to RGB without a profile",)
    assert np.abs(picture.pixels - expected).max() <= 3
    if variant == "Adobe CMYK":
        image, _ = cmyk()
        assert np.abs(picture.pixels - np.asarray(image.convert("RGB")).astype(int)).mean() < 3
