"""Statistics of a tile that R pools: means over positions of features, of their squares, and of differences of a pair.

Every statistic is a mean over the positions of a tile, so that the statistics of an image are the means of its tiles'
statistics. `describe_*` turn them into inputs of R's heads: means, logarithms of spreads, and differences in units of
the spreads. All of this is computed in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .description import LEAST_VARIANCE, MAP_SCALES, MAP_UNITS, PAIR_FLOOR, SPREAD_FLOOR
from .efficientnet_lite import STAGES, EfficientNetLite

TAPS = (0, 2, 4, 10, 15)  # blocks of the trunk before each reduction, and the last one: 1/2 to 1/32 of the resolution
COMPARED = (0, 2, 4)  # taps at which the pair is compared; features of later ones stand for objects, not for detail


def tap_channels(taps: Sequence[int]) -> int:
    """Total number of channels of the features of these blocks."""
    of_blocks = [channels for _, _, _, repeats, channels in STAGES for _ in range(repeats)]
    return sum(of_blocks[number] for number in taps)


IMAGE_CHANNELS = tap_channels(TAPS)
PAIR_CHANNELS = tap_channels(COMPARED)


class Moments(NamedTuple):
    """Means over positions of features and of their squares, (n, C) each."""

    mean: Tensor
    square: Tensor

    @property
    def spread(self) -> Tensor:
        """The standard deviation over positions, (n, C)."""
        # the gradient of a square root is infinite at 0
        return (self.square - self.mean.square()).clamp_min(LEAST_VARIANCE).sqrt()

    def described(self) -> Tensor:
        """Mean and logarithm of the spread, (n, 2 C)."""
        return torch.cat([self.mean, (self.spread + SPREAD_FLOOR).log()], dim=1)

    def first(self, channels: int) -> Moments:
        """The moments of the first `channels` channels."""
        return Moments(self.mean[:, :channels], self.square[:, :channels])

    @classmethod
    def joined(cls, numbers: Tensor) -> Moments:
        """From (n, 2 C): the means, then the mean squares."""
        mean, square = numbers.chunk(2, dim=1)
        return cls(mean, square)


def tap_features(trunk: EfficientNetLite, image: Tensor, taps: Sequence[int]) -> list[Tensor]:
    """Features after the blocks `taps` (ascending) for images (B, 3, H, W), RGB in 0..1. Later blocks do not run."""
    x, features = functional.relu6(trunk.stem(image * 4 - 2)), []
    for number, block in enumerate(trunk.blocks[: taps[-1] + 1]):
        x = block(x)
        if number in taps:
            features.append(x)
    return features


def moments(features: Sequence[Tensor]) -> Tensor:
    """Moments of feature maps (B, C, h, w), joined along C: (B, 2 C), the means, then the mean squares."""
    maps = [one.float() for one in features]
    means = [one.mean(dim=(2, 3)) for one in maps]
    return torch.cat([*means, *(one.square().mean(dim=(2, 3)) for one in maps)], dim=1)


def absolute_difference(distorted: Sequence[Tensor], hallucination: Sequence[Tensor]) -> Tensor:
    """Mean absolute differences over positions of the feature maps that both images have, (B, C)."""
    pairs = zip(distorted, hallucination, strict=False)  # the distorted image has features at coarser scales, too
    return torch.cat([(a.float() - b.float()).abs().mean(dim=(2, 3)) for a, b in pairs], dim=1)


def map_moments(discrepancy: Tensor) -> Tensor:
    """The discrepancy map (B, 3, H, W) -> mean, mean absolute value and mean square of each colour at each of
    `MAP_SCALES` scales, (B, MAP_NUMBERS)."""
    numbers, scaled = [], discrepancy.float()
    for scale in range(MAP_SCALES):
        scaled = functional.avg_pool2d(scaled, 2) if scale else scaled
        numbers += [scaled.mean(dim=(2, 3)), scaled.abs().mean(dim=(2, 3)), scaled.square().mean(dim=(2, 3))]
    return torch.cat(numbers, dim=1)


def describe_pair(distorted: Moments, hallucination: Moments, absolute: Tensor) -> Tensor:
    """Differences of a pair in C channels, (n, 3 C). With means m and spreads s of the distorted image (d) and the
    hallucination (h), and their mean absolute difference `absolute`, (n, C):

    log(absolute / (s_d + s_h)), (m_d - m_h) / (s_d + s_h), and log(s_d / s_h).
    """
    both = distorted.spread + hallucination.spread + PAIR_FLOOR
    ratio = ((distorted.spread + SPREAD_FLOOR) / (hallucination.spread + SPREAD_FLOOR)).log()
    return torch.cat([(absolute / both + PAIR_FLOOR).log(), (distorted.mean - hallucination.mean) / both, ratio], dim=1)


def describe_map(numbers: Tensor) -> Tensor:
    """`map_moments` with spreads in place of mean squares, on a logarithmic scale that keeps the sign; (n, MAP_NUMBERS)
    -> same."""
    mean, absolute, square = numbers.unflatten(1, (MAP_SCALES, 3, 3)).unbind(dim=2)
    spread = (square - mean.square()).clamp_min(0).sqrt()
    described = torch.stack([mean, absolute, spread], dim=2).flatten(1)
    return described.sign() * (described.abs() * MAP_UNITS).log1p()
