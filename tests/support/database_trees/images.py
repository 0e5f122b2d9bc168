"""Images and tables of invented scores, from which the miniature databases are made."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from support.sample_images import photograph

Size = tuple[int, int]  # width, height
SIZE: Size = (48, 32)


def distort(pixels: np.ndarray, kind: int, level: int) -> np.ndarray:
    """(H, W, 3) uint8 -> the same with noise, blur or JPEG (by `kind`), worse with the level 1..5."""
    if kind % 3 == 0:
        noise = np.random.default_rng(100 * kind + level).normal(0, 6 * level, pixels.shape)
        return np.clip(pixels + noise, 0, 255).astype(np.uint8)
    if kind % 3 == 1:
        return cv2.GaussianBlur(pixels, (0, 0), 0.6 * level)
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 70 - 12 * level])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def write_image(path: Path, pixels: np.ndarray) -> None:
    """In the format that the suffix says, in whatever case it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix.lower(), pixels)
    assert done
    path.write_bytes(data.tobytes())


def scene(number: int, size: Size) -> np.ndarray:
    return photograph(*size, seed=number)


def cell(names: list[str], *, deep: int = 0, column: bool = True) -> np.ndarray:
    """A MATLAB cell of texts, nested `deep` cells deeper."""
    array = np.empty((len(names), 1) if column else (1, len(names)), dtype=object)
    for place, name in enumerate(names):
        value: object = name
        for _ in range(deep):
            inner = np.empty((1, 1), dtype=object)
            inner[0, 0] = value
            value = inner
        array.ravel()[place] = value
    return array


def write_table(path: Path, *, scenes: int = 4, levels: int = 3, size: Size = SIZE, references: bool = True) -> Path:
    """A table of one's own, high = good, with references, types and a split by scene."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "score", "reference", "type", "split"] if references else ["path", "score"])
        for number in range(scenes):
            pixels = scene(number, size)
            write_image(path.parent / "clean" / f"{number}.png", pixels)
            for kind, word in enumerate(("noise", "blur", "jpeg")):
                for level in range(1, levels + 1):
                    name = f"images/{number}_{word}_{level}.png"
                    write_image(path.parent / name, distort(pixels, kind, level))
                    part = ("train", "train", "val", "test")[number % 4]
                    row = [name, str(5 - level), f"clean/{number}.png", word, part]
                    rows.writerow(row if references else row[:2])
    return path
