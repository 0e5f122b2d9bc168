"""G and R for scoring on a processor: the same function as `HiqaNet`, arranged for oneDNN."""

from __future__ import annotations

import torch
from torch import Tensor

from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.regressor import Regressor

from .generator import PackedGenerator
from .packing import LEVELS, Layout, places_of_pixels
from .regressor import PackedRegressor


class PackedImagination:
    """G's half of `HiqaNet`, for tiles whose height and width are multiples of G's divisor, made of float32 weights."""

    def __init__(self, generator: Generator, layout: Layout) -> None:
        self.dtype = layout.dtype
        self.generator = PackedGenerator(generator, layout)

    def imagine(self, distorted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, H, W) channels_last, bytes or float32 in 0..1 -> the same as G takes it; the correction
        (B, 12, H/2, W/2), float32, clamped so that the hallucination is in 0..1; `H_{5,2}`."""
        places = places_of_pixels(distorted)
        if places.dtype == torch.uint8:
            levels = places.to(self.dtype).sub_(LEVELS)
            places = places.float().div_(2 * LEVELS)
        else:
            levels = (places * (2 * LEVELS)).sub_(LEVELS).to(self.dtype)
        image = levels if self.dtype == torch.float32 else torch.cat([levels, levels], dim=1)
        correction, semantic = self.generator(image)
        # The difference is taken in float32: in bf16 it would drown in the rounding of the image itself.
        exact = correction.float().add_(places).clamp_(0, 1).sub_(places)
        return image, exact, semantic


class PackedHiqa(PackedImagination):
    """`HiqaNet` for such tiles."""

    def __init__(self, generator: Generator, regressor: Regressor, layout: Layout) -> None:
        super().__init__(generator, layout)
        self.regressor = PackedRegressor(regressor, layout)

    def judge(self, image: Tensor, correction: Tensor, semantic: Tensor) -> Tensor:
        """What imagine() gave -> joined features (B, C, H/32, W/32)."""
        return self.regressor(image, correction.to(self.dtype), semantic)
