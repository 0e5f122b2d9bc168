"""The statistics of one image, as a score is made from them: for training and evaluation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hiqa_cli.engine.backends.backend import Backend
from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.tiling.grid import cut_tile, plan_tiles
from hiqa_cli.engine.tiling.whole import whole_tiles


class ImageStatistics(NamedTuple):
    """tiles: (n, N) float32, of the adjacent tiles. whole: (1, M) float32, of the whole image; M is 0 for an R that
    does not look at it (`Backend.traits`)."""

    tiles: np.ndarray
    whole: np.ndarray


def image_statistics(backend: Backend, pixels: np.ndarray) -> ImageStatistics:
    """Run the networks on every adjacent tile of pixels (H, W, 3) uint8 or uint16, without sampling."""
    height, width = pixels.shape[:2]
    tiles = [cut_tile(pixels, x, y) for x, y in plan_tiles(width, height, TILE).places()]
    whole = np.zeros((1, 0), np.float32)
    if backend.traits.sees_whole:
        whole = pooled(backend.view_tiles(whole_tiles(pixels)))
    return ImageStatistics(backend.predict_tiles(tiles, corrections=False).statistics, whole)


def image_prediction(backend: Backend, statistics: np.ndarray, whole: np.ndarray) -> tuple[float, float]:
    """Score in points and predicted error of an image from the statistics of its tiles (n, N) and (1, M)."""
    if backend.traits.pools:
        score, predicted_error = backend.predict(pooled(statistics), whole)[0]
    else:
        score, predicted_error = backend.predict(statistics, whole).mean(axis=0)
    return float(score), float(predicted_error)


def pooled(statistics: np.ndarray) -> np.ndarray:
    """The mean of statistics of tiles (n, N) -> (1, N) float32, summed in float64."""
    return np.asarray(statistics.mean(axis=0, dtype=np.float64, keepdims=True), np.float32)
