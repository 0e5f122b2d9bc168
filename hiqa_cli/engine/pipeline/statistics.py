"""The statistics of one image, and the prediction from them: the same in scoring, training and evaluation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hiqa_cli.engine.backends.backend import Backend
from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.tiling.grid import cut_tile, plan_tiles
from hiqa_cli.engine.tiling.whole import whole_tiles

from .product import product


class ImageStatistics(NamedTuple):
    """tiles: (n, N) float32, of the adjacent tiles. weights: (n,), how much each counts. whole: (1, M) float32, of the
    whole image; M is 0 for an R that does not look at it (`Backend.traits`)."""

    tiles: np.ndarray
    weights: np.ndarray
    whole: np.ndarray


def image_statistics(backend: Backend, pixels: np.ndarray) -> ImageStatistics:
    """Run the networks on every adjacent tile of pixels (H, W, 3) uint8 or uint16, without sampling."""
    height, width = pixels.shape[:2]
    grid = plan_tiles(width, height, TILE)
    tiles = [cut_tile(pixels, x, y) for x, y in grid.places()]
    whole = np.zeros((1, 0), np.float32)
    if backend.traits.sees_whole:
        whole = pooled(backend.view_tiles(whole_tiles(pixels)))
    return ImageStatistics(backend.predict_tiles(tiles, corrections=False).statistics, grid.weights, whole)


def image_prediction(backend: Backend, image: ImageStatistics) -> tuple[float, float]:
    """Score in points and predicted error of an image: of its pooled statistics, or the mean over its tiles'."""
    if backend.traits.pools:
        score, predicted_error = backend.predict(pooled(image.tiles, image.weights), image.whole)[0]
    else:
        score, predicted_error = backend.predict(image.tiles, image.whole).mean(axis=0)
    return float(score), float(predicted_error)


def pooled(statistics: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The mean of statistics of tiles (n, N) -> (1, N) float32, weighted by (n,) weights with sum 1."""
    wide = statistics.astype(np.float64)
    return np.asarray(wide.mean(axis=0) if weights is None else product(wide.T, weights), np.float32)[None]
