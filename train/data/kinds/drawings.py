"""Drawings: charts, cartoons, diagrams, sketches, maps."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hiqa_train.distortions import Random
from hiqa_train.distortions.opencv import cv2

from .fonts import choose_font, words
from .plain import colour


def _canvas(width: int, height: int, random: Random) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """A canvas at twice the size, so that what is drawn can be reduced to smooth edges; its factor."""
    ground = (255, 255, 255) if random.random() < 0.6 else colour(random)
    picture = Image.new("RGB", (2 * width, 2 * height), ground)
    return picture, ImageDraw.Draw(picture), 2


def _reduced(picture: Image.Image, random: Random) -> np.ndarray:
    smooth = Image.Resampling.BOX if random.random() < 0.8 else Image.Resampling.NEAREST
    return np.asarray(picture.resize((picture.width // 2, picture.height // 2), smooth))


def _labels(draw: ImageDraw.ImageDraw, width: int, height: int, random: Random, fonts: list[Path]) -> None:
    font = choose_font(fonts, height * random.uniform(0.02, 0.045), random)
    for _ in range(int(random.integers(2, 9))):
        place = (random.uniform(0, 0.9) * width, random.uniform(0, 0.95) * height)
        draw.text(place, " ".join(words(int(random.integers(1, 4)), "latin", random)), fill=(30, 30, 30), font=font)


def _axes(draw: ImageDraw.ImageDraw, width: int, height: int, random: Random) -> None:
    if random.random() < 0.7:
        for y in np.linspace(0.1, 0.9, int(random.integers(4, 10))) * height:
            draw.line((0.1 * width, y, 0.95 * width, y), fill=(205, 205, 205), width=2)
    draw.line((0.1 * width, 0.08 * height, 0.1 * width, 0.9 * height), fill=(0, 0, 0), width=3)
    draw.line((0.1 * width, 0.9 * height, 0.95 * width, 0.9 * height), fill=(0, 0, 0), width=3)


def chart(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """Bars or lines on axes."""
    picture, draw, scale = _canvas(width, height, random)
    across, down = width * scale, height * scale
    _axes(draw, across, down, random)
    count = int(random.integers(4, 30))
    places = np.linspace(0.12, 0.92, count) * across
    for _ in range(int(random.integers(1, 4))):
        tops = (0.9 - 0.75 * random.random(count)) * down
        ink = colour(random)
        if random.random() < 0.5:
            for x, y in zip(places, tops, strict=True):
                draw.rectangle((x, y, x + 0.55 * across / count, 0.9 * down), fill=ink)
        else:
            draw.line(list(zip(places, tops, strict=True)), fill=ink, width=int(random.integers(2, 10)))
    _labels(draw, across, down, random, fonts)
    return _reduced(picture, random)


def pie(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A pie with a legend."""
    picture, draw, scale = _canvas(width, height, random)
    across, down = width * scale, height * scale
    radius = min(across, down) * random.uniform(0.25, 0.45)
    box = (across * 0.45 - radius, down * 0.5 - radius, across * 0.45 + radius, down * 0.5 + radius)
    edges = np.cumsum(random.dirichlet(np.ones(int(random.integers(3, 9))))) * 360
    for first, after in zip([0.0, *edges[:-1]], edges, strict=True):
        draw.pieslice(box, first, after, fill=colour(random), outline=(255, 255, 255), width=4)
    _labels(draw, across, down, random, fonts)
    return _reduced(picture, random)


def scatter(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """Many small marks on axes."""
    picture, draw, scale = _canvas(width, height, random)
    across, down = width * scale, height * scale
    _axes(draw, across, down, random)
    for _ in range(int(random.integers(1, 4))):
        ink, size = colour(random), random.uniform(2, 8)
        spots = random.normal((0.5, 0.5), (0.18, 0.15), (int(random.integers(30, 300)), 2)) * (across, down)
        for x, y in spots:
            draw.ellipse((x - size, y - size, x + size, y + size), fill=ink)
    _labels(draw, across, down, random, fonts)
    return _reduced(picture, random)


def _blob(random: Random, centre: np.ndarray, size: float) -> list[tuple[float, float]]:
    angles = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(5, 14))))
    around = size * random.uniform(0.6, 1.2, len(angles))
    return [(centre[0] + r * np.cos(a), centre[1] + r * np.sin(a)) for a, r in zip(angles, around, strict=True)]


def cartoon(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """Filled shapes with dark outlines, ellipses and curves."""
    picture, draw, scale = _canvas(width, height, random)
    size = np.array((width, height)) * scale
    line = int(random.integers(2, 14))
    for _ in range(int(random.integers(6, 40))):
        centre, radius = random.random(2) * size, random.uniform(0.03, 0.25) * min(size)
        if random.random() < 0.5:
            draw.polygon(_blob(random, centre, radius), fill=colour(random), outline=(0, 0, 0), width=line)
        else:
            wide = radius * random.uniform(0.5, 1.5)
            box = (centre[0] - radius, centre[1] - wide, centre[0] + radius, centre[1] + wide)
            draw.ellipse(box, fill=colour(random), outline=(0, 0, 0), width=line)
    return _reduced(picture, random)


def poster(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A landscape of flat or graded bands without outlines: hills, a sun, trees."""
    rows = np.linspace(0, 1, 2 * height)[:, None, None]
    sky = np.array(colour(random)) * (1 - rows) + np.array(colour(random)) * rows
    picture = Image.fromarray(np.rint(sky).astype(np.uint8).repeat(2 * width, axis=1))
    draw = ImageDraw.Draw(picture)
    size, centre = min(width, height) * random.uniform(0.1, 0.4), random.uniform(0.2, 0.8) * 2 * width
    draw.ellipse((centre - size, height * 0.4 - size, centre + size, height * 0.4 + size), fill=colour(random))
    x = np.arange(0, 2 * width + 8, 8)
    for level in np.linspace(0.45, 0.9, int(random.integers(3, 8))):
        waves = np.sin(x / random.uniform(40, 400) + random.uniform(0, 6)) * random.uniform(5, 120)
        hill = level * 2 * height + waves
        ridge = [(float(a), float(b)) for a, b in zip(x, hill, strict=True)]
        draw.polygon([*ridge, (2.0 * width + 8, 2.0 * height), (0.0, 2.0 * height)], fill=colour(random))
    return _reduced(picture, random)


def diagram(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """Boxes with words and lines between them."""
    picture, draw, scale = _canvas(width, height, random)
    across, down = width * scale, height * scale
    font = choose_font(fonts, down * 0.03, random)
    spots = random.uniform(0.08, 0.8, (int(random.integers(4, 14)), 2)) * (across, down)
    for first, second in pairwise(spots):
        draw.line((*first, *second), fill=(60, 60, 60), width=4)
    for x, y in spots:
        box = (x - across * 0.07, y - down * 0.04, x + across * 0.07, y + down * 0.04)
        draw.rounded_rectangle(box, 12, fill=colour(random, 120), outline=(0, 0, 0), width=3)
        draw.text((x, y), words(1, "latin", random)[0], fill=(0, 0, 0), font=font, anchor="mm")
    return _reduced(picture, random)


def sketch(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """Many thin curves on paper."""
    picture, draw, scale = _canvas(width, height, random)
    size = np.array((width, height)) * scale
    ink = tuple(int(v) for v in random.integers(0, 110, 3))
    for _ in range(int(random.integers(15, 120))):
        steps = random.normal(0, 0.02, (int(random.integers(5, 60)), 2)).cumsum(axis=0).cumsum(axis=0) * 0.1
        path = (random.random(2) + steps) * size
        draw.line([tuple(p) for p in path], fill=ink, width=int(random.integers(2, 8)), joint="curve")
    return _reduced(picture, random)


def map_of_areas(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A map of coloured areas with borders, names and roads."""
    centres = random.random((int(random.integers(8, 60)), 2)) * (width, height)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bend = 12 * np.sin(y / 23) + 9 * np.cos(x / 31)
    away = np.stack([(x + bend - cx) ** 2 + (y + bend - cy) ** 2 for cx, cy in centres])
    area = away.argmin(axis=0).astype(np.uint8)
    inks = np.array([colour(random, 140) for _ in centres], np.uint8)
    picture = inks[area]
    edges = cv2.morphologyEx(area, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    picture[edges] = 90
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(2, 9))):
        ends = random.random((4, 2)) * (width, height)
        draw.line([tuple(p) for p in ends], fill=colour(random), width=int(random.integers(1, 6)))
    _labels(draw, width, height, random, fonts)
    return np.asarray(image)
