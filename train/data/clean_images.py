"""Clean images: undistorted photographs that training distorts, and their split into training and validation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiqa_cli.errors import UsageError
from hiqa_cli.images.read import image_files, read_picture

MIN_SIDE = 320  # px: a 256 px patch and the margin around it


@dataclass(frozen=True)
class CleanImage:
    """One undistorted photograph: its file name and (H, W, 3) uint8 RGB pixels."""

    name: str
    pixels: np.ndarray


def load_clean_images(folder: Path) -> list[CleanImage]:
    """All images of a folder, sorted by name.

    Raises UsageError for a missing or empty folder, and for an image below 320 px a side or of more than 8 bits.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", "give a folder of undistorted photographs")
    files = image_files(folder)
    if not files:
        raise UsageError(f"{folder} contains no images", "give a folder of undistorted photographs")
    images = []
    for path in files:
        pixels = read_picture(path).pixels
        if pixels.dtype != np.uint8:
            raise UsageError(f"{path}: expected 8 bits per channel, found {pixels.dtype}", "convert it to 8 bits")
        if min(pixels.shape[:2]) < MIN_SIDE:
            raise UsageError(
                f"{path}: expected at least {MIN_SIDE} px a side, found {pixels.shape[1]}x{pixels.shape[0]}",
                "remove it from the folder",
            )
        images.append(CleanImage(path.name, pixels))
    return images


def train_validation_split(
    images: list[CleanImage], validation_share: float
) -> tuple[list[CleanImage], list[CleanImage]]:
    """Training and validation images. The part depends on the hash of an image's name only, not on the other images."""

    def position(image: CleanImage) -> float:
        return int(hashlib.sha256(image.name.encode()).hexdigest()[:8], 16) / 2**32

    training = [image for image in images if position(image) >= validation_share]
    validation = [image for image in images if position(image) < validation_share]
    return training, validation
