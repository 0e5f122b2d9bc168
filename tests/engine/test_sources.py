"""Every kind of object that Scorer.score() takes, and one line for any other."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from support.process import picture_bytes

from hiqa_cli import ImageError, Picture, Scorer, ScoreResult, UsageError

FINE = 1e-3  # points
PIXELS = np.asarray(Image.open(io.BytesIO(picture_bytes(3, 90, 70))).convert("RGB"))
GREY = PIXELS[..., 1]
ALPHA = np.dstack([PIXELS, np.linspace(0, 255, PIXELS[..., 0].size).reshape(GREY.shape).astype(np.uint8)])
LONGEST = 400  # characters of a message


@pytest.fixture(scope="module")
def scorer(tiny_weights: Path) -> Scorer:
    return Scorer.load(tiny_weights, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def expected(scorer: Scorer) -> ScoreResult:
    return scorer.score(PIXELS)


def test_a_path_bytes_a_stream_a_pillow_image_an_array_and_a_tensor_score_the_same(
    scorer: Scorer, expected: ScoreResult, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(picture_bytes(3, 90, 70))
    data = path.read_bytes()
    tensor = torch.from_numpy(PIXELS.copy()).permute(2, 0, 1)
    sources: list[Any] = [path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data), path.open("rb")]
    sources += [Image.open(path), Image.fromarray(PIXELS), Picture(PIXELS, "array"), tensor, tensor.float() / 255]
    for source in sources:
        assert scorer.score(source).score == pytest.approx(expected.score, abs=FINE), type(source)


@pytest.mark.parametrize(
    "array",
    [
        PIXELS.astype(np.uint16) * 257,
        PIXELS.astype(">u2") * 257,
        PIXELS / 255,
        (PIXELS / 255).astype(np.float32),
        np.dstack([PIXELS, np.full(GREY.shape, 255, np.uint8)]),
        np.asfortranarray(PIXELS),
        PIXELS.transpose(1, 0, 2).copy().transpose(1, 0, 2),
    ],
    ids=["uint16", "big-endian", "float64", "float32", "opaque alpha", "Fortran", "transposed view"],
)
def test_arrays_that_mean_the_same_score_the_same(scorer: Scorer, expected: ScoreResult, array: np.ndarray) -> None:
    before = array.copy()
    assert scorer.score(array).score == pytest.approx(expected.score, abs=FINE)
    assert np.array_equal(array, before)


def test_grey_comes_with_one_channel_or_none_or_three(scorer: Scorer) -> None:
    score = scorer.score(np.dstack([GREY] * 3)).score
    for grey in (GREY, GREY[..., None], torch.from_numpy(GREY.copy())[None], Image.fromarray(GREY)):
        assert scorer.score(grey).score == score
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert scorer.score(deep).score == pytest.approx(score, abs=FINE)


def test_alpha_is_composited_as_it_is_for_a_file(scorer: Scorer) -> None:
    file = io.BytesIO()
    Image.fromarray(ALPHA).save(file, "PNG")
    wanted = scorer.score(file.getvalue())
    assert "alpha composited over grey 128" in wanted.notes
    tensor = torch.from_numpy(ALPHA.copy()).permute(2, 0, 1)
    for source in (ALPHA, ALPHA / 255, tensor, Image.fromarray(ALPHA), Image.open(file)):
        result = scorer.score(source)
        assert result.score == pytest.approx(wanted.score, abs=0.05)
        assert result.notes == wanted.notes


def test_bgr_is_for_arrays_of_opencv(scorer: Scorer, expected: ScoreResult) -> None:
    bgr = PIXELS[..., ::-1]
    assert scorer.score(bgr).score != pytest.approx(expected.score, abs=FINE)
    assert scorer.score(bgr, bgr=True).score == expected.score
    assert scorer.score(ALPHA[..., [2, 1, 0, 3]], bgr=True).score == scorer.score(ALPHA).score
    assert scorer.score(torch.from_numpy(bgr.copy()).permute(2, 0, 1), bgr=True).score == expected.score
    with pytest.raises(ImageError, match=r"bgr=True is for arrays and tensors, found an object of type bytes; leave"):
        scorer.score(picture_bytes(), bgr=True)


def test_a_pillow_image_is_read_as_its_file_is(scorer: Scorer) -> None:
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"rXYZ", b"gXYZ", 1)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG", exif=exif, icc_profile=swapped)
    image, wanted = Image.open(file), scorer.score(file.getvalue())
    result = scorer.score(image)
    assert (result.width, result.height) == (70, 90)
    assert (result.score, result.notes) == (wanted.score, wanted.notes)
    assert "turned upright (EXIF orientation 6)" in result.notes
    palette = Image.fromarray(PIXELS).quantize(16)
    assert scorer.score(palette).score == scorer.score(np.asarray(palette.convert("RGB"))).score


def test_an_overshoot_of_floating_point_is_clipped(scorer: Scorer) -> None:
    array = PIXELS / np.float32(255)
    wanted = scorer.score(array).score
    array[PIXELS == 255] = np.nextafter(np.float32(1), np.float32(2))
    array[PIXELS == 0] = -0.001
    assert scorer.score(array).score == pytest.approx(wanted, abs=FINE)


@pytest.mark.parametrize(
    ("value", "digits"), [(1.00101, "1.00101"), (1.0010002, "1.0010002"), (-0.0010002, "-0.0010002")]
)
def test_more_is_refused_with_enough_digits_to_see_it(scorer: Scorer, value: float, digits: str) -> None:
    array = np.full((4, 4), 0.5)
    array[1, 1] = value
    with pytest.raises(
        ImageError, match=r"an array of dtype float64 with values from .* to .*; expected 0\.\.1"
    ) as info:
        scorer.score(array)
    shown = [float(word) for word in info.value.message.replace(" to ", " from ").split(" from ")[1:]]
    assert not all(-0.0010001 <= number <= 1.0010001 for number in shown)
    assert digits in info.value.message


class Table:
    """An object that numpy can convert."""

    def __array__(self) -> np.ndarray:
        return PIXELS


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "None in place of an image; expected a path, the bytes of an image file, a binary stream, a numpy"),
        (["a.jpg", "b.jpg"], "one image expected, found an object of type list; for several images use score_many()"),
        ({"a": 1}, "one image expected, found an object of type dict; for several images use score_many()"),
        (iter("ab"), "one image expected, found an object of type str_ascii_iterator; for several images use score_"),
        (7, "an object of type int in place of an image; expected a path"),
        (io.StringIO("a"), "a text stream in place of an image; open the file with mode 'rb'"),
        (Table(), "convert it with numpy.asarray()"),
        (
            Picture(PIXELS / 255, "array"),
            "a Picture with pixels float64 (70, 90, 3); expected (H, W, 3) uint8 or uint16",
        ),
        (
            np.zeros((4, 4, 5), np.uint8),
            "an array of shape (4, 4, 5); expected (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)",
        ),
        (np.zeros((0, 4, 3), np.uint8), "an array of shape (0, 4, 3); expected"),
        (np.zeros(7, np.uint8), "an array of shape (7,); expected"),
        (np.zeros((2, 4, 4, 3), np.uint8), "for a batch use score_many()"),
        (np.zeros((3, 40, 50), np.uint8), "channels first: use numpy.moveaxis(array, 0, -1)"),
        (np.zeros((4, 4), np.int32), "an array of dtype int32; expected"),
        (np.zeros((4, 4), bool), "an array of dtype bool; expected"),
        (np.full((4, 4), 255.0), "with values from 255 to 255; expected 0..1; divide it by 255"),
        (np.full((4, 4), np.nan), "with values from nan to nan; expected 0..1"),
        (torch.zeros(1, 3, 40, 50), "a torch tensor of shape (1, 3, 40, 50); expected"),
        (torch.zeros(40, 50, 3), "channels last: use tensor.permute(2, 0, 1)"),
        (torch.zeros(3, 40, 50, dtype=torch.int64), "a torch tensor of dtype int64; expected"),
        (Image.new("F", (4, 4)), "a Pillow image of mode F, whose range is not defined; convert it with numpy.asarray"),
        ("no/" * 2000, "no/no/"),
        (b"no image at all" * 50_000, "not an image"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value[-20:],
)
def test_a_wrong_object_gets_one_line_that_says_what_to_do(scorer: Scorer, source: Any, message: str) -> None:
    with pytest.raises(ImageError) as info:
        scorer.score(source)
    assert message in str(info.value)
    assert len(str(info.value)) < LONGEST
    assert "\n" not in str(info.value)


def test_a_closed_image_is_refused(scorer: Scorer) -> None:
    image = Image.open(io.BytesIO(picture_bytes()))
    image.close()
    with pytest.raises(ImageError, match=r"Pillow cannot decode this image \("):
        scorer.score(image)


def test_score_many_of_one_image_says_what_to_do(scorer: Scorer, tmp_path: Path) -> None:
    for one in ("a.jpg", tmp_path, b"data", PIXELS, Image.fromarray(PIXELS), io.BytesIO(), torch.zeros(3, 4, 5)):
        with pytest.raises(UsageError, match=r"score_many\(\) takes several images, found .*; use score\(\), or"):
            scorer.score_many(one)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="takes an iterable of images, found an object of type int"):
        scorer.score_many(3)  # type: ignore[call-overload]
    with pytest.raises(UsageError, match='on_error must be "raise" or "return", found \'skip\''):
        scorer.score_many([], on_error="skip")  # type: ignore[call-overload]
