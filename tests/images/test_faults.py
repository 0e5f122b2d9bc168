"""Sound files of rare kinds are read right, and files with lost blocks do not pass."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from PIL import Image
from support import sample_images as make
from support.hostile import faulty_images as faulty

from hiqa_cli.engine.pipeline.arrays import picture_from_array
from hiqa_cli.errors import ImageError
from hiqa_cli.images.normalise import BACKGROUND
from hiqa_cli.images.read import decode_picture

PHOTO = make.photograph()
LARGE = make.photograph(400, 300)
COMPOSITED = "alpha composited over grey 128"
IGNORED = "fourth channel of unspecified meaning ignored"


def refusal(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode_picture(data)
    return str(caught.value)


def test_an_avif_whose_exif_stands_behind_the_picture_data_is_read() -> None:
    exif = Image.Exif()
    exif[272] = "Camera"
    data = make.pillow(PHOTO, "AVIF", quality=90, exif=exif)
    moved = faulty.exif_behind(data)
    assert moved != data
    assert np.array_equal(decode_picture(moved).pixels, decode_picture(data).pixels)


@pytest.mark.skipif(not cv2.haveImageWriter(".avif"), reason="this OpenCV writes no AVIF")
@pytest.mark.parametrize("bits", [8, 10])
def test_an_avif_of_tiles_is_read(bits: int) -> None:
    left, right = LARGE[:256, :128], LARGE[:256, 128:256]
    deep = [(tile.astype(np.uint32) * (2**bits - 1) // 255).astype(np.uint16) for tile in (left, right)]
    picture = decode_picture(faulty.avif_grid(*((left, right) if bits == 8 else deep), bits))
    assert picture.notes == (() if bits == 8 else ("10-bit samples read with 8 bits",))
    assert np.abs(picture.pixels.astype(int) - LARGE[:256, :256]).mean() < 3


@pytest.mark.parametrize(
    ("masks", "bits", "tolerance"),
    [
        ((0xFF000000, 0xFF0000, 0xFF00), 32, 0),
        ((0x3FF00000, 0xFFC00, 0x3FF), 32, 0),
        ((0xFF, 0xFF00, 0xFF0000), 32, 0),
        ((0xF800, 0x7E0, 0x1F), 16, 4),
        ((0x7C00, 0x3E0, 0x1F), 16, 4),
        ((0xF00, 0xF0, 0xF), 16, 8),
    ],
)
def test_the_bit_masks_of_a_bmp_are_applied(masks: tuple[int, int, int], bits: int, tolerance: int) -> None:
    picture = decode_picture(faulty.bit_fields(PHOTO, masks, bits))
    assert picture.notes == ()
    assert np.abs(picture.pixels.astype(int) - PHOTO).max() <= tolerance


def test_a_16_bit_bmp_without_masks_has_five_bits_per_channel() -> None:
    data = make.bmp((2, 1), 16, struct.pack("<HH", 0x7FFF, 0x1F))
    assert decode_picture(data).pixels.tolist() == [[[255] * 3, [0, 0, 255]]]


def test_a_bmp_whose_pixels_begin_inside_its_palette_is_read() -> None:
    palette = bytes([10, 20, 30, 0, 40, 50, 60, 0]).ljust(1024, b"\0")
    data = bytearray(make.bmp((2, 1), 8, bytes([0, 1, 0, 0]), palette=palette))
    pixels = 14 + 40 + 8
    short = data[:pixels] + bytes([1, 0, 0, 0])
    short[10:14] = struct.pack("<I", pixels)
    assert decode_picture(bytes(short)).pixels.tolist() == [[[60, 50, 40], [30, 20, 10]]]


def test_a_gif_whose_first_frame_alone_is_transparent_is_composited() -> None:
    indices = np.add.outer(np.arange(48), np.arange(64)) % 100 + 10
    indices[10:30, 20:40] = 5
    for frames in ([(indices, 5)], [(indices, 5), (indices, None)]):
        picture = decode_picture(faulty.gif(frames, 64, 48))
        assert COMPOSITED in picture.notes
        assert (picture.pixels[10:30, 20:40] == BACKGROUND).all()
        assert not (picture.pixels[:10] == BACKGROUND).all(axis=2).any()


def test_a_gif_is_transparent_outside_its_first_frame() -> None:
    indices = np.full((20, 30), 7)
    picture = decode_picture(faulty.gif([(indices, None)], 64, 48, (10, 5)))
    assert picture.notes == (COMPOSITED,)
    assert (picture.pixels[5:25, 10:40] == [7 * 37 & 255, 7 * 91 & 255, 7 * 53 & 255]).all()
    outside = np.ones((48, 64), bool)
    outside[5:25, 10:40] = False
    assert (picture.pixels[outside] == BACKGROUND).all()


def test_a_tiff_of_tiles_of_16_px_is_read() -> None:
    tiles = [PHOTO[y : y + 16, x : x + 16].tobytes() for y in range(0, 64, 16) for x in range(0, 96, 16)]
    tags = {322: (3, [16]), 323: (3, [16]), 324: (4, [0] * 24), 325: (4, [768] * 24)}
    start = len(make.tiff(b"".join(tiles), (96, 64), tags=tags)) - PHOTO.nbytes
    tags[324] = (4, [start + 768 * index for index in range(24)])
    data = bytearray(make.tiff(b"".join(tiles), (96, 64), tags=tags))
    for strips in (273, 279):  # becomes a tag that nobody reads
        at = data.index(struct.pack("<HH", strips, 4))
        data[at] -= 1
    assert np.array_equal(decode_picture(bytes(data)).pixels, PHOTO)


def test_a_grey_jpeg_2000_codestream_and_grey_with_alpha_are_read() -> None:
    grey = PHOTO[..., 1].copy()
    pixels = decode_picture(make.pillow(grey, "JPEG2000", no_jp2=True)).pixels
    assert np.array_equal(pixels, np.repeat(grey[..., None], 3, axis=2))
    picture = decode_picture(make.pillow(np.dstack([grey, make.opacity()]), "JPEG2000"))
    assert picture.notes == (COMPOSITED,)
    assert (picture.pixels[:, 0] == BACKGROUND).all()
    assert np.array_equal(picture.pixels[:, -1, 0], grey[:, -1])


def test_a_fourth_sample_of_a_tiff_that_nothing_explains_is_dropped_with_a_note() -> None:
    rgba = np.dstack([PHOTO, make.opacity()])
    picture = decode_picture(make.tiff(rgba, (96, 64), [8] * 4))
    assert picture.notes == (IGNORED,)
    assert np.array_equal(picture.pixels, PHOTO)


def test_a_tiff_of_grey_and_alpha_and_one_of_four_bits_are_read() -> None:
    grey = PHOTO[..., 1].copy()
    data = make.tiff(np.dstack([grey, make.opacity()]), (96, 64), [8, 8], 1, tags={338: (3, [2])})
    picture = decode_picture(data)
    assert picture.notes == (COMPOSITED,)
    assert (picture.pixels[:, 0] == BACKGROUND).all()
    assert decode_picture(make.tiff(b"\x0f", (2, 1), [4], 1)).pixels[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize(("start", "end"), [(0.5, 1.0), (0.9, 0.998), (0.4, 0.6)])
@pytest.mark.parametrize("kind", ["lossy WebP", "lossless WebP", "AVIF", "JPEG 2000"])
def test_a_picture_with_zeros_in_place_of_its_data_is_refused(kind: str, start: float, end: float) -> None:
    data = {
        "lossy WebP": make.pillow(LARGE, "WEBP", quality=95),
        "lossless WebP": make.pillow(LARGE, "WEBP", lossless=True),
        "AVIF": make.pillow(LARGE, "AVIF"),
        "JPEG 2000": make.pillow(LARGE, "JPEG2000"),
    }[kind]
    assert decode_picture(data).notes == ()
    assert refusal(faulty.zeroed(data, start, end))


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "JPEG2000", "GIF", "PNG"])
@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_picture_of_one_colour_is_not_taken_for_a_damaged_one(kind: str, level: int) -> None:
    flat = np.full((900, 1200, 3), level, np.uint8)
    settings: dict[str, object] = {"speed": 10} if kind == "AVIF" else {}
    picture = decode_picture(make.pillow(flat, kind, **settings))
    assert picture.notes == ()
    assert np.abs(picture.pixels.astype(int) - level).max() <= 1


def run_length_bmp(body: bytes) -> bytes:
    palette = bytes([10, 20, 30, 0, 40, 50, 60, 0]).ljust(1024, b"\0")
    return make.bmp((4, 4), 8, body, compression=1, palette=palette)


def test_pixels_that_run_length_data_leave_out_are_noted() -> None:
    rows = bytes([4, 1, 0, 0]) * 4 + b"\0\1"
    assert decode_picture(run_length_bmp(rows)).notes == ()
    assert (decode_picture(run_length_bmp(rows)).pixels == [60, 50, 40]).all()
    half = rows[:8] + bytes(8) + b"\0\1"
    expected = "50.0% of its pixels are not in its run-length data, read as colour 0 of the palette"
    assert decode_picture(run_length_bmp(half)).notes == (expected,)
    assert refusal(run_length_bmp(rows[:8])).startswith("truncated BMP")


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_last_rows_are_missing_is_refused(interlaced: bool) -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in PHOTO)
    data = make.png(96, 64, 8, 2, rows[: len(rows) // 2])
    if interlaced:
        header = struct.pack(">IIBBBBB", 96, 64, 8, 2, 0, 0, 1)
        data = data[:8] + make.png_chunk(b"IHDR", header) + data[33:]
    assert refusal(data).startswith("damaged PNG")


def test_an_interlaced_png_is_read() -> None:
    photo = PHOTO[:, :, 0].copy()
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    for bits in (8, 16):
        samples = photo if bits == 8 else (photo.astype(np.uint16) * 257).astype(">u2")
        rows = b""
        for left, top, across, down in passes:
            rows += b"".join(b"\0" + row.tobytes() for row in samples[top::down, left::across])
        data = make.png(96, 64, bits, 0, rows)
        header = struct.pack(">IIBBBBB", 96, 64, bits, 0, 0, 0, 1)
        data = data[:8] + make.png_chunk(b"IHDR", header) + data[33:]
        assert np.array_equal(decode_picture(data).pixels[..., 0], samples)


@pytest.mark.parametrize(("bits", "share"), [(8, "0.38"), (10, "1.5"), (12, "6.1")])
def test_a_few_bits_in_a_16_bit_file_are_noted(bits: int, share: str) -> None:
    few = PHOTO.astype(np.uint16) << (bits - 8)
    picture = decode_picture(make.encode(few, ".png"))
    (note,) = picture.notes
    assert note.endswith("% of its 16 bits; scale it first if that is not intended")
    assert abs(float(note.split()[1]) - float(share)) < 0.1 * float(share) + 0.05
    assert np.array_equal(picture.pixels, few)
    assert picture_from_array(few).notes == (note,)


def test_a_narrow_band_of_16_bits_is_noted_and_a_full_range_is_not() -> None:
    band = (33069 + PHOTO.astype(np.float64) / 255 * 3794).astype(np.uint16)
    (note,) = decode_picture(make.encode(band, ".tif")).notes
    assert note.startswith("uses 5.")
    assert decode_picture(make.encode(PHOTO.astype(np.uint16) * 257, ".png")).notes == ()


def test_deep_grey_jpeg_2000_keeps_its_16_bits() -> None:
    grey = (make.photograph()[..., 0].astype(np.uint16) * 257) ^ 0x55
    picture = decode_picture(make.pillow(grey, "JPEG2000", irreversible=False))
    assert picture.pixels.dtype == np.uint16
    assert np.array_equal(picture.pixels, np.repeat(grey[..., None], 3, axis=2))
