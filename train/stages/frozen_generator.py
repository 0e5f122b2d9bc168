"""A trained G that only shows R what it imagines: on a processor packed as in scoring, so that R learns from just what
it will be shown there (in bf16 the plain modules give up to half an 8-bit level else), and a little faster."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.onednn.hiqa import PackedImagination
from hiqa_cli.networks.onednn.packing import Layout, is_packable, pixels_of_places
from hiqa_train.trainer.distributed import RunDevice


class GeneratorView(NamedTuple):
    """hallucination: (B, 3, H, W) float32 in 0..1; semantic: `H_{5,2}`, (B, C, H/32, W/32)."""

    hallucination: Tensor
    semantic: Tensor


class FrozenGenerator:
    """Shows what G makes of a batch; learns nothing."""

    def __init__(self, generator: Generator, machine: RunDevice, batch: int, side: int) -> None:
        """batch, side: of the patches that it will mostly be shown; any other works."""
        self.config = generator.config
        self.plain = generator.to(machine.device)
        dtype = torch.bfloat16 if machine.precision == "bf16" else torch.float32
        self._packed: PackedImagination | None = None
        if machine.device.type == "cpu" and is_packable(dtype):
            self._packed = PackedImagination(generator, Layout(batch, side, dtype))

    @torch.no_grad()
    def __call__(self, distorted: Tensor) -> GeneratorView:
        """distorted: (B, 3, H, W) float32 in 0..1, channels_last."""
        if self._packed is None or any(side % self.config.divisor for side in distorted.shape[-2:]):
            imagined = self.plain(distorted)
            return GeneratorView(imagined.hallucination.float().clamp(0, 1), imagined.semantic)
        _, correction, semantic = self._packed.imagine(distorted)
        return GeneratorView(distorted + pixels_of_places(correction), semantic)
