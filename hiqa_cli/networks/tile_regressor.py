"""The interface of every R to the scorer: statistics of tiles, and predictions from them."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from .traits import RegressorTraits


class ErrorHead(nn.Module):
    """Activations of the heads' hidden units (n, inputs) -> predicted errors (n,): logarithms of factors on the
    half-width of a score (`Calibration`)."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, units)
        self.told = nn.Linear(units, 1)  # output layer; weights files have this name

    def forward(self, activations: Tensor) -> Tensor:
        predicted: Tensor = self.told(functional.relu(self.hidden(activations))).squeeze(1)
        return predicted


class TileRegressor(Protocol):
    """An R that the scorer can run. All numbers are float32."""

    traits: RegressorTraits

    @property
    def statistics_count(self) -> int:
        """N, statistics per tile."""

    def tile_statistics(self, image: Tensor, discrepancy: Tensor, semantic: Tensor) -> Tensor:
        """Tiles (B, 3, H, W) RGB in 0..1, their signed discrepancy maps (distorted minus hallucination) and G's
        `H_{5,2}` -> (B, N), means over positions."""

    def view_statistics(self, image: Tensor) -> Tensor:
        """Tiles (B, 3, H, W) of reduced images -> (B, M), means over positions; M is 0 unless `sees_whole` is set."""

    def activations(self, statistics: Tensor, whole: Tensor) -> Tensor:
        """(n, N), (n, M) -> (n, units): the inputs of the error head."""

    def predict(self, statistics: Tensor, whole: Tensor) -> Tensor:
        """(n, N), (n, M) -> (n, 2): scores in 0..1, higher is better, and predicted errors (`ErrorHead`), 0 without an
        error head."""


def with_errors(score: Tensor, error_head: ErrorHead | None, activations: Tensor) -> Tensor:
    """Scores (n,) and activations (n, units) -> (n, 2): the scores, and the errors that the error head predicts."""
    error = torch.zeros_like(score) if error_head is None else error_head(activations)
    return torch.stack([score, error], dim=1)
