"""Shooting data from EXIF: camera, lens, exposure; broken or hostile EXIF is ignored."""

from __future__ import annotations

import random

import pytest
from PIL.TiffImagePlugin import IFDRational
from support.exif_samples import WORDS, shot
from support.sample_images import into_jpeg, jpeg_segment, photograph, pillow

from hiqa_cli.images.exif import read_exif
from hiqa_cli.images.read import decode_picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_shooting_data_are_read_from_every_format(kind: str) -> None:
    data = pillow(photograph(), kind, exif=shot().tobytes())
    assert decode_picture(data).exif == WORDS


def test_a_picture_without_exif_has_no_shooting_data() -> None:
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
def test_fields_are_formatted_shortened_or_omitted(tag: str, value: object, name: str, words: str | None) -> None:
    found = dict(decode_picture(pillow(photograph(), "JPEG", exif=shot(**{tag: value}))).exif)
    assert found.get(name) == words


def test_broken_exif_never_raises_an_error() -> None:
    whole = shot().tobytes()
    random_bytes = random.Random(0)
    for _ in range(300):
        broken = bytearray(whole[: random_bytes.randrange(6, len(whole) + 1)])
        for _ in range(4):
            broken[random_bytes.randrange(len(broken))] = random_bytes.randrange(256)
        for name, value in read_exif(broken).shooting_data:
            assert name
            assert value.isprintable()
    cut = into_jpeg(pillow(photograph(), "JPEG"), jpeg_segment(0xE1, whole[:60]))
    assert decode_picture(cut).width == 96
