"""A prior that is learned already and stays as it is: on a processor packed as in scoring, so that R1 learns to add to
just what will be said there (plain modules in bf16 would move its scores by points), and faster."""

from __future__ import annotations

import torch
from torch import Tensor

from hiqa_cli.networks.onednn.packing import LEVELS, Layout, is_packable, places_of_pixels
from hiqa_cli.networks.onednn.regressor import PackedEfficientNetLite
from hiqa_cli.networks.regressor import Prior
from hiqa_train.trainer.distributed import RunDevice


class FrozenPrior:
    """Features of a prior; learns nothing."""

    def __init__(self, prior: Prior, machine: RunDevice, batch: int, side: int) -> None:
        """batch, side: of the patches that it will mostly be shown; any other works."""
        self.plain = prior
        dtype = torch.bfloat16 if machine.precision == "bf16" else torch.float32
        self._packed: PackedEfficientNetLite | None = None
        if machine.device.type == "cpu" and is_packable(dtype):
            self._packed = PackedEfficientNetLite(prior.trunk, Layout(batch, side, dtype))

    @torch.no_grad()
    def __call__(self, distorted: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1, channels_last -> (B, 1280, H/32, W/32)."""
        if self._packed is None:
            features: Tensor = self.plain(distorted)
            return features
        levels = places_of_pixels(distorted * (2 * LEVELS)).sub_(LEVELS)
        return self._packed(levels)
