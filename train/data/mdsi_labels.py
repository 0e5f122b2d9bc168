"""From a full-reference measure to hiqa's scale: what synthetic tiles are worth, without asking people.

An undistorted tile is worth 1 (100 points), one at an MDSI of 0.6 nothing; in between the scale is linear. The
zero was taken from human scores: a logistic curve fitted to TID2013's published scores over MDSI, on its noise and
JPEG 2000 (types 1 and 11, rebuilt at the published PSNR from Kodak's photographs), has lost 95 % of its height
there. MDSI itself, not the curve, is the scale, since the curve is flat where distortions are only just seen,
and hiqa is to tell those apart too.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .mdsi import mdsi, similarity_map

WORTHLESS = 0.6  # MDSI at which nothing is left of human scores


def quality_from_mdsi(value: Tensor) -> Tensor:
    """MDSI (any shape, >= 0) -> quality in 0..1, high is good."""
    return (1 - value / WORTHLESS).clamp(0, 1)


STRIDES = (4, 8, 16, 32)  # px between the places of R's four stages


def local_loss_of_quality(distorted: Tensor, reference: Tensor) -> list[Tensor]:
    """(B, 3, H, W) pairs -> for each stage of R, (B, 2, H/stride, W/stride): how far off the patch is at each place.

    First the similarity that is missing there, on the scale of MDSI's fourth root, then the logarithm of the root mean
    squared error in 8-bit levels; both about 0..1. Not scores: what R learns beside them, since one number
    a patch teaches little.
    """
    missing = 1 - similarity_map(distorted, reference)  # at half size
    error = (distorted - reference).square().mean(dim=1, keepdim=True)
    maps = []
    for stride in STRIDES:
        lost = functional.avg_pool2d(missing, stride // 2).clamp(min=0) ** 0.25 / WORTHLESS
        levels = (functional.avg_pool2d(error, stride).sqrt() * 255 + 1).log10() / 2
        maps.append(torch.cat([lost, levels], dim=1))
    return maps


def tile_quality(distorted: Tensor, reference: Tensor) -> Tensor:
    """(B, 3, H, W) pairs, RGB in 0..1 -> (B,) quality in 0..1."""
    return quality_from_mdsi(mdsi(distorted, reference))
