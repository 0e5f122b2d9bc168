"""G and R together, as the scorer runs them: a tile in, its statistics and its hallucination out.

R gets the distorted tile itself and, from G, the discrepancy map and `H_{5,2}`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .generator import Generator, Hallucination
from .pair_regressor import PairRegressor
from .regressor import Regressor

BYTE = 255.0  # the largest value of a uint8

AnyRegressor = Regressor | PairRegressor  # a `TileRegressor` that is a module


class HiqaOutput(NamedTuple):
    """The outputs for a batch.

    statistics: (B, N) float32, from which R predicts (`TileRegressor`).
    correction: (B, 3, H, W) float32, hallucination minus distorted after clamping: the negative discrepancy map.
    """

    statistics: Tensor
    correction: Tensor


class HiqaNet(nn.Module):
    """(B, 3, 256, 256) RGB, uint8 or float32 in 0..1 -> `HiqaOutput`. Other sizes work, but the weights were trained on
    this one. On a CPU, channels_last is fastest."""

    def __init__(self, generator: Generator, regressor: AnyRegressor) -> None:
        super().__init__()
        self.generator = generator
        self.regressor = regressor

    def in_precision(self, dtype: torch.dtype) -> HiqaNet:
        """Run G in `dtype` (float32, bfloat16), except its first filters. They, and R, stay in float32: bf16 would
        round away faint detail beside the image's brightness. Returns itself."""
        self.generator.to(dtype)
        self.generator.enter.float()
        return self

    def forward(self, distorted: Tensor) -> HiqaOutput:
        image = as_floats(distorted)
        return self.compare(image, self.generator(image))

    def compare(self, image: Tensor, generated: Hallucination) -> HiqaOutput:
        """The part of R: float32 tiles in 0..1 and G's outputs for them -> the outputs."""
        correction = (image + generated.correction.float()).clamp(0, 1) - image
        statistics = self.regressor.tile_statistics(image, -correction, generated.semantic.float())
        return HiqaOutput(statistics, correction)

    def view(self, reduced: Tensor) -> Tensor:
        """Tiles of a reduced image (B, 3, H, W) -> (B, M), R's statistics of the whole image."""
        return self.regressor.view_statistics(as_floats(reduced))


def as_floats(image: Tensor) -> Tensor:
    """uint8 as float32 in 0..1; floats unchanged."""
    return image.float().div_(BYTE) if image.dtype == torch.uint8 else image
