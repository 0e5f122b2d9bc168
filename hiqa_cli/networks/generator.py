"""G, the quality-aware generative network: hallucinates the undistorted image behind a distorted one.

Lin and Wang, CVPR 2018, section 3.1: a stacked hourglass (Newell et al., ECCV 2016) from image to image.
Differences: the stem of the pose network (7x7, stride 4, batch norm) discards the detail that image quality depends
on. Here a pixel-unshuffle reaches the finest scale, half the resolution, without loss; channels are few there and
increase at coarser scales; nothing is normalised; and G predicts a *correction* that is added to its input, so that an
undistorted image can pass unchanged.

`H_{m,n}` is the output of the m-th residual block of the encoder of stack n (section 3.3). With five scales,
1/2 to 1/32, `H_{5,2}` has 8x8 positions for a 256x256 tile, as many as R's last features.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class GeneratorConfig:
    """channels: of each scale, from 1/2 of the resolution downwards; stacks: number of hourglasses."""

    channels: tuple[int, ...] = (24, 40, 80, 96, 128)
    stacks: int = 2

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> GeneratorConfig:
        return cls(channels=tuple(fields["channels"]), stacks=fields["stacks"])

    @property
    def divisor(self) -> int:
        """Height and width inside the network are padded to multiples of this, in px."""
        return int(2 ** len(self.channels))


class Hallucination(NamedTuple):
    """G's outputs for a batch.

    hallucination: (B, 3, H, W), clamped to 0..1 in evaluation mode; unclamped in training, so that no gradient is lost.
    correction: (B, 3, H, W), hallucination minus distorted, before any clamping.
    stacks: every stack's hallucination, unclamped, for intermediate supervision; the last is the result's own.
    semantic: (B, C, ceil(H/32), ceil(W/32)), `H_{5,2}(I_d)` of formula (11) (for five scales and two stacks).
    """

    hallucination: Tensor
    correction: Tensor
    stacks: tuple[Tensor, ...]
    semantic: Tensor


class Residual(nn.Module):
    """(B, C, H, W) -> same: two plain 3x3 convolutions, the second initialised small, so that the block starts near
    identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        shrink(self.second, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.relu(self.first(x)))


class Hourglass(nn.Module):
    """(B, C, H, W) -> (B, C, H, W) and the deepest encoder block's output; H, W divisible by 2**(scales - 1)."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        finest, coarser = channels[0], channels[1:]
        self.encode = Residual(finest)
        self.decode = Residual(finest)
        self.inner: Hourglass | None = None
        if coarser:
            self.down = nn.Conv2d(finest, coarser[0], 3, stride=2, padding=1)
            self.inner = Hourglass(coarser)
            self.up = nn.Conv2d(coarser[0], 4 * finest, 1)
            shrink(self.up, 0.3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.encode(x)  # (B, C, H, W): H_{m,n} of this scale
        if self.inner is None:
            return self.decode(kept), kept
        low, deepest = self.inner(self.down(kept))  # (B, C', H/2, W/2)
        upsampled = functional.pixel_shuffle(self.up(low), 2)  # (B, C, H, W)
        return self.decode(kept + upsampled), deepest


class Generator(nn.Module):
    """G of formula (1): (B, 3, H, W) RGB in 0..1, any H, W >= 1 -> `Hallucination` of the same size."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        finest = config.channels[0]
        self.enter = nn.Conv2d(12, finest, 3, padding=1)
        self.hourglasses = nn.ModuleList(Hourglass(config.channels) for _ in range(config.stacks))
        heads = [nn.Conv2d(finest, 12, 3, padding=1) for _ in range(config.stacks)]
        for head in heads:
            shrink(head, 0.1)  # G starts near identity
        self.heads = nn.ModuleList(heads)
        # Newell's merges: the features and the prediction of a stack are inputs of the next one.
        self.merge_found = nn.ModuleList(nn.Conv2d(finest, finest, 1) for _ in range(config.stacks - 1))
        self.merge_predicted = nn.ModuleList(nn.Conv2d(12, finest, 1) for _ in range(config.stacks - 1))

    def forward(self, distorted: Tensor) -> Hallucination:
        height, width = distorted.shape[-2:]
        padded = self._pad(distorted)
        # From 0..1 to about -1..1; the padded size is a multiple of the divisor.
        x = self.enter(functional.pixel_unshuffle(padded * 2 - 1, 2))  # (B, c, H/2, W/2)
        x = x.to(self.heads[0].weight.dtype)  # the first filters alone may be float32 (HiqaNet.in_precision)
        corrections: list[Tensor] = []
        total: Tensor | None = None
        semantic = x
        for n, (hourglass, head) in enumerate(zip(self.hourglasses, self.heads, strict=True)):
            features, semantic = hourglass(x)
            step = head(features)  # (B, 12, H/2, W/2): this stack's addition to the correction
            total = step if total is None else total + step
            corrections.append(functional.pixel_shuffle(total, 2)[..., :height, :width])
            if n < len(self.merge_found):
                x = x + self.merge_found[n](features) + self.merge_predicted[n](total)
        stacks = tuple(distorted + correction for correction in corrections)
        last = stacks[-1] if self.training else stacks[-1].clamp(0, 1)
        return Hallucination(last, corrections[-1], stacks, semantic)

    def _pad(self, image: Tensor) -> Tensor:
        divisor = self.config.divisor
        below, right = -image.shape[-2] % divisor, -image.shape[-1] % divisor
        if not (below or right):
            return image
        return functional.pad(image, (0, right, 0, below), mode="replicate")


@torch.no_grad()
def shrink(convolution: nn.Conv2d, factor: float) -> None:
    """Scale a convolution's random initial weights by `factor`, and zero its bias."""
    convolution.weight.mul_(factor)
    if convolution.bias is not None:
        convolution.bias.zero_()
