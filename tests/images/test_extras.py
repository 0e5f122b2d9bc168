"""HEIC, JPEG XL and camera raw: read where their extra is installed, refused by the name of the extra where it is not.

Where an extra is missing, its tests say so and are skipped.
"""

from __future__ import annotations

import importlib.util
import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image
from support import sample_images as make

from hiqa_cli.errors import ImageError
from hiqa_cli.images.read import decode_picture
from hiqa_cli.images.source import Limits

PHOTO = make.photograph(200, 150)


def needs(extra: str, module: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"NOT TESTED: pip install 'hiqa[{extra}]'")


HEIF = needs("heif", "pillow_heif")
JXL = needs("jxl", "pillow_jxl")
RAW = needs("raw", "rawpy")


def ftyp(brand: bytes) -> bytes:
    return struct.pack(">I", 16) + b"ftyp" + brand + bytes(4) + bytes(64)


def heic(picture: Image.Image | None = None, **settings: object) -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(picture or Image.fromarray(PHOTO)).save(out, quality=90, **settings)
    return out.getvalue()


def jxl(picture: Image.Image | None = None, **settings: object) -> bytes:
    import pillow_jxl  # noqa: F401  (registers itself)

    return make.pillow(picture or Image.fromarray(PHOTO), "JXL", **settings)


def dng(width: int = 64, height: int = 48, orientation: int = 1) -> bytes:
    """A camera raw file: a grey card, under a light that gives red a half and blue 0.7 of green."""
    sensor = np.empty((height, width), np.uint16)
    sensor[::2, ::2], sensor[::2, 1::2], sensor[1::2, ::2], sensor[1::2, 1::2] = 4000, 8000, 8000, 5600
    rational = {
        50721: [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1],  # ColorMatrix1: the sensor's colours are XYZ
        50728: [1, 2, 1, 1, 7, 10],  # AsShotNeutral
    }
    tags: list[tuple[int, int, list[int]]] = [
        *((254, 4, [0]), (256, 4, [width]), (257, 4, [height]), (258, 3, [16]), (259, 3, [1]), (262, 3, [32803])),
        *((271, 2, list(b"Maker\0")), (272, 2, list(b"Model\0")), (273, 4, [0]), (274, 3, [orientation])),
        *((277, 3, [1]), (278, 4, [height]), (279, 4, [2 * width * height]), (33421, 3, [2, 2])),
        *((33422, 1, [0, 1, 1, 2]), (50706, 1, [1, 4, 0, 0]), (50708, 2, list(b"Maker Model\0"))),
        *((50714, 3, [0]), (50717, 3, [16000]), (50721, 10, rational[50721]), (50728, 5, rational[50728])),
        *((50778, 3, [21]),),
    ]
    formats = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 10: "i"}
    body = b""
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b""
    values = {tag: struct.pack(f"<{len(value)}{formats[kind]}", *value) for tag, kind, value in tags}
    pixels_at = start + sum(len(value) for value in values.values() if len(value) > 4)
    for tag, kind, value in tags:
        count = len(value) // 2 if kind in (5, 10) else len(value)
        packed = struct.pack("<I", pixels_at) if tag == 273 else values[tag]
        if len(packed) > 4:
            packed, body = struct.pack("<I", start + len(body)), body + packed
        entries += struct.pack("<HHI", tag, kind, count) + packed.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return head + body + sensor.tobytes()


@pytest.mark.parametrize(
    ("data", "extra", "module"),
    [
        (ftyp(b"heic"), "heif", "pillow_heif"),
        (ftyp(b"mif1"), "heif", "pillow_heif"),
        (b"\xff\x0a" + bytes(range(40)), "jxl", "pillow_jxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "jxl", "pillow_jxl"),
        (ftyp(b"crx "), "raw", "rawpy"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(40), "raw", "rawpy"),
        (b"FUJIFILMCCD-RAW 0201", "raw", "rawpy"),
        (make.tiff(bytes(16), (4, 4), [8], 32803), "raw", "rawpy"),
        (make.tiff(bytes(48), (4, 4), tags={50706: (4, [1])}), "raw", "rawpy"),
    ],
)
def test_without_its_extra_a_kind_is_refused_by_the_name_of_the_extra(
    data: bytes, extra: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"{module}.JpegXLImagePlugin", raising=False)
    with pytest.raises(ImageError) as caught:
        decode_picture(data)
    assert f"needs the extra {extra}" in caught.value.message
    assert caught.value.hint == f"pip install 'hiqa[{extra}]'"


@HEIF
def test_heic_is_read_as_its_own_library_reads_it() -> None:
    picture = decode_picture(heic())
    assert (picture.format, picture.notes) == ("HEIF", ())
    assert np.abs(picture.pixels.astype(int) - PHOTO).mean() < 2


@HEIF
def test_the_alpha_of_heic_is_composited() -> None:
    clear = Image.fromarray(np.dstack([PHOTO, make.opacity(200, 150)]))
    picture = decode_picture(heic(clear))
    assert picture.notes == ("alpha composited over grey 128",)
    assert np.abs(picture.pixels[:, 0].astype(int) - 128).max() < 6


@HEIF
def test_heic_without_all_its_data_is_refused() -> None:
    data = heic()
    for cut in (20, len(data) // 2, len(data) - 5):
        with pytest.raises(ImageError, match="truncated"):
            decode_picture(data[:cut])
    lost = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    with pytest.raises(ImageError, match="zero bytes"):
        decode_picture(lost)


@JXL
@pytest.mark.parametrize("settings", [{}, {"lossless": True}, {"use_container": True}])
def test_jpeg_xl_is_read(settings: dict[str, bool]) -> None:
    data = jxl(**settings)
    picture = decode_picture(data)
    assert (picture.format, picture.notes) == ("JPEG XL", ())
    assert np.abs(picture.pixels.astype(int) - PHOTO).mean() < (0.01 if "lossless" in settings else 3)
    for cut in (len(data) // 2, len(data) - 8):
        with pytest.raises(ImageError, match=r"truncated|damaged"):
            decode_picture(data[:cut])


@JXL
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (64, 64), (300, 7), (640, 480), (1600, 900), (513, 1025)])
def test_the_size_of_jpeg_xl_is_known_before_it_is_decoded(size: tuple[int, int]) -> None:
    data = jxl(Image.new("RGB", size))
    assert decode_picture(data).pixels.shape == (size[1], size[0], 3)
    with pytest.raises(ImageError, match="more than the limit"):
        decode_picture(data, Limits(max_pixels=size[0] * size[1] - 1))


@RAW
def test_raw_is_developed_with_the_cameras_white_balance() -> None:
    picture = decode_picture(dng())
    assert picture.pixels.shape == (48, 64, 3)
    assert picture.notes == ("camera raw, developed with the camera's white balance, without its tone curve",)
    middle = picture.pixels[12:36, 12:52].reshape(-1, 3).astype(int)
    assert np.ptp(middle.mean(axis=0)) < 4, "a grey card is not grey"
    # Half of the sensor's range is 188 on the curve of sRGB; nothing brightens the picture.
    assert abs(middle.mean() - 188) < 4


@RAW
def test_raw_is_turned_upright_and_needs_all_its_data() -> None:
    assert decode_picture(dng(orientation=6)).pixels.shape == (64, 48, 3)
    data = dng()
    with pytest.raises(ImageError, match=r"truncated|damaged"):
        decode_picture(data[: len(data) // 2])
