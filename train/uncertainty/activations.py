"""Scoring a picture and seeing what R's hidden units saw of it: what its doubt is fitted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from hiqa_cli.engine.backends.backend import TileOutputs
from hiqa_cli.engine.backends.torch_backend import TorchBackend
from hiqa_cli.engine.config import DEFAULT_STRIDE, TORCH
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.scorer import Scorer


class Activations(NamedTuple):
    """A scored picture; seen: (windows, hidden units of R's heads), or, of a large picture, of the sampled tiles; None:
    nobody looked."""

    result: ScoreResult
    seen: np.ndarray | None = None


Look = Callable[[np.ndarray], Activations]  # of (H, W, 3) uint8


def observe_scores(scorer: Scorer, stride: int) -> Look:
    """Scores alone."""
    return lambda pixels: Activations(scorer.score(pixels, stride=stride))


class RecordingBackend:
    """A `TileRunner` that keeps the pooled features (n, C) of all tiles, and of all windows that R2 is asked about."""

    def __init__(self, runner: TorchBackend) -> None:
        self._runner = runner
        self.of_tiles: list[np.ndarray] = []
        self.of_windows: list[np.ndarray] = []

    name = TORCH

    @property
    def batch_size(self) -> int:
        return self._runner.batch_size

    @property
    def settings(self) -> Mapping[str, str | int]:
        return self._runner.settings

    def predict_tiles(self, tiles: Sequence[np.ndarray], corrections: bool, features: bool = False) -> TileOutputs:
        outputs = self._runner.predict_tiles(tiles, corrections, features=True)
        assert outputs.features is not None
        self.of_tiles.append(outputs.features.mean(axis=(1, 2)))
        return outputs

    def predict_pooled(self, pooled: np.ndarray) -> np.ndarray:
        self.of_windows.append(pooled)
        return self._runner.predict_pooled(pooled)


def observe_activations(scorer: Scorer) -> Look:
    """Scores (mode "fast") and hidden units; the scorer runs on torch, and is for this alone from now on."""
    runner = scorer.backend
    assert isinstance(runner, TorchBackend)
    overheard = RecordingBackend(runner)
    scorer.backend = overheard  # type: ignore[assignment]  # batch_size is only read

    def look(pixels: np.ndarray) -> Activations:
        overheard.of_tiles.clear()
        overheard.of_windows.clear()
        result = scorer.score(pixels, stride=DEFAULT_STRIDE)
        pooled = torch.from_numpy(np.concatenate(overheard.of_windows or overheard.of_tiles))
        assert len(pooled) == len(result.tiles)
        with torch.inference_mode():
            seen = torch.cat(runner.network.regressor.head_activations(pooled), dim=1)
        return Activations(result, seen.numpy())

    return look
