"""Undistorted photographs: the material that training distorts, and its division by image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiqa_cli.errors import UsageError
from hiqa_cli.images.read import IMAGE_SUFFIXES, read_picture

SMALLEST = 320  # px a side: a 256 px patch and the margin around it


@dataclass(frozen=True)
class CleanImage:
    """One undistorted photograph: its file name and (H, W, 3) uint8 RGB pixels."""

    name: str
    pixels: np.ndarray


def load_clean_images(folder: Path) -> list[CleanImage]:
    """All images of a folder, by name; images below 320 px a side cannot give patches and are an error.

    Raises UsageError where there is no image, or one is too small or of more than 8 bits.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", "give a folder of undistorted photographs")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise UsageError(f"no image in {folder}", "give a folder of undistorted photographs")
    images = []
    for path in files:
        pixels = read_picture(path).pixels
        if pixels.dtype != np.uint8:
            raise UsageError(f"{path} has {pixels.dtype} pixels, expected 8 bits", "convert it first")
        if min(pixels.shape[:2]) < SMALLEST:
            raise UsageError(
                f"{path} is {pixels.shape[1]}x{pixels.shape[0]}, expected at least {SMALLEST} px a side",
                "move it away",
            )
        images.append(CleanImage(path.name, pixels))
    return images


def train_validation_split(
    images: list[CleanImage], validation_share: float
) -> tuple[list[CleanImage], list[CleanImage]]:
    """Training and validation images; which is which hangs on the name's hash alone, not on order or number."""

    def place(image: CleanImage) -> float:
        return int(hashlib.sha256(image.name.encode()).hexdigest()[:8], 16) / 2**32

    training = [image for image in images if place(image) >= validation_share]
    validation = [image for image in images if place(image) < validation_share]
    return training, validation
