"""Screenshots: windows, pages in a browser, apps, terminals, boards of numbers; some hold a photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hiqa_train.distortions import Random
from hiqa_train.distortions.opencv import cv2

from .drawings import chart
from .fonts import choose_font, choose_language, line_of, words
from .plain import colour

Photo = np.ndarray | None
Theme = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]


def _theme(random: Random) -> Theme:
    """(ground, ink, accent)."""
    dark = random.random() < 0.4
    level = int(random.integers(15, 60) if dark else random.integers(225, 256))
    ink = (225, 225, 225) if dark else (30, 30, 30)
    accent = tuple(int(v) for v in random.integers(30, 230, 3))
    return (level, level, min(255, level + int(random.integers(0, 12)))), ink, accent  # type: ignore[return-value]


def _paste(picture: Image.Image, photo: Photo, box: tuple[int, int, int, int]) -> None:
    """A photograph, or nothing, in a box (left, top, right, bottom)."""
    width, height = box[2] - box[0], box[3] - box[1]
    if photo is not None and width > 8 and height > 8:
        small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
        picture.paste(Image.fromarray(small), (box[0], box[1]))


def _list(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], theme: Theme, random: Random, fonts: list[Path]
) -> None:
    left, top, right, bottom = box
    size = random.uniform(10, 17)
    font = choose_font(fonts, size, random)
    language = choose_language(random)
    step = size * random.uniform(1.5, 3)
    for number, y in enumerate(np.arange(top, bottom - step, step)):
        if number and random.random() < 0.06:
            draw.rectangle((left, y, right, y + step), fill=theme[2])
        if random.random() < 0.6:
            draw.ellipse((left + 4, y + 3, left + 4 + size * 0.8, y + 3 + size * 0.8), fill=colour(random))
        text = line_of((right - left) * random.uniform(0.2, 0.7), font, language, random)
        draw.text((left + 8 + size, y + 2), text, fill=theme[1], font=font)


def desktop(width: int, height: int, random: Random, fonts: list[Path], photo: Photo) -> np.ndarray:
    """One to three windows on a wallpaper, with title bars, lists and buttons."""
    picture = Image.new("RGB", (width, height), colour(random))
    if random.random() < 0.35:
        _paste(picture, photo, (0, 0, width, height))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(1, 4))):
        theme = _theme(random)
        left, top = int(random.uniform(0, 0.25) * width), int(random.uniform(0, 0.2) * height)
        right, bottom = int(random.uniform(0.65, 1) * width), int(random.uniform(0.65, 1) * height)
        draw.rectangle((left, top, right, bottom), fill=theme[0], outline=(120, 120, 120))
        draw.rectangle((left, top, right, top + 26), fill=theme[2])
        font = choose_font(fonts, 14, random)
        draw.text(
            (left + 10, top + 5), line_of((right - left) * 0.4, font, "latin", random), fill=(255,) * 3, font=font
        )
        split = left + int((right - left) * random.uniform(0.2, 0.4))
        _list(draw, (left, top + 30, split, bottom), theme, random, fonts)
        draw.line((split, top + 26, split, bottom), fill=(128, 128, 128))
        _list(draw, (split, top + 30, right, bottom - 36), theme, random, fonts)
        draw.rounded_rectangle((right - 100, bottom - 32, right - 10, bottom - 6), 5, fill=theme[2])
    return np.asarray(picture)


def browser(width: int, height: int, random: Random, fonts: list[Path], photo: Photo) -> np.ndarray:
    """A page with a bar, headings, paragraphs, cards and photographs."""
    theme = _theme(random)
    picture = Image.new("RGB", (width, height), theme[0])
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width, 34), fill=theme[2])
    draw.rounded_rectangle((90, 7, width * 0.7, 27), 9, fill=(255, 255, 255))
    y = 50.0
    while y < height - 40:
        size = random.uniform(11, 30)
        font = choose_font(fonts, size, random)
        if random.random() < 0.3:
            box = (20, int(y), int(random.uniform(0.25, 0.7) * width), int(y + random.uniform(0.1, 0.35) * height))
            _paste(picture, photo, box)
            y = box[3] + 12.0
            continue
        for _ in range(int(random.integers(1, 6))):
            draw.text((20, y), line_of(width * 0.9, font, "latin", random), fill=theme[1], font=font)
            y += size * 1.4
        y += size
    return np.asarray(picture)


def app(width: int, height: int, random: Random, fonts: list[Path], photo: Photo) -> np.ndarray:
    """A list of cards as on a telephone, each with a round picture and two lines."""
    theme = _theme(random)
    picture = Image.new("RGB", (width, height), theme[0])
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, width, 60), fill=theme[2])
    step = int(random.integers(56, 110))
    font = choose_font(fonts, step * 0.25, random)
    for y in range(70, height - step, step):
        _paste(picture, photo, (12, y + 6, 12 + step - 16, y + step - 10))
        for row in range(2):
            text = line_of(width * random.uniform(0.2, 0.6), font, "latin", random)
            draw.text((step + 14, y + 6 + row * step * 0.4), text, fill=theme[1], font=font)
        draw.line((0, y + step - 2, width, y + step - 2), fill=(128, 128, 128))
    draw.rectangle((0, height - 48, width, height), fill=theme[0], outline=(128, 128, 128))
    return np.asarray(picture)


def terminal(width: int, height: int, random: Random, fonts: list[Path], photo: Photo) -> np.ndarray:
    """A terminal over a wallpaper."""
    picture = Image.new("RGB", (width, height), colour(random))
    _paste(picture, photo, (0, 0, width, height))
    draw = ImageDraw.Draw(picture)
    left, top = int(width * 0.06), int(height * 0.08)
    draw.rectangle((left, top, width - left, height - top), fill=(20, 20, 26))
    size = random.uniform(11, 18)
    font = choose_font([path for path in fonts if "Mono" in path.name] or fonts, size, random)
    for y in np.arange(top + 8, height - top - size * 1.5, size * 1.4):
        text = line_of(width * random.uniform(0.1, 0.8), font, "latin", random)
        draw.text((left + 10, y), text, fill=colour(random, 90), font=font)
    return np.asarray(picture)


def board(width: int, height: int, random: Random, fonts: list[Path], photo: Photo) -> np.ndarray:
    """Cards with numbers and small charts."""
    theme = _theme(random)
    picture = Image.new("RGB", (width, height), theme[0])
    draw = ImageDraw.Draw(picture)
    across, down = int(random.integers(2, 5)), int(random.integers(2, 4))
    for number in range(across * down):
        left = int((number % across) * width / across) + 10
        top = int((number // across) * height / down) + 10
        right, bottom = left + width // across - 20, top + height // down - 20
        if random.random() < 0.5 and right - left > 40 and bottom - top > 40:
            picture.paste(Image.fromarray(chart(right - left, bottom - top, random, fonts)), (left, top))
            continue
        draw.rounded_rectangle((left, top, right, bottom), 10, fill=theme[0], outline=theme[2], width=2)
        font = choose_font(fonts, (bottom - top) * 0.25, random)
        draw.text((left + 14, top + 12), words(1, "latin", random)[0], fill=theme[1], font=font)
        draw.text((left + 14, top + (bottom - top) * 0.5), f"{random.uniform(0, 1e4):,.1f}", fill=theme[2], font=font)
    return np.asarray(picture)
