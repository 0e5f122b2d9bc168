"""What happens to pictures on their way: compression, scaling, blur, faint noise."""

from __future__ import annotations

import numpy as np

from hiqa_train.distortions import Random
from hiqa_train.distortions.codecs import jpeg
from hiqa_train.distortions.opencv import cv2


def worn(pixels: np.ndarray, random: Random) -> np.ndarray:
    """A picture (H, W, 3) uint8 after none to three of: scaling, blur, noise, JPEG."""
    if random.random() < 0.25:
        factor = float(np.exp(random.uniform(np.log(0.4), np.log(2.2))))
        method = cv2.INTER_AREA if factor < 1 else int(random.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        pixels = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=method)
    if random.random() < 0.12:
        pixels = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.4, 2.0))
    if random.random() < 0.06:
        pixels = np.clip(pixels + random.normal(0, random.uniform(0.5, 2.5), pixels.shape), 0, 255).astype(np.uint8)
    if random.random() < 0.4:
        pixels = jpeg(np.ascontiguousarray(pixels), int(random.integers(25, 97)))
    return pixels
