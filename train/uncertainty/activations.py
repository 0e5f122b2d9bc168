"""Scores images and records the activations of the hidden units of R's heads, on which the error head is fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from hiqa_cli.engine.backends.torch_backend import TorchBackend
from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.pipeline.statistics import image_prediction, image_statistics, pooled
from hiqa_cli.engine.results import TileScore
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.tiling.grid import plan_tiles


class ObservedScore(NamedTuple):
    """A scored image. score, half_width (as the weights state it) and the scores of its tiles: in points.

    activations: (n, units) inputs of the error head, None if not recorded: one row per tile, or a single row of the
    image for an R that pools.
    """

    score: float
    tiles: tuple[TileScore, ...]
    half_width: float
    activations: np.ndarray | None = None


ScoreFunction = Callable[[np.ndarray], ObservedScore]  # takes (H, W, 3) uint8


def observe_scores(scorer: Scorer, stride: int) -> ScoreFunction:
    """A function that scores without recording activations."""

    def score(pixels: np.ndarray) -> ObservedScore:
        result = scorer.score(pixels, stride=stride)
        return ObservedScore(result.score, result.tiles, result.uncertainty)

    return score


def observe_activations(scorer: Scorer) -> ScoreFunction:
    """A function that scores every adjacent tile, as mode `fast` without sampling, and records activations. The scorer
    must use the backend torch."""
    backend, calibration = scorer.backend, scorer.calibration
    assert isinstance(backend, TorchBackend)

    def score(pixels: np.ndarray) -> ObservedScore:
        statistics = image_statistics(backend, pixels)
        height, width = pixels.shape[:2]
        places = plan_tiles(width, height, TILE).places()
        of_tiles = backend.predict(statistics.tiles, statistics.whole).tolist()
        tiles = tuple(TileScore(x, y, score, error) for (x, y), (score, error) in zip(places, of_tiles, strict=True))
        points, predicted_error = image_prediction(backend, statistics)
        half_width = calibration.half_width(points, [tile.score for tile in tiles], predicted_error)
        rows = pooled(statistics.tiles, statistics.weights) if backend.traits.pools else statistics.tiles
        return ObservedScore(points, tiles, half_width, head_activations(backend, rows, statistics.whole))

    return score


@torch.inference_mode()
def head_activations(backend: TorchBackend, statistics: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Statistics (n, N) and (1, M), see `ImageStatistics` -> inputs of the error head, (n, units) float32."""
    regressor = backend.network.regressor
    device = next(regressor.parameters()).device
    on_device = (torch.from_numpy(numbers).to(device) for numbers in (statistics, whole))
    activations: np.ndarray = regressor.activations(*on_device).float().cpu().numpy()
    return activations
