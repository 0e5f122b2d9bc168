"""JPEG: the pixels of libjpeg, and what counts as missing or damaged."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from support import sample_images as make

from hiqa_cli.errors import ImageError
from hiqa_cli.images.read import decode_picture

PHOTO = make.photograph()
KINDS = {
    "baseline": make.encode(PHOTO, ".jpg"),
    "progressive": make.encode(PHOTO, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restart markers": make.encode(PHOTO, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
}
SUBSAMPLINGS = {"4:4:4": 0x111111, "4:2:2": 0x211111, "4:2:0": 0x221111, "4:4:0": 0x121111, "4:1:1": 0x411111}


def refusal(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode_picture(data)
    return str(caught.value)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 16), (17, 33), (96, 64), (211, 150)])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("progressive", [0, 1])
def test_pixels_equal_libjpegs_to_the_bit(size: tuple[int, int], subsampling: str, progressive: int) -> None:
    photo = make.photograph(*size) if min(size) > 4 else np.full((*size, 3), 90, np.uint8)
    settings = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SUBSAMPLINGS[subsampling], cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    for quality in (30, 95):
        data = make.encode(photo, ".jpg", *settings, cv2.IMWRITE_JPEG_QUALITY, quality)
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        picture = decode_picture(data)
        assert np.array_equal(picture.pixels, expected)
        assert picture.notes == ()


def test_grey_pixels_equal_libjpegs_to_the_bit() -> None:
    for settings in ([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]):
        data = make.encode(PHOTO[..., 0].copy(), ".jpg", *settings)
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert np.array_equal(decode_picture(data).pixels, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_only_lacks_its_end_marker_is_read_with_a_note(kind: str) -> None:
    data = KINDS[kind]
    whole = decode_picture(data).pixels
    for cut in (data[:-2], data[:-1], data[:-2] + b"\xff\xff"):
        picture = decode_picture(cut)
        assert picture.notes == ("no end marker",)
        assert np.array_equal(picture.pixels, whole)
    for missing in (3, 4, 20):
        assert refusal(data[:-missing]).endswith("inside the scan data, no end marker")


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_file_is_refused_with_an_end_marker_and_without(kind: str) -> None:
    half = KINDS[kind][: len(KINDS[kind]) // 2]
    assert refusal(half).startswith("truncated JPEG")
    assert refusal(half + b"\xff\xd9").startswith("truncated JPEG")


def test_a_progressive_file_with_its_first_scans_only_is_refused() -> None:
    data = KINDS["progressive"]
    scans = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    assert refusal(data[: scans[1]] + b"\xff\xd9") == "truncated JPEG: its scans hold 1 of 64 coefficients"
    assert refusal(data[: scans[1]]).startswith("truncated JPEG")
    assert refusal(data[: scans[2]] + b"\xff\xd9").startswith("truncated JPEG: its scans hold 1 of 64")


def test_a_progressive_file_without_its_last_refinement_is_noted() -> None:
    data = KINDS["progressive"]
    last = data.rindex(b"\xff\xda")
    while data[last - 2 :].startswith(b"\xff\xc4"):
        last -= 2
    tables = data.rfind(b"\xff\xc4", 0, last)
    (note,) = decode_picture(data[:tables] + b"\xff\xd9").notes
    assert note == "partly damaged: the last 1 bits of some coefficients are missing"


def test_bytes_before_a_marker_are_no_damage() -> None:
    data = KINDS["baseline"]
    whole = decode_picture(data).pixels
    tables = data.index(b"\xff\xdb")
    picture = decode_picture(data[:tables] + b"junk between segments" + data[tables:])
    assert picture.notes == ()
    assert np.array_equal(picture.pixels, whole)
    stray = data[:tables] + b"junk" + data[tables:]
    assert refusal(stray[: len(stray) // 2] + b"\xff\xd9").startswith("truncated JPEG")


@pytest.mark.parametrize("oddity", ["Adobe transform", "spectral selection"])
def test_a_harmless_oddity_does_not_hide_that_a_file_was_cut(oddity: str) -> None:
    data = bytearray(KINDS["baseline"])
    if oddity == "Adobe transform":
        adobe = make.jpeg_segment(0xEE, b"Adobe\0\x64\0\0\0\0\x07")
        data = bytearray(make.into_jpeg(bytes(data), adobe))
    else:
        data[data.index(b"\xff\xda") + 12] = 0  # last coefficient: 0 in place of 63
    picture = decode_picture(bytes(data))
    assert picture.notes == ()
    assert np.array_equal(picture.pixels, decode_picture(KINDS["baseline"]).pixels)
    assert refusal(bytes(data[: len(data) // 2]) + b"\xff\xd9").startswith("truncated JPEG")


def unusual(blocks: int) -> bytes:
    """A grey JPEG of 48x32 px, luminance three times as wide as chrominance: 40 equal blocks, or fewer."""
    out = io.BytesIO()
    Image.new("RGB", (48, 32), (128, 128, 128)).save(out, "JPEG", subsampling=0)
    data = bytearray(out.getvalue())
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    data[frame + 11] = 0x31
    for component in range(3):
        data[scan + 6 + 2 * component] = 0  # the tables of luminance: difference 0 is 00, end of block 1010
    bits = "001010" * blocks
    bits += "1" * (-len(bits) % 8)
    body = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    return bytes(data[: scan + 14]) + body + b"\xff\xd9"


def test_unusual_subsampling_is_read_and_its_missing_data_are_found() -> None:
    assert (decode_picture(unusual(40)).pixels == 128).all()
    assert refusal(unusual(20)).startswith("truncated JPEG")


def test_cmyk_pixels_are_mixed_like_pillows() -> None:
    out = io.BytesIO()
    Image.fromarray(PHOTO).convert("CMYK").save(out, "JPEG", quality=95)
    picture = decode_picture(out.getvalue())
    expected = np.asarray(Image.open(out).convert("RGB")).astype(int)
    assert np.abs(picture.pixels - expected).max() <= 1
