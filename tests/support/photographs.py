"""Pictures that look like photographs to a network: smooth parts, edges and texture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hiqa_train import distortions
from support.sample_images import photograph as picture_of_size


def photograph(seed: int = 0, side: int = 360) -> np.ndarray:
    """(side, side, 3) uint8 with what photographs have: smooth light, edges, fine texture."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(60, 200, (6, 6, 3)).astype(np.float32)
    light = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    for _ in range(25):
        x, y, r = (int(v) for v in random.integers(5, side, 3))
        cv2.circle(light, (x, y), 5 + r // 8, tuple(float(v) for v in random.uniform(20, 235, 3)), -1)
    texture = cv2.GaussianBlur(random.normal(0, 30, (side, side, 3)).astype(np.float32), (0, 0), 1)
    return distortions.to_8bit(light + texture)


def write_photographs(folder: Path) -> Path:
    folder.mkdir()
    for number in range(12):
        cv2.imwrite(str(folder / f"{number}.png"), picture_of_size(320, 320, seed=number))
    return folder
