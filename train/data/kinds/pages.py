"""Pages of text: print, columns, code, tables, receipts, scans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hiqa_train.distortions import Random
from hiqa_train.distortions.opencv import cv2

from .fonts import choose_font, choose_language, line_of
from .plain import colour

Colour = tuple[int, int, int]


def _grounds(random: Random, dark: float) -> tuple[Colour, Colour]:
    """(paper, ink)."""
    if random.random() < dark:
        paper = tuple(int(v) for v in random.integers(0, 60, 3))
        ink = tuple(int(v) for v in random.integers(170, 256, 3))
    else:
        paper = (255, 255, 255) if random.random() < 0.6 else tuple(int(v) for v in random.integers(215, 256, 3))
        ink = (0, 0, 0) if random.random() < 0.6 else tuple(int(v) for v in random.integers(0, 90, 3))
    return paper, ink  # type: ignore[return-value]


def _fill_column(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], ink: Colour, random: Random, fonts: list[Path]
) -> None:
    """Paragraphs from the top of a box (left, top, right, bottom) to its bottom."""
    left, y, right, bottom = box
    language = choose_language(random)
    size = float(np.exp(random.uniform(np.log(9), np.log(34))))
    font = choose_font(fonts, size, random)
    leading = size * random.uniform(1.15, 1.7)
    while y + leading < bottom:
        share = random.uniform(0.2, 0.9) if random.random() < 0.15 else 1.0
        draw.text((left, y), line_of((right - left) * share, font, language, random), fill=ink, font=font)
        y += leading * (1.8 if share < 1 else 1.0)


def page(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """One column of paragraphs."""
    paper, ink = _grounds(random, 0.1)
    picture = Image.new("RGB", (width, height), paper)
    margin = random.uniform(0.02, 0.12) * width
    _fill_column(ImageDraw.Draw(picture), (margin, margin, width - margin, height - margin), ink, random, fonts)
    return np.asarray(picture)


def columns(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A heading over two or three columns."""
    paper, ink = _grounds(random, 0.0)
    picture = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(picture)
    font = choose_font(fonts, height * 0.05, random)
    draw.text((width * 0.05, height * 0.03), line_of(width * 0.8, font, "latin", random), fill=ink, font=font)
    across = int(random.integers(2, 4))
    for number in range(across):
        left = width * (0.05 + 0.92 / across * number)
        _fill_column(draw, (left, height * 0.13, left + width * 0.85 / across, height * 0.96), ink, random, fonts)
    return np.asarray(picture)


def code(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A listing with indents and coloured words, often on a dark ground."""
    paper, ink = _grounds(random, 0.6)
    picture = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(picture)
    size = random.uniform(11, 22)
    font = choose_font([path for path in fonts if "Mono" in path.name] or fonts, size, random)
    inks = [ink, *(colour(random) for _ in range(4))]
    y, indent = size, 0
    while y < height - size:
        indent = max(0, min(6, indent + int(random.integers(-1, 2))))
        x = size * (1 + 2 * indent)
        for _ in range(int(random.integers(0, 6))):
            word = line_of(size * 4, font, "latin", random)
            draw.text((x, y), word, fill=inks[int(random.integers(len(inks)))], font=font)
            x += font.getlength(word + " ")
        y += size * 1.4
    return np.asarray(picture)


def table(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """Rows and columns of numbers with rules."""
    paper, ink = _grounds(random, 0.1)
    picture = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(picture)
    size = random.uniform(10, 24)
    font = choose_font(fonts, size, random)
    across, shaded = int(random.integers(3, 9)), random.random() < 0.5
    rule = colour(random)
    for number, y in enumerate(np.arange(size, height - 2 * size, size * 2)):
        if shaded and number % 2:
            draw.rectangle((0, y, width, y + size * 2), fill=tuple(int(v * 0.94) for v in paper))
        draw.line((0, y, width, y), fill=rule)
        for column in range(across):
            text = f"{random.normal(0, 10 ** random.uniform(0, 5)):,.{int(random.integers(0, 4))}f}"
            draw.text((width * (column + 0.9) / across, y + size / 2), text, fill=ink, font=font, anchor="ra")
    return np.asarray(picture)


def receipt(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A narrow slip with short lines and prices, in large letters."""
    paper, ink = _grounds(random, 0.0)
    picture = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(picture)
    size = random.uniform(0.025, 0.05) * height
    font = choose_font(fonts, size, random)
    y = size
    while y < height - size:
        if random.random() < 0.12:
            draw.text((width * 0.05, y), "-" * int(width * 0.9 / max(font.getlength("-"), 1)), fill=ink, font=font)
        else:
            draw.text((width * 0.05, y), line_of(width * 0.4, font, "latin", random), fill=ink, font=font)
            draw.text((width * 0.95, y), f"{random.uniform(0, 200):.2f}", fill=ink, font=font, anchor="ra")
        y += size * 1.3
    return np.asarray(picture)


def scan(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A page turned a little, with the light, softness and noise of a scanner."""
    flat = page(width, height, random, fonts)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-2, 2), random.uniform(1.0, 1.1))
    soft = cv2.warpAffine(flat, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(soft, (0, 0), random.uniform(0.3, 0.8)).astype(np.float32)
    light = 1 - random.uniform(0, 0.12) * np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    noise = random.normal(0, random.uniform(0.5, 3), (height, width, 1))
    return np.clip(soft * light + noise, 0, 255).astype(np.uint8)
