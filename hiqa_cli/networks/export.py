"""G and R for export to backends other than torch.

They compute the same as `HiqaNet`, and lose little precision in bf16, although the backend decides what it rounds:
inputs are 8-bit levels, which bf16 represents exactly; the weights of G's first filters are split into rounded values
and remainders; and the correction is clamped without being added to the image. R is exported by itself and stays in
float32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .generator import Generator
from .hiqa import AnyRegressor

LEVELS = 127.5  # inputs are 8-bit levels relative to middle grey, -127.5..127.5


class LevelsConvolution(nn.Module):
    """A first convolution whose inputs are an image in -1..1.

    Scales these to levels (-127.5..127.5) and uses them twice: with weights rounded to bf16, and with the remainders.
    """

    FACTOR = LEVELS

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        weight = convolution.weight.detach() / self.FACTOR
        rounded = weight.to(torch.bfloat16).float()
        split = torch.cat([rounded, weight - rounded], dim=1)
        self.convolution = nn.Conv2d(
            split.shape[1], split.shape[0], split.shape[2], int(convolution.stride[0]), int(convolution.padding[0])
        )
        self.convolution.weight = nn.Parameter(split)
        self.convolution.bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        levels = x * self.FACTOR
        result: Tensor = self.convolution(torch.cat([levels, levels], dim=1))
        return result


class ExportedGenerator(nn.Module):
    """Levels (B, H, W, 3) -> correction (B, H, W, 3) in units of 0..1, and `H_{5,2}`, (B, C, H/32, W/32).

    H and W must be multiples of G's divisor. Modifies the given network.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        generator.enter = LevelsConvolution(generator.enter)  # type: ignore[assignment]
        self.generator = generator

    def forward(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        image = as_image(levels)
        generated = self.generator(image)
        # clamp(image + correction, 0, 1) - image, without rounding the sum
        correction = torch.minimum(torch.maximum(generated.correction, -image), 1 - image)
        return correction.permute(0, 2, 3, 1), generated.semantic


class ExportedRegressor(nn.Module):
    """Levels and correction (B, H, W, 3), `H_{5,2}` -> statistics (B, N)."""

    def __init__(self, regressor: AnyRegressor) -> None:
        super().__init__()
        self.regressor = regressor

    def forward(self, levels: Tensor, correction: Tensor, semantic: Tensor) -> Tensor:
        return self.regressor.tile_statistics(as_image(levels), -correction.permute(0, 3, 1, 2), semantic)


class ExportedView(nn.Module):
    """Levels (B, H, W, 3) of a reduced image -> statistics (B, M) of the whole image."""

    def __init__(self, regressor: AnyRegressor) -> None:
        super().__init__()
        self.regressor = regressor

    def forward(self, levels: Tensor) -> Tensor:
        return self.regressor.view_statistics(as_image(levels))


class ExportedHead(nn.Module):
    """Statistics (n, N) and (1, M) -> (n, 2), scores in 0..1 and predicted errors."""

    def __init__(self, regressor: AnyRegressor) -> None:
        super().__init__()
        self.regressor = regressor

    def forward(self, statistics: Tensor, whole: Tensor) -> Tensor:
        return self.regressor.predict(statistics, whole)


def as_image(levels: Tensor) -> Tensor:
    """(B, H, W, 3) in levels -> (B, 3, H, W) in 0..1."""
    return levels.permute(0, 3, 1, 2) / (2 * LEVELS) + 0.5
