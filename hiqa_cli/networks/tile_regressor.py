"""What the scorer needs of any R: statistics of tiles, and predictions from them."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from .traits import RegressorTraits


class ErrorHead(nn.Module):
    """Activations of the heads' hidden units (n, inputs) -> predicted errors (n,): the logarithm of a factor on the
    half-width of a score (`Calibration`)."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, units)
        self.told = nn.Linear(units, 1)

    def forward(self, activations: Tensor) -> Tensor:
        predicted: Tensor = self.told(functional.relu(self.hidden(activations))).squeeze(1)
        return predicted


class TileRegressor(Protocol):
    """An R that the scorer can run. All numbers are float32."""

    traits: RegressorTraits

    @property
    def statistics_count(self) -> int:
        """N, numbers a tile."""

    def tile_statistics(self, image: Tensor, discrepancy: Tensor, semantic: Tensor) -> Tensor:
        """Tiles (B, 3, H, W) RGB in 0..1, their signed discrepancy maps (distorted minus hallucination) and G's
        `H_{5,2}` -> (B, N), means over places."""

    def view_statistics(self, image: Tensor) -> Tensor:
        """Tiles (B, 3, H, W) of reduced images -> (B, M), means over places; M is 0 where `sees_whole` is not set."""

    def activations(self, statistics: Tensor, whole: Tensor) -> Tensor:
        """(n, N), (n, M) -> (n, units): what the error head sees."""

    def predict(self, statistics: Tensor, whole: Tensor) -> Tensor:
        """(n, N), (n, M) -> (n, 2): scores in 0..1, higher is better, and predicted errors (`ErrorHead`), 0 without an
        error head."""


def with_errors(score: Tensor, error_head: ErrorHead | None, activations: Tensor) -> Tensor:
    """(n, 2): scores (n,), and what the error head tells from activations (n, units)."""
    error = torch.zeros_like(score) if error_head is None else error_head(activations)
    return torch.stack([score, error], dim=1)
