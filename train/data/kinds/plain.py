"""Frames with nothing to judge: one colour, gradients, title cards, nearly empty frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hiqa_train.distortions import Random

from .fonts import choose_font, choose_language, words


def colour(random: Random, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    """A colour, often grey, black or white."""
    draw = random.random()
    if draw < 0.15:
        return (0, 0, 0)
    if draw < 0.35:
        return (255, 255, 255)
    if draw < 0.5:
        grey = int(random.integers(low, high))
        return (grey, grey, grey)
    red, green, blue = (int(value) for value in random.integers(low, high, 3))
    return (red, green, blue)


def one_colour(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """One colour, sometimes with the faint noise of a covered lens."""
    frame = np.full((height, width, 3), colour(random), np.float32)
    if random.random() < 0.3:
        frame += random.normal(0, random.uniform(0.3, 1.5), frame.shape)
    return np.clip(np.rint(frame), 0, 255).astype(np.uint8)


def _between(share: np.ndarray, random: Random) -> np.ndarray:
    first, second = np.array(colour(random), np.float32), np.array(colour(random), np.float32)
    ramp = first + (second - first) * share[:, :, None]
    if random.random() < 0.4:  # dithered
        ramp += random.uniform(-0.5, 0.5, ramp.shape)
    return np.clip(np.rint(ramp), 0, 255).astype(np.uint8)


def gradient(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A straight gradient in any direction."""
    angle = random.choice([0, np.pi / 2, random.uniform(0, 2 * np.pi)])
    y, x = np.mgrid[:height, :width]
    along = x * np.cos(angle) + y * np.sin(angle)
    return _between(((along - along.min()) / max(np.ptp(along), 1)).astype(np.float32), random)


def glow(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A round gradient."""
    y, x = np.mgrid[:height, :width]
    centre = random.uniform(0.2, 0.8, 2)
    away = np.hypot(x - centre[0] * width, y - centre[1] * height)
    return _between((away / away.max()).astype(np.float32), random)


def title_card(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A few large words on one colour, on one with a bar, or on a gradient."""
    ground = gradient if random.random() < 0.3 else one_colour
    picture = Image.fromarray(ground(width, height, random, fonts))
    draw = ImageDraw.Draw(picture)
    if random.random() < 0.3:
        top = int(random.uniform(0.3, 0.7) * height)
        draw.rectangle((0, top, width, top + height // 12), fill=colour(random))
    language = choose_language(random)
    size = random.uniform(0.05, 0.14) * height
    for line in range(int(random.integers(1, 4))):
        font = choose_font(fonts, size, random)
        text = " ".join(words(int(random.integers(1, 4)), language, random))
        place = (width / 2, height * 0.35 + line * size * 1.5)
        draw.text(place, text, fill=colour(random), font=font, anchor="mm")
    return np.asarray(picture)


def nearly_empty(width: int, height: int, random: Random, fonts: list[Path]) -> np.ndarray:
    """A small shape or two on one colour."""
    picture = Image.fromarray(one_colour(width, height, random, fonts))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(random.integers(1, 4))):
        x, y = random.uniform(0, width), random.uniform(0, height)
        across, down = random.uniform(0.02, 0.15, 2) * min(width, height)
        shape = draw.ellipse if random.random() < 0.5 else draw.rectangle
        shape((x, y, x + across, y + down), fill=colour(random))
    return np.asarray(picture)
