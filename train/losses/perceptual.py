"""The network of the perceptual loss, formula (4): VGG19, or the first blocks of the trunk of hiqa's weights.

Losses on features of different networks are different losses. Each network therefore has an identity of plain values,
which a run records and compares on resume: its name, its layers, and a digest of its weights.
"""

from __future__ import annotations

import copy
from pathlib import Path

from torch import Tensor, nn

from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.efficientnet_lite import EfficientNetLite
from hiqa_cli.networks.pair_regressor import PairRegressor
from hiqa_cli.networks.statistics import tap_features

from .vgg import Vgg19Features, weights_digest

TRUNK = "trunk"
# Blocks of EfficientNet-Lite0 before its first three reductions: 16, 24 and 40 channels at 1/2, 1/4 and 1/8. On
# TID2013-rebuilt, differences from the true reference at these three scales order distortions as well as at all five.
TRUNK_BLOCKS = (0, 2, 4)


class TrunkFeatures(nn.Module):
    """(B, 3, H, W) RGB in 0..1 -> features (B, C, H/2, W/2), (B, C, H/4, W/4), (B, C, H/8, W/8) after TRUNK_BLOCKS. The
    weights are frozen."""

    term = TRUNK  # the loss's name in metrics

    def __init__(self, trunk: EfficientNetLite) -> None:
        super().__init__()
        self.trunk = copy.deepcopy(trunk)
        self.trunk.blocks = self.trunk.blocks[: TRUNK_BLOCKS[-1] + 1]
        self.requires_grad_(False)
        self.identity = {"network": TRUNK, "layers": list(TRUNK_BLOCKS), "weights": weights_digest(self)}

    def forward(self, image: Tensor) -> list[Tensor]:
        return tap_features(self.trunk, image, TRUNK_BLOCKS)


PerceptualFeatures = TrunkFeatures | Vgg19Features


def load_perceptual(vgg: Path | None, vgg_layers: tuple[str, ...]) -> PerceptualFeatures:
    """VGG19 from the file `vgg`, or the trunk of hiqa's weights if it is None. Raises UsageError or WeightsError."""
    if vgg is not None:
        return Vgg19Features(vgg, vgg_layers)
    regressor = load_weights(None).regressor
    if not isinstance(regressor, PairRegressor):
        raise UsageError("hiqa's weights have no trunk for the perceptual loss", "give --vgg FILE, download or off")
    return TrunkFeatures(regressor.trunk)
