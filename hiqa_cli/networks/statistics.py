"""Statistics of a tile that R pools: means over places of features, of their squares, and of differences of a pair.

Every number is a mean over the places of a tile, so that the statistics of an image are the means of its tiles'.
`describe_*` make of them what R's heads see: means and logarithms of spreads, differences in units of the spreads. All
of it is computed in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .efficientnet_lite import STAGES, EfficientNetLite

TAPS = (0, 2, 4, 10, 15)  # blocks of the trunk before each reduction, and the last one: 1/2 to 1/32 of the resolution
COMPARED = (0, 2, 4)  # those in which the pair is compared; coarser ones name objects
MAP_SCALES = 3  # the discrepancy map as it is, halved, and halved twice
MAP_NUMBERS = 3 * 3 * MAP_SCALES  # mean, mean absolute value and mean square of three colours

LEAST_VARIANCE = 1e-12
SPREAD_FLOOR = 0.02  # added to a spread before its logarithm, in units of the features
PAIR_FLOOR = 1e-3  # of differences, in units of the spreads
MAP_UNITS = 4 * 255.0  # of the map: its logarithm bends at a quarter of an 8-bit level


def tap_channels(taps: Sequence[int]) -> int:
    """Channels of the features of these blocks in all."""
    of_blocks = [channels for _, _, _, repeats, channels in STAGES for _ in range(repeats)]
    return sum(of_blocks[number] for number in taps)


IMAGE_CHANNELS = tap_channels(TAPS)
PAIR_CHANNELS = tap_channels(COMPARED)


class Moments(NamedTuple):
    """Means over places of features and of their squares, (n, C) each."""

    mean: Tensor
    square: Tensor

    @property
    def spread(self) -> Tensor:
        """The standard deviation over places, (n, C)."""
        # a root has no gradient at 0
        return (self.square - self.mean.square()).clamp_min(LEAST_VARIANCE).sqrt()

    def described(self) -> Tensor:
        """Mean and logarithm of the spread, (n, 2 C)."""
        return torch.cat([self.mean, (self.spread + SPREAD_FLOOR).log()], dim=1)

    def first(self, channels: int) -> Moments:
        """Those of the first channels."""
        return Moments(self.mean[:, :channels], self.square[:, :channels])

    @classmethod
    def joined(cls, numbers: Tensor) -> Moments:
        """From (n, 2 C): the means, then the mean squares."""
        mean, square = numbers.chunk(2, dim=1)
        return cls(mean, square)


def tap_features(trunk: EfficientNetLite, image: Tensor, taps: Sequence[int]) -> list[Tensor]:
    """Features of the blocks `taps` for images (B, 3, H, W), RGB in 0..1; the trunk runs no further than the last."""
    x, found = functional.relu6(trunk.stem(image * 4 - 2)), []
    for number, block in enumerate(trunk.blocks[: taps[-1] + 1]):
        x = block(x)
        if number in taps:
            found.append(x)
    return found


def moments(features: Sequence[Tensor]) -> Tensor:
    """Moments of feature maps (B, C, h, w), joined along C: (B, 2 C), the means, then the mean squares."""
    wide = [one.float() for one in features]
    means = [one.mean(dim=(2, 3)) for one in wide]
    return torch.cat([*means, *(one.square().mean(dim=(2, 3)) for one in wide)], dim=1)


def absolute_difference(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    """Mean absolute differences over places of the maps that both have, (B, C)."""
    pairs = zip(one, other, strict=False)  # the distorted image goes on to coarser scales
    return torch.cat([(a.float() - b.float()).abs().mean(dim=(2, 3)) for a, b in pairs], dim=1)


def map_moments(discrepancy: Tensor) -> Tensor:
    """The discrepancy map (B, 3, H, W) at `MAP_SCALES` scales: for each, mean, mean absolute value and mean square of
    each colour. (B, MAP_NUMBERS)."""
    found, here = [], discrepancy.float()
    for scale in range(MAP_SCALES):
        here = functional.avg_pool2d(here, 2) if scale else here
        found += [here.mean(dim=(2, 3)), here.abs().mean(dim=(2, 3)), here.square().mean(dim=(2, 3))]
    return torch.cat(found, dim=1)


def describe_pair(distorted: Moments, hallucination: Moments, absolute: Tensor) -> Tensor:
    """Differences of a pair in C channels, (n, 3 C), with spreads s and means m of both:

    log(|a - b| / (s_a + s_b)), (m_a - m_b) / (s_a + s_b), and log(s_a / s_b).
    """
    both = distorted.spread + hallucination.spread + PAIR_FLOOR
    ratio = ((distorted.spread + SPREAD_FLOOR) / (hallucination.spread + SPREAD_FLOOR)).log()
    return torch.cat([(absolute / both + PAIR_FLOOR).log(), (distorted.mean - hallucination.mean) / both, ratio], dim=1)


def describe_map(numbers: Tensor) -> Tensor:
    """`map_moments` with spreads in place of mean squares, in a logarithm that keeps the sign. (n, MAP_NUMBERS)."""
    mean, absolute, square = numbers.unflatten(1, (MAP_SCALES, 3, 3)).unbind(dim=2)
    spread = (square - mean.square()).clamp_min(0).sqrt()
    found = torch.stack([mean, absolute, spread], dim=2).flatten(1)
    return found.sign() * (found.abs() * MAP_UNITS).log1p()
