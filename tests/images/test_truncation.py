"""Truncated and damaged files are refused; bytes after the end of the image are ignored.

OpenCV itself gives nothing, a grey-filled picture or a black one for such files, by version and format.
"""

from __future__ import annotations

import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from support import sample_images as make

from hiqa_cli.errors import ImageError
from hiqa_cli.images.read import decode_picture, read_header

PHOTO = make.photograph()
GREY = PHOTO[..., 1].copy()
HAS_GIF, HAS_AVIF = (cv2.haveImageWriter(suffix) for suffix in (".gif", ".avif"))
FILES = {
    "JPEG": make.encode(PHOTO, ".jpg"),
    "progressive JPEG": make.encode(PHOTO, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "JPEG with restart markers": make.encode(PHOTO, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "PNG": make.encode(PHOTO, ".png"),
    "lossy WebP": make.encode(PHOTO, ".webp", cv2.IMWRITE_WEBP_QUALITY, 80),
    "lossless WebP": make.encode(PHOTO, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
    "WebP with EXIF": make.pillow(PHOTO, "WEBP", exif=b"Exif\0\0" + make.exif_block(1)),
    "plain TIFF": make.tiff(PHOTO, (96, 64)),
    "BigTIFF": make.tiff(PHOTO, (96, 64), big=True, order=">"),
    "deflate TIFF": make.pillow(PHOTO, "TIFF", compression="tiff_deflate"),
    "BMP": make.encode(PHOTO, ".bmp"),
    "PPM": make.encode(PHOTO, ".ppm"),
    "PGM in ASCII": b"P2 96 64 255\n" + b" ".join(b"%d" % value for value in GREY.ravel()),
    "PBM": b"P4 96 64\n" + bytes(768),
    "JP2": make.pillow(PHOTO, "JPEG2000"),
    "JPEG 2000 codestream": make.pillow(PHOTO, "JPEG2000", no_jp2=True, tile_size=(32, 32)),
    **({"GIF": make.pillow(PHOTO, "GIF")} if HAS_GIF else {}),
    **({"AVIF": make.encode(PHOTO, ".avif", cv2.IMWRITE_AVIF_SPEED, 10)} if HAS_AVIF else {}),
}

WHOLE_WITHOUT_LAST_BYTE = ("JPEG", "progressive JPEG", "JPEG with restart markers", "PGM in ASCII")


def refusal(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode_picture(data)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_with_or_without_bytes_after_its_end(name: str) -> None:
    whole = decode_picture(FILES[name]).pixels
    for tail in (b"\0", b"anything at all " * 100):
        if name == "PGM in ASCII":
            tail = b"\n" + tail
        if name == "AVIF" and tail == b"\0":
            tail = struct.pack(">I4s", 16, b"free") + bytes(8)
        if name == "AVIF" and tail[:3] == b"any":
            continue  # boxes fill an AVIF file to its end
        assert np.array_equal(decode_picture(FILES[name] + tail).pixels, whole)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_anywhere_is_refused_as_truncated(name: str, share: float) -> None:
    data = FILES[name]
    message = refusal(data[: max(16, int(len(data) * share))])
    assert message.startswith("truncated ")


@pytest.mark.parametrize("name", [name for name in FILES if name not in WHOLE_WITHOUT_LAST_BYTE])
def test_a_file_that_lacks_only_its_last_byte_is_refused(name: str) -> None:
    assert refusal(FILES[name][:-1]).startswith("truncated ")


@pytest.mark.parametrize("name", FILES)
def test_a_cut_within_the_first_bytes_is_a_clear_error(name: str) -> None:
    for length in range(1, min(200, len(FILES[name]) - 1)):
        assert refusal(FILES[name][:length])


@pytest.mark.parametrize("name", FILES)
def test_flipped_bits_in_the_header_give_a_picture_or_a_clear_error(name: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(60):
        data = bytearray(FILES[name])
        place = int(rng.integers(0, min(len(data), 300)))
        data[place] ^= 1 << int(rng.integers(0, 8))
        try:
            outcome = str(decode_picture(bytes(data)).pixels.shape)
        except ImageError as error:
            outcome = str(error)
        assert "\n" not in outcome


def test_the_message_names_the_size_and_what_is_missing() -> None:
    data = FILES["JPEG"][:1500]
    assert refusal(data) == "truncated JPEG: 1,500 bytes end inside the scan data, no end marker"
    assert refusal(FILES["PNG"][:900]) == "truncated PNG: 900 bytes end inside the chunk IDAT, no end chunk IEND"
    assert "strip 1 of 1" in refusal(FILES["plain TIFF"][:900])


def test_the_end_marker_of_an_embedded_thumbnail_is_not_the_end_of_a_jpeg() -> None:
    thumbnail = make.encode(make.photograph(16, 16), ".jpg")
    body = b"Exif\0\0" + make.exif_block(1) + thumbnail
    data = make.into_jpeg(FILES["JPEG"], make.jpeg_segment(0xE1, body))
    assert np.array_equal(decode_picture(data).pixels, decode_picture(FILES["JPEG"]).pixels)
    cut = data[: len(body) + 700]
    assert thumbnail in cut
    assert refusal(cut).startswith("truncated JPEG")


def test_fill_bytes_and_a_second_picture_after_a_jpeg_are_accepted() -> None:
    data = FILES["JPEG"]
    whole = decode_picture(data).pixels
    filled = data[:-2] + b"\xff\xff\xff" + data[-2:]
    assert np.array_equal(decode_picture(filled).pixels, whole)
    assert np.array_equal(decode_picture(data + make.encode(GREY, ".jpg")).pixels, whole)


def test_a_jpeg_whose_end_marker_was_forged_after_a_cut_is_refused() -> None:
    data = FILES["JPEG"]
    message = refusal(data[: len(data) // 2] + b"\xff\xd9")
    assert message == "truncated JPEG: its scan data end before the picture is complete"


def test_an_odd_jfif_version_does_not_hide_that_a_jpeg_was_cut() -> None:
    data = bytearray(FILES["JPEG"])
    data[data.index(b"JFIF\0") + 5] = 200
    assert decode_picture(bytes(data)).notes == ()
    assert refusal(bytes(data[: len(data) // 2]) + b"\xff\xd9").startswith("truncated JPEG")


def test_a_jpeg_without_scan_data_for_one_of_its_components_is_refused() -> None:
    data = FILES["progressive JPEG"]
    first_scan = data.index(b"\xff\xda")
    assert "no picture" in refusal(data[:2] + b"\xff\xd9")
    assert "no scan data for 3 of 3" in refusal(data[:first_scan] + b"\xff\xd9")


def test_junk_inside_a_jpeg_is_noted() -> None:
    data = FILES["JPEG"]
    picture = decode_picture(data[:-2] + bytes(50) + data[-2:])
    (note,) = picture.notes
    assert note.endswith(" extraneous bytes before marker 0xd9, ignored")
    assert np.array_equal(picture.pixels, decode_picture(data).pixels)


@pytest.mark.parametrize("place", [20, 400])
def test_a_changed_byte_in_a_png_is_found_by_its_checksum(place: int) -> None:
    data = bytearray(FILES["PNG"])
    data[place] ^= 1
    assert refusal(bytes(data)).startswith("damaged PNG: wrong checksum of the I")


def test_a_png_whose_compressed_data_end_too_soon_is_refused() -> None:
    rows = np.zeros((64, 1 + 96 * 3), np.uint8)
    rows[:, 1:] = PHOTO.reshape(64, -1)
    packed = zlib.compress(rows.tobytes())
    assert np.array_equal(decode_picture(make.png(96, 64, 8, 2, rows.tobytes())).pixels, PHOTO)
    for wrong in (packed[: len(packed) // 2], zlib.compress(rows[:40].tobytes())):
        assert refusal(make.png(96, 64, 8, 2, b"", packed=wrong)).startswith("damaged PNG")


def test_a_deflated_tiff_whose_data_do_not_inflate_is_refused() -> None:
    stored = zlib.compress(PHOTO.tobytes(), 0)  # OpenCV never looks at the checksum behind it
    whole = make.tiff(stored, (96, 64), tags={259: (3, [8])})
    assert np.array_equal(decode_picture(whole).pixels, PHOTO)
    for place in (len(whole) - len(stored) // 2, len(whole) - 3):
        data = bytearray(whole)
        data[place] ^= 0x5A
        assert refusal(bytes(data)).endswith("do not inflate")
    short = make.tiff(stored[:-40], (96, 64), tags={259: (3, [8])})
    assert refusal(short).endswith("end too soon")


def test_a_tiff_whose_later_page_is_missing_is_refused() -> None:
    pages = make.frames(2)
    data = make.pillow(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert decode_picture(data).notes == ("first of 2 frames",)
    assert refusal(data[: len(data) // 2 + 100]).startswith("truncated TIFF")


def test_a_tiff_with_fewer_strips_or_bytes_than_its_size_needs_is_refused() -> None:
    few = make.tiff(PHOTO, (96, 64), tags={278: (4, [16])})
    assert refusal(few) == "damaged TIFF: 1 strips where 96 x 64 px need 4"
    short = make.tiff(PHOTO[:40], (96, 64))
    assert refusal(short).startswith("damaged TIFF: 11,520 bytes of pixels")
    tiles = {322: (3, [32]), 323: (3, [32]), 324: (4, [200]), 325: (4, [3072])}
    assert "1 tiles" in refusal(make.tiff(PHOTO, (96, 64), tags=tiles))


def test_a_header_whose_size_differs_from_the_data_is_refused() -> None:
    data = bytearray(FILES["JPEG 2000 codestream"])
    data[8:12] = struct.pack(">I", 200)
    assert refusal(bytes(data)).startswith("damaged JPEG 2000")


def test_a_jpeg_of_fifty_megabytes_is_parsed_in_less_than_four_seconds() -> None:
    data = FILES["JPEG"]
    middle = data.index(b"\xff\xda") + 14
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, 50_000_000, np.uint8).tobytes()  # 255 itself is left out
    started = time.perf_counter()
    header = read_header(data[:middle] + noise + b"\xff\x00" * 1000 + data[-2:])
    assert time.perf_counter() - started < 4
    assert (header.width, header.height) == (96, 64)
