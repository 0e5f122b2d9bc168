"""Frozen networks that a training regressor takes its inputs from: G, and the prior of an R that has one.

On a CPU they are packed as for scoring, so that R trains on exactly the inputs that it gets in scoring; in bf16 the
plain modules differ by up to half an 8-bit level (G) or by points of the score (prior). Packed networks are also
faster.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.onednn.generator import PackedGeneratorHalf
from hiqa_cli.networks.onednn.packing import LEVELS, Layout, depth_to_space, is_packable, space_to_depth
from hiqa_cli.networks.onednn.regressor import PackedEfficientNetLite
from hiqa_cli.networks.regressor import Prior
from hiqa_train.distributed import RunDevice


class FrozenOutputs(NamedTuple):
    """hallucination: (B, 3, H, W) float32 in 0..1; semantic: `H_{5,2}`, (B, C, H/32, W/32)."""

    hallucination: Tensor
    semantic: Tensor


class FrozenGenerator:
    """A G that does not train: its outputs on a batch."""

    def __init__(self, generator: Generator, run_device: RunDevice, batch: int, side: int) -> None:
        """batch, side: of the usual input, for which the packed network is laid out; others work, too."""
        self.config = generator.config
        self.plain = generator.to(run_device.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        dtype = torch.bfloat16 if run_device.precision == "bf16" else torch.float32
        self._packed: PackedGeneratorHalf | None = None
        if run_device.device.type == "cpu" and is_packable(dtype):
            self._packed = PackedGeneratorHalf(generator, Layout(batch, side, dtype))

    @torch.no_grad()
    def __call__(self, distorted: Tensor) -> FrozenOutputs:
        """distorted: (B, 3, H, W) float32 in 0..1, channels_last."""
        if self._packed is None or any(side % self.config.divisor for side in distorted.shape[-2:]):
            outputs = self.plain(distorted)
            return FrozenOutputs(outputs.hallucination.float().clamp(0, 1), outputs.semantic)
        _, correction, semantic = self._packed.run_generator(distorted)
        return FrozenOutputs(distorted + depth_to_space(correction), semantic)


class FrozenPrior:
    """A prior that does not train: its features of a batch."""

    def __init__(self, prior: Prior, run_device: RunDevice, batch: int, side: int) -> None:
        """batch, side: of the usual input, for which the packed network is laid out; others work, too."""
        self.plain = prior
        dtype = torch.bfloat16 if run_device.precision == "bf16" else torch.float32
        self._packed: PackedEfficientNetLite | None = None
        if run_device.device.type == "cpu" and is_packable(dtype):
            self._packed = PackedEfficientNetLite(prior.trunk, Layout(batch, side, dtype))

    @torch.no_grad()
    def __call__(self, distorted: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1, channels_last -> (B, 1280, H/32, W/32)."""
        if self._packed is None:
            features: Tensor = self.plain(distorted)
            return features
        levels = space_to_depth(distorted * (2 * LEVELS)).sub_(LEVELS)
        return self._packed(levels)
