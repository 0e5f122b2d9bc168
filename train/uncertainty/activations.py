"""Scores an image and records the hidden units of R's heads, on which the error head is fitted."""

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


class ObservedScore(NamedTuple):
    """A scored image. activations: (windows, hidden units of R's heads); for a large image, of the sampled tiles; None
    if not recorded."""

    result: ScoreResult
    activations: np.ndarray | None = None


ScoreFunction = Callable[[np.ndarray], ObservedScore]  # takes (H, W, 3) uint8


def observe_scores(scorer: Scorer, stride: int) -> ScoreFunction:
    """A function that scores without recording activations."""
    return lambda pixels: ObservedScore(scorer.score(pixels, stride=stride))


class RecordingBackend:
    """A `Backend` that records the pooled features (n, C) of all tiles, and of all windows that go to R2."""

    name = TORCH

    def __init__(self, backend: TorchBackend) -> None:
        self._backend = backend
        self.lock = backend.lock
        self.batch_size = backend.batch_size
        self.of_tiles: list[np.ndarray] = []
        self.of_windows: list[np.ndarray] = []

    @property
    def tiles_at_once(self) -> int:
        return self._backend.tiles_at_once

    @property
    def readers(self) -> int:
        return self._backend.readers

    @property
    def settings(self) -> Mapping[str, str | int]:
        return self._backend.settings

    def enter_process(self) -> None:
        self._backend.enter_process()

    def predict_tiles(self, tiles: Sequence[np.ndarray], corrections: bool, features: bool = False) -> TileOutputs:
        outputs = self._backend.predict_tiles(tiles, corrections, features=True)
        assert outputs.features is not None
        self.of_tiles.append(outputs.features.mean(axis=(1, 2)))
        return outputs

    def predict_pooled(self, pooled: np.ndarray) -> np.ndarray:
        self.of_windows.append(pooled)
        return self._backend.predict_pooled(pooled)


def observe_activations(scorer: Scorer) -> ScoreFunction:
    """A function that scores in mode "fast" and records activations. It takes over the scorer, which must run on
    torch."""
    backend = scorer.backend
    assert isinstance(backend, TorchBackend)
    recording = RecordingBackend(backend)
    scorer.backend = recording

    def score(pixels: np.ndarray) -> ObservedScore:
        recording.of_tiles.clear()
        recording.of_windows.clear()
        result = scorer.score(pixels, stride=DEFAULT_STRIDE)
        pooled = torch.from_numpy(np.concatenate(recording.of_windows or recording.of_tiles))
        assert len(pooled) == len(result.tiles)
        with torch.inference_mode():
            activations = torch.cat(backend.network.regressor.head_activations(pooled), dim=1)
        return ObservedScore(result, activations.numpy())

    return score
