"""MDSI, a full-reference measure, and the quality labels made from it where there are no human scores.

Nafchi, Shahkolaei, Hedjam and Cheriet, "Mean Deviation Similarity Index: Efficient and Reliable Full-Reference
Image Quality Evaluator", IEEE Access 4, 2016: similarity of gradients and of chromaticities, pooled by its mean
absolute deviation. 0 means identical, larger is worse. MDSI stays comparable across kinds of distortion (its authors
report a rank correlation of 0.89 with all 3,000 scores of TID2013; MS-SSIM reaches 0.79).

Differences to the paper: the image is always halved first (the paper's rule also gives a factor of 2 for TID2013's
512x384), so that a tile and the photograph it is cut from are measured alike; and a negative similarity, which has no
real fourth root, counts as zero.

Labels are linear in MDSI: an undistorted patch has quality 1, a patch at an MDSI of 0.6 has quality 0. The zero comes
from human scores: a logistic curve fitted to TID2013's published scores over MDSI, for noise and JPEG 2000 (types 1 and
11, rebuilt at the published PSNR from Kodak's photographs), has lost 95 % of its height there. The curve itself is not
used because it is flat where distortions become visible, and hiqa has to rank those too.

All values are computed in float32 by elementwise operations and pooling: under autocast or TF32, a convolution or a
matrix product would round to 8 or 11 bits, which biases labels of good patches by several points.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

# The paper's constants, for values in 0..255.
C1, C2, C3 = 140.0, 55.0, 550.0
ALPHA = 0.6  # weight of the gradients against chromaticity
# Rows: luma (ITU-R BT.601) and the two chromaticities of the Gaussian colour model.
CHANNELS = ((0.2989, 0.5870, 0.1140), (0.30, 0.04, -0.35), (0.34, -0.60, 0.17))

ZERO_QUALITY_MDSI = 0.6  # where the quality reaches 0
REGRESSOR_STRIDES = (4, 8, 16, 32)  # px between neighbouring features of R's four stages

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def without_autocast(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function with autocast switched off inside, on every device."""

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            return function(*args, **kwargs)

    return call


def gradient_magnitude(image: Tensor) -> Tensor:
    """(B, 1, H, W) -> same: length of the Prewitt gradient, zeros beyond the border."""
    padded = functional.pad(image, (1, 1, 1, 1))
    columns = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]  # (B, 1, H, W + 2)
    rows = padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]  # (B, 1, H + 2, W)
    across = columns[..., :-2] - columns[..., 2:]
    down = rows[..., :-2, :] - rows[..., 2:, :]
    return (across.square() + down.square()).sqrt() / 3


def half_size_channels(image: Tensor) -> Tensor:
    """(B, 3, H, W) RGB in 0..1 -> (B, 3, H/2, W/2) float32: luma and two chromaticities, on a scale of 0..255."""
    red, green, blue = functional.avg_pool2d(image.float() * 255, 2).split(1, dim=1)
    return torch.cat([r * red + g * green + b * blue for r, g, b in CHANNELS], dim=1)


@without_autocast
def similarity_map(distorted: Tensor, reference: Tensor) -> Tensor:
    """Both (B, 3, H, W) RGB in 0..1, H, W >= 16 -> (B, 1, H/2, W/2) float32 in 0..1, 1 where they are alike."""
    d, r = half_size_channels(distorted), half_size_channels(reference)
    gradient_d, gradient_r = gradient_magnitude(d[:, :1]), gradient_magnitude(r[:, :1])
    gradient_f = gradient_magnitude((d[:, :1] + r[:, :1]) / 2)  # of the fused luma

    def similarity(a: Tensor, b: Tensor, constant: float) -> Tensor:
        return (2 * a * b + constant) / (a.square() + b.square() + constant)

    gradients = (
        similarity(gradient_d, gradient_r, C1)
        + similarity(gradient_d, gradient_f, C2)
        - similarity(gradient_r, gradient_f, C2)
    )
    chroma_d, chroma_r = d[:, 1:], r[:, 1:]
    product = (chroma_d * chroma_r).sum(dim=1, keepdim=True)
    squares = (chroma_d.square() + chroma_r.square()).sum(dim=1, keepdim=True)
    chroma = (2 * product + C3) / (squares + C3)
    return (ALPHA * gradients + (1 - ALPHA) * chroma).clamp(min=0) ** 0.25


@without_autocast
def mdsi(distorted: Tensor, reference: Tensor) -> Tensor:
    """MDSI of each pair: both (B, 3, H, W) RGB in 0..1, H, W >= 16 -> (B,) float32, 0 is identical."""
    combined = similarity_map(distorted, reference)
    deviation = (combined - combined.mean(dim=(2, 3), keepdim=True)).abs().mean(dim=(1, 2, 3))
    return deviation**0.25


def quality_from_mdsi(value: Tensor) -> Tensor:
    """MDSI (any shape, >= 0) -> quality in 0..1, high is good."""
    return (1 - value / ZERO_QUALITY_MDSI).clamp(0, 1)


def mdsi_quality(distorted: Tensor, reference: Tensor) -> Tensor:
    """The label of each pair: both (B, 3, H, W) RGB in 0..1 -> (B,) float32 quality in 0..1, high is good."""
    return quality_from_mdsi(mdsi(distorted, reference))


@without_autocast
def local_quality_targets(distorted: Tensor, reference: Tensor) -> list[Tensor]:
    """Both (B, 3, H, W) RGB in 0..1 -> for each stage of R (B, 2, H/stride, W/stride) float32, about 0..1.

    Channel 0: the missing similarity of each cell on the scale of MDSI's fourth root. Channel 1: the logarithm of its
    root mean squared error in 8-bit levels. These are auxiliary targets of R, not scores: one number a patch teaches
    little.
    """
    missing = 1 - similarity_map(distorted, reference)  # at half size
    error = (distorted.float() - reference.float()).square().mean(dim=1, keepdim=True)
    maps = []
    for stride in REGRESSOR_STRIDES:
        lost = functional.avg_pool2d(missing, stride // 2).clamp(min=0) ** 0.25 / ZERO_QUALITY_MDSI
        levels = (functional.avg_pool2d(error, stride).sqrt() * 255 + 1).log10() / 2
        maps.append(torch.cat([lost, levels], dim=1))
    return maps
