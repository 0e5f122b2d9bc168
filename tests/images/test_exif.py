"""EXIF basics in words: camera, lens, exposure; broken or hostile EXIF costs nothing."""

from __future__ import annotations

import random

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational
from support.sample_images import into_jpeg, jpeg_segment, photograph, pillow

from hiqa_cli.images.exif import read_exif
from hiqa_cli.images.read import decode_picture

WORDS = (
    ("camera", "Canon EOS R5"),
    ("lens", "RF24-70mm F2.8 L IS USM"),
    ("focal length", "35 mm"),
    ("aperture", "f/2.8"),
    ("exposure", "1/250 s"),
    ("ISO", "400"),
    ("taken", "2024-05-17 18:03:11"),
)


def shot(**changes: object) -> Image.Exif:
    """EXIF as a camera writes it; keywords replace fields by their names in Pillow's tags."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R5"
    where = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
    exif.get_ifd(0x8825).update(where)  # never shown
    inner = exif.get_ifd(0x8769)
    inner[0x829A], inner[0x829D] = IFDRational(1, 250), IFDRational(28, 10)
    inner[0x8827], inner[0x9003] = 400, "2024:05:17 18:03:11"
    inner[0x920A], inner[0xA434] = IFDRational(35, 1), "RF24-70mm F2.8 L IS USM"
    for name, value in changes.items():
        tag = int(name.removeprefix("tag_"), 16)
        (exif if tag in (0x010F, 0x0110) else inner)[tag] = value
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_format_tells_how_a_picture_was_taken(kind: str) -> None:
    data = pillow(photograph(), kind, exif=shot().tobytes())
    assert decode_picture(data).exif == WORDS


def test_pictures_without_exif_tell_nothing() -> None:
    assert decode_picture(pillow(photograph(), "JPEG")).exif == ()


@pytest.mark.parametrize(
    ("tag", "value", "name", "words"),
    [
        ("tag_010F", "NIKON CORPORATION", "camera", "NIKON CORPORATION Canon EOS R5"),
        ("tag_829A", IFDRational(13, 10), "exposure", "1.3 s"),
        ("tag_829A", IFDRational(30, 1), "exposure", "30 s"),
        ("tag_A405", 56, "focal length", "35 mm (56 mm in 35 mm terms)"),
        ("tag_9003", "0000:00:00 00:00:00", "taken", None),
        ("tag_829D", IFDRational(0, 0), "aperture", None),
        ("tag_A434", "<img src=x onerror=alert(1)>", "lens", "<img src=x onerror=alert(1)>"),
        ("tag_A434", "a\x1b[31m\nb" + "c" * 500, "lens", "a [31m b" + "c" * 72),
    ],
)
def test_fields_are_worded_shortened_or_left_out(tag: str, value: object, name: str, words: str | None) -> None:
    found = dict(decode_picture(pillow(photograph(), "JPEG", exif=shot(**{tag: value}))).exif)
    assert found.get(name) == words


def test_broken_exif_costs_neither_the_picture_nor_an_error() -> None:
    whole = shot().tobytes()
    random_bytes = random.Random(0)
    for _ in range(300):
        broken = bytearray(whole[: random_bytes.randrange(6, len(whole) + 1)])
        for _ in range(4):
            broken[random_bytes.randrange(len(broken))] = random_bytes.randrange(256)
        for name, words in read_exif(broken).basics:
            assert name
            assert words.isprintable()
    cut = into_jpeg(pillow(photograph(), "JPEG"), jpeg_segment(0xE1, whole[:60]))
    assert decode_picture(cut).width == 96
