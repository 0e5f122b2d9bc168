"""From a full-reference measure to hiqa's scale: what synthetic tiles are worth, without asking people.

An undistorted tile is worth 1 (100 points), one at an MDSI of 0.6 nothing; in between the scale is linear. The
zero was taken from human scores: a logistic curve fitted to TID2013's published scores over MDSI, on its noise and
JPEG 2000 (types 1 and 11, rebuilt at the published PSNR from Kodak's photographs), has lost 95 % of its height
there. MDSI itself, not the curve, is the scale, since the curve is flat where distortions are only just seen,
and hiqa is to tell those apart too.
"""

from __future__ import annotations

from torch import Tensor

from .full_reference import mdsi

WORTHLESS = 0.6  # MDSI at which nothing is left of human scores


def quality_from_mdsi(value: Tensor) -> Tensor:
    """MDSI (any shape, >= 0) -> quality in 0..1, high is good."""
    return (1 - value / WORTHLESS).clamp(0, 1)


def tile_quality(distorted: Tensor, reference: Tensor) -> Tensor:
    """(B, 3, H, W) pairs, RGB in 0..1 -> (B,) quality in 0..1."""
    return quality_from_mdsi(mdsi(distorted, reference))
