"""A frozen G that provides the inputs of R in training, computed as in scoring."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor

from hiqa_cli.networks.generator import Generator
from hiqa_train.distributed import RunDevice


class FrozenOutputs(NamedTuple):
    """hallucination: (B, 3, H, W) float32 in 0..1; semantic: `H_{5,2}`, (B, C, H/32, W/32)."""

    hallucination: Tensor
    semantic: Tensor


class FrozenGenerator:
    """A copy of G without gradients.

    In bf16 its first filters stay in float32 (`HiqaNet.in_precision`); autocast would round the image itself.
    """

    def __init__(self, generator: Generator, run_device: RunDevice) -> None:
        self.config = generator.config
        self._device = run_device.device.type
        dtype = torch.bfloat16 if run_device.precision == "bf16" else torch.float32
        self._network = copy.deepcopy(generator).eval().requires_grad_(False)
        self._network.to(run_device.device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network.enter.float()

    @torch.no_grad()
    def __call__(self, distorted: Tensor) -> FrozenOutputs:
        """distorted: (B, 3, H, W) float32 in 0..1, channels_last."""
        with torch.autocast(self._device, enabled=False):
            output = self._network(distorted)
        return FrozenOutputs((distorted + output.correction.float()).clamp(0, 1), output.semantic)
