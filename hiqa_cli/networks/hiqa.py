"""G and R together, as the scorer runs them: a tile goes in, its score and its hallucination come out.

The score reaches the input by both ways of the paper's data flow: R sees the distorted tile itself, and the
discrepancy map and `H_{5,2}` that G makes of it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .generator import Generator
from .regressor import Regressor


class HiqaOutput(NamedTuple):
    """score: (B,) float32 in 0..1, high is good; hallucination: (B, 3, H, W) float32 in 0..1;
    correction: (B, 3, H, W) float32, hallucination minus distorted (after clamping: the negative discrepancy)."""

    score: Tensor
    hallucination: Tensor
    correction: Tensor


class HiqaNet(nn.Module):
    """(B, 3, 256, 256) RGB float32 in 0..1 -> `HiqaOutput`; other sizes work, the weights are trained for this one."""

    def __init__(self, generator: Generator, regressor: Regressor) -> None:
        super().__init__()
        self.generator = generator
        self.regressor = regressor
        self.dtype = torch.float32

    def in_precision(self, dtype: torch.dtype) -> HiqaNet:
        """Run the convolutions in `dtype` (float32, bfloat16); R's head stays in float32. Returns itself."""
        self.to(dtype)
        self.regressor.head.float()
        self.dtype = dtype
        return self

    def forward(self, distorted: Tensor) -> HiqaOutput:
        inside = distorted.to(self.dtype)
        imagined = self.generator(inside)
        # The difference is taken in float32: in bf16 it would drown in the rounding of the image itself.
        hallucination = (distorted + imagined.correction.float()).clamp(0, 1)
        correction = hallucination - distorted
        score = self.regressor(inside, (-correction).to(self.dtype), imagined.semantic)
        return HiqaOutput(score, hallucination, correction)
