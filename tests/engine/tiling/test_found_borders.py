"""Borders of one colour are found to the pixel; plain parts of photographs are none."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from support.sample_images import photograph

from hiqa_cli.engine.tiling.borders import find_borders, inside
from hiqa_cli.engine.tiling.sides import NO_BORDERS, Borders

PHOTO = photograph(320, 240)


def framed(borders: Borders, colour: tuple[int, int, int] = (0, 0, 0), photo: np.ndarray = PHOTO) -> np.ndarray:
    """A photograph within borders."""
    left, top, right, bottom = borders
    height, width = photo.shape[:2]
    canvas = np.full((height + top + bottom, width + left + right, 3), colour, np.uint8)
    canvas[top : top + height, left : left + width] = photo
    return canvas


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data))


@pytest.mark.parametrize(
    "borders",
    [Borders(0, 40, 0, 40), Borders(60, 0, 60, 0), Borders(20, 20, 20, 90), Borders(0, 0, 8, 0), Borders(9, 5, 7, 33)],
    ids=str,
)
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (246, 241, 230), (30, 60, 120)], ids=str)
def test_a_border_of_any_colour_is_found_to_the_pixel(borders: Borders, colour: tuple[int, int, int]):
    picture = framed(borders, colour)
    assert find_borders(picture) == borders
    assert np.array_equal(inside(picture, borders), PHOTO)
    assert find_borders(picture.astype(np.uint16) * 257) == borders


@pytest.mark.parametrize("quality", [95, 60, 20])
def test_compression_moves_a_border_by_a_few_pixels_at_most(quality: int):
    borders = Borders(0, 45, 0, 51)
    found = find_borders(jpeg(framed(borders), quality))
    assert np.abs(np.subtract(found, borders)).max() <= 2


def test_a_border_within_a_border_is_left_out_too():
    inner = framed(Borders(12, 12, 12, 12), (255, 255, 255))
    assert find_borders(framed(Borders(0, 50, 0, 50), photo=inner)) == Borders(12, 62, 12, 62)


def test_an_object_on_one_colour_is_cut_out_without_a_straight_edge():
    product = np.full((400, 500, 3), 255, np.uint8)
    mask = np.zeros((400, 500), np.uint8)
    cv2.ellipse(mask, (260, 210), (120, 90), 0, 0, 360, 255, -1)
    product[mask > 0] = photograph(500, 400)[mask > 0]
    assert find_borders(product) == Borders(140, 120, 500 - 381, 400 - 301)


def plain_sky(colour: tuple[int, int, int], grain: float) -> np.ndarray:
    """A photograph whose upper half is sky above trees, with grain."""
    rng = np.random.default_rng(1)
    picture = photograph(320, 240).astype(np.float32)
    heights = 110 + cv2.GaussianBlur(rng.normal(0, 60, (320, 1)).astype(np.float32), (1, 9), 3)[:, 0]
    sky = np.arange(240)[:, None] < heights[None]
    picture[sky] = np.asarray(colour) + rng.normal(0, grain, (int(sky.sum()), 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "picture",
    [
        PHOTO,
        plain_sky((5, 6, 12), 3.0),  # night, with grain
        plain_sky((255, 255, 255), 0.0),  # overexposed: one colour, but no straight edge
        plain_sky((205, 208, 212), 2.0),  # fog
        np.full((300, 400, 3), 128, np.uint8),
        np.linspace(0, 255, 300).astype(np.uint8)[:, None, None].repeat(400, 1).repeat(3, 2),
        framed(Borders(300, 300, 300, 300), photo=photograph(40, 40)),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((2000, 3, 3), np.uint8),
    ],
    ids=["photograph", "night", "overexposed", "fog", "one colour", "gradient", "nearly empty", "1x1", "line"],
)
def test_a_plain_part_of_a_picture_is_no_border(picture: np.ndarray):
    assert find_borders(picture) == NO_BORDERS


def test_the_note_names_the_sides_that_were_left_out():
    assert Borders(0, 12, 0, 7).note == "borders left out: top 12, bottom 7 px"
    assert NO_BORDERS.note == ""
