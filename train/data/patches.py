"""Patches cut from clean images: pairs of distorted patch and reference, each a pure function of a seed and a number.

Nothing is stored: patch n of a seed is the same in every run, so that a resumed run continues as if uninterrupted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hiqa_train.distortions import NEED_LARGE, Random, distort

from .clean_images import CleanImage

MARGIN = 32  # px: patches are cut from a larger distorted piece, so that border effects lie outside
# JPEG's blocks start at the corner of the photograph, and scoring tiles mostly lie at multiples of 8 px: most patches
# are cut on that grid, the others anywhere, as in cropped photographs.
BLOCK = 8
ON_GRID_SHARE = 0.7
JPEG2000_MIN_SIDE = 256  # px: JPEG 2000's fixed header would distort the rate of a smaller piece


@dataclass(frozen=True)
class PatchPair:
    """distorted, reference: (P, P, 3) uint8 RGB; kind: the distortion's name; name: the photograph's."""

    distorted: np.ndarray
    reference: np.ndarray
    kind: str
    name: str


def has_room(pixels: np.ndarray, patch: int) -> bool:
    """Whether an image (H, W, 3) is large enough for distorted patches of (patch, patch) px."""
    return min(pixels.shape[:2]) >= patch + MARGIN


def cut_piece(images: list[CleanImage], side: int, random: Random) -> tuple[np.ndarray, str]:
    """A (side, side, 3) piece at a random place of a random image, randomly rotated and flipped; the image's name."""
    image = images[random.integers(len(images))]
    pixels = image.pixels
    y = random.integers(pixels.shape[0] - side + 1)
    x = random.integers(pixels.shape[1] - side + 1)
    piece = np.rot90(pixels[y : y + side, x : x + side], int(random.integers(4)))
    return np.ascontiguousarray(piece[:, ::-1] if random.random() < 0.5 else piece), image.name


def place_window(side: int, patch: int, border: int, random: Random) -> tuple[int, int]:
    """Top and left edge of a patch in a piece of (side, side), at least `border` (a multiple of 8) px inside it."""
    y, x = (int(place) for place in random.integers(border, side - patch - border + 1, size=2))
    if random.random() < ON_GRID_SHARE:
        y, x = y // BLOCK * BLOCK, x // BLOCK * BLOCK
    return y, x


def choose_kind(shares: Mapping[str, float], random: Random) -> str:
    """A kind of distortion, drawn by the shares, which need not sum to 1."""
    kinds = list(shares)
    weights = np.array([shares[kind] for kind in kinds], float)
    return kinds[random.choice(len(kinds), p=weights / weights.sum())]


def draw_pair(images: list[CleanImage], patch: int, shares: Mapping[str, float], seed: int, number: int) -> PatchPair:
    """Patch pair `number` of `seed`, `patch` px a side: random place, kind (by `shares`) and strength."""
    random = np.random.default_rng([seed, number])
    kind = choose_kind(shares, random)
    side = patch + MARGIN
    if kind in NEED_LARGE:
        side = max(side, JPEG2000_MIN_SIDE)
    piece, name = cut_piece(images, side, random)
    distorted = distort(piece, kind, random)
    y, x = place_window(side, patch, BLOCK, random)
    window = np.s_[y : y + patch, x : x + patch]
    return PatchPair(distorted[window], piece[window], kind, name)


def to_tensor(images: list[np.ndarray]) -> Tensor:
    """N images (P, P, 3) uint8 -> (N, 3, P, P) float32 in 0..1, channels_last in memory."""
    batch = torch.from_numpy(np.stack(images))  # (N, P, P, 3)
    return batch.permute(0, 3, 1, 2).float().div_(255)
