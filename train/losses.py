"""What G and R are trained to make small; formulas of Lin and Wang, CVPR 2018, by number."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# (6 levels of 255) squared. A clean patch must not divide by nothing; and with a floor much lower than this, the
# mildest distortions have the largest gradients by far and hold G at the identity.
FLOOR = (6 / 255) ** 2


def pixel_loss(hallucination: Tensor, distorted: Tensor, reference: Tensor) -> Tensor:
    """l_p of formula (1): root mean squared error as a ratio to that of the distorted patch, mean over the batch.

    The paper says "such as MSE". Over a mixture of distortions the plain mean is the heavy noise's alone;
    as a ratio, a tenth less error counts alike for a mild distortion and for a strong one. All (B, 3, H, W) in 0..1.
    """
    left = (hallucination - reference).square().mean(dim=(1, 2, 3))
    before = (distorted - reference).square().mean(dim=(1, 2, 3))
    return ((left + FLOOR) / (before + FLOOR)).sqrt().mean()


def feature_loss(of_hallucination: Tensor, of_reference: Tensor) -> Tensor:
    """Formulas (4) and (5) on one layer: squared distance of features, summed over channels, mean over places,
    as a ratio to the reference's own squared length, so that layers and networks compare."""
    distance = (of_hallucination - of_reference).square().sum(dim=1).mean(dim=(1, 2))
    length = of_reference.square().sum(dim=1).mean(dim=(1, 2))
    return (distance / (length + 1e-6)).mean()


def score_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Formula (12): mean absolute error of scores in 0..1, both (B,)."""
    return functional.l1_loss(predicted, target)


def ranking_loss(predicted: Tensor, target: Tensor, group: int) -> Tensor:
    """Versions of one patch in the order of their targets; not in the paper, which has human scores for each.

    predicted, target: (B,), every `group` neighbours are versions of the same reference. A pair costs what the
    predicted difference lacks to its target difference.
    """
    p, t = predicted.view(-1, group), target.view(-1, group)
    asked = t[:, :, None] - t[:, None, :]
    found = p[:, :, None] - p[:, None, :]
    lacking = functional.relu(asked - found) * (asked > 0)
    return lacking.sum() / torch.clamp((asked > 0).sum(), min=1)
