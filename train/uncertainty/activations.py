"""Scores an image and records the hidden units of R's heads, on which the error head is fitted."""

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
    """A scored image, in points. tiles: that its score is made of. half_width: that the weights state.

    activations: (n, units) of R's heads, None if not recorded: a row a tile, or one of the image for an R that pools.
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
    """A function that scores every adjacent tile, as mode "fast" without sampling, and records activations. The scorer
    must run on torch."""
    backend, calibration = scorer.backend, scorer.calibration
    assert isinstance(backend, TorchBackend)

    def score(pixels: np.ndarray) -> ObservedScore:
        found = image_statistics(backend, pixels)
        height, width = pixels.shape[:2]
        places = plan_tiles(width, height, TILE).places()
        predicted = backend.predict(found.tiles, found.whole).tolist()
        tiles = tuple(TileScore(x, y, *two) for (x, y), two in zip(places, predicted, strict=True))
        points, predicted_error = image_prediction(backend, found)
        half_width = calibration.half_width(points, [tile.score for tile in tiles], predicted_error)
        rows = pooled(found.tiles, found.weights) if backend.traits.pools else found.tiles
        return ObservedScore(points, tiles, half_width, head_activations(backend, rows, found.whole))

    return score


@torch.inference_mode()
def head_activations(backend: TorchBackend, statistics: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """(n, N) and (1, M), `ImageStatistics` -> (n, units) float32, what the error head sees."""
    regressor = backend.network.regressor
    device = next(regressor.parameters()).device
    here = (torch.from_numpy(numbers).to(device) for numbers in (statistics, whole))
    found: np.ndarray = regressor.activations(*here).float().cpu().numpy()
    return found
