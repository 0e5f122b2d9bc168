"""G and R for export to backends other than torch.

They compute the same as `HiqaNet`, but lose little precision in bf16, where the backend decides what to round: inputs
are 8-bit levels, which bf16 represents exactly; the weights of the first filters are split into rounded values and
remainders; the correction is clamped without being added to the image; and R2 and the prior are separate networks,
which stay in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .generator import Generator
from .onednn.packing import LEVELS, high_low_split
from .regressor import Prior, Regressor, pooled


class LevelsConvolution(nn.Module):
    """A first convolution whose first `channels` inputs are an image in -gain..gain.

    Scales these to levels (-127.5..127.5) and uses them twice: with weights rounded to bf16, and with the remainders.
    """

    def __init__(self, convolution: nn.Conv2d, channels: int, gain: float) -> None:
        super().__init__()
        self.channels, self.factor = channels, LEVELS / gain
        weight = convolution.weight.detach()
        of_image = high_low_split(weight[:, :channels] / self.factor, torch.bfloat16)
        weight = torch.cat([of_image, weight[:, channels:]], dim=1)
        self.convolution = nn.Conv2d(
            weight.shape[1], weight.shape[0], weight.shape[2], int(convolution.stride[0]), int(convolution.padding[0])
        )
        self.convolution.weight = nn.Parameter(weight)
        self.convolution.bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        levels = x[:, : self.channels] * self.factor
        result: Tensor = self.convolution(torch.cat([levels, levels, x[:, self.channels :]], dim=1))
        return result


class ExportedTiles(nn.Module):
    """Levels (B, H, W, 3) -> joined features without the prior's (B, H/32, W/32, C), and correction (B, H, W, 3) in
    units of 0..1.

    H and W must be multiples of G's divisor. Modifies the given networks, whose batch norms must be folded.
    """

    def __init__(self, generator: Generator, regressor: Regressor) -> None:
        super().__init__()
        generator.enter = LevelsConvolution(generator.enter, 12, 1.0)  # type: ignore[assignment]
        first = regressor.trunk.conv[0]
        assert isinstance(first, nn.Conv2d)
        regressor.trunk.conv[0] = LevelsConvolution(first, 3, 2.0)
        self.generator, self.regressor = generator, regressor

    def forward(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        image = as_image(levels)
        generated = self.generator(image)
        # clamp(image + correction, 0, 1) - image, without rounding the sum
        difference = torch.minimum(torch.maximum(generated.correction, -image), 1 - image)
        quality = self.regressor.trunk_features(image, -difference)[-1]
        features = self.regressor.joined(quality, generated.semantic)
        return features.permute(0, 2, 3, 1), difference.permute(0, 2, 3, 1)


class ExportedPrior(nn.Module):
    """Levels (B, H, W, 3) -> the prior's features (B, H/32, W/32, C); separate, since it needs float32."""

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self.prior = prior

    def forward(self, levels: Tensor) -> Tensor:
        features: Tensor = self.prior(as_image(levels))
        return features.permute(0, 2, 3, 1)


def as_image(levels: Tensor) -> Tensor:
    """(B, H, W, 3) in levels -> (B, 3, H, W) in 0..1."""
    return levels.permute(0, 3, 1, 2) / (2 * LEVELS) + 0.5


class ExportedHead(nn.Module):
    """R2: joined features (B, h, w, C) -> (B, 2), scores in 0..1 and predicted errors."""

    def __init__(self, regressor: Regressor) -> None:
        super().__init__()
        self.regressor = regressor

    def forward(self, features: Tensor) -> Tensor:
        return self.regressor.predict_pooled(pooled(features.permute(0, 3, 1, 2)))
