"""Loss functions of G, R and D. Numbers of formulas are those of Lin and Wang, CVPR 2018."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# (6 levels of 255) squared. It avoids a division by zero for clean patches; with a much lower floor, the mildest
# distortions have by far the largest gradients and keep G at the identity.
FLOOR = (6 / 255) ** 2


class Loss(NamedTuple):
    """total: the scalar to minimise. parts: its terms by name, scalars without gradient. made: an output of the
    objective that later steps reuse, such as G's hallucination."""

    total: Tensor
    parts: dict[str, Tensor]
    made: Any = None


def relative_pixel_loss(hallucination: Tensor, distorted: Tensor, reference: Tensor) -> Tensor:
    """l_p of formula (1): root mean squared error, divided by that of the distorted patch, mean over the batch.

    All (B, 3, H, W) in 0..1. The paper says "such as MSE", which heavy noise dominates in a mixture of distortions. As
    a ratio, a reduction of the error by a tenth counts the same for mild and strong distortions.
    """
    after = (hallucination - reference).square().mean(dim=(1, 2, 3))
    before = (distorted - reference).square().mean(dim=(1, 2, 3))
    return ((after + FLOOR) / (before + FLOOR)).sqrt().mean()


def mse_pixel_loss(hallucination: Tensor, distorted: Tensor, reference: Tensor) -> Tensor:
    """l_p of formula (1) as in the paper: the mean squared error. All (B, 3, H, W) in 0..1."""
    return functional.mse_loss(hallucination, reference)


PIXEL_LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "relative": relative_pixel_loss,
    "mse": mse_pixel_loss,
}


def feature_loss(of_hallucination: Tensor, of_reference: Tensor) -> Tensor:
    """Formulas (4) and (5) for one layer: squared distance of features (B, C, h, w), summed over channels and averaged
    over positions, divided by the squared length of the reference's, so that layers and networks are comparable."""
    of_hallucination, of_reference = of_hallucination.float(), of_reference.float()  # bf16 would round the squares
    distance = (of_hallucination - of_reference).square().sum(dim=1).mean(dim=(1, 2))
    length = of_reference.square().sum(dim=1).mean(dim=(1, 2))
    return (distance / (length + 1e-6)).mean()


def score_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Formula (12): mean absolute error of scores in 0..1, both (B,)."""
    return functional.l1_loss(predicted, target)


def ranking_loss(
    predicted: Tensor, target: Tensor, group: Tensor, *, margin: float = 0.0, alike: float = 0.0
) -> Tensor:
    """Rank patches of one group by their targets; not in the paper.

    predicted, target: (B,) on one scale. group: (B,), patches of one number are compared: versions of one reference, or
    images of one database. The loss of a pair is the amount by which its predicted difference falls short of its target
    difference, or of `margin` where that is larger. Pairs whose targets differ by `alike` or less are not compared.
    """
    wanted = target[:, None] - target[None, :]
    compared = (wanted > alike) & (group[:, None] == group[None, :])
    difference = predicted[:, None] - predicted[None, :]
    shortfall = functional.relu(wanted.clamp_min(margin) - difference) * compared
    return shortfall.sum() / torch.clamp(compared.sum(), min=1)


def discriminator_loss(of_reference: Tensor, of_hallucination: Tensor, fake: Tensor) -> Tensor:
    """Formula (6), negated. Logits (B,); fake: d_fake of each hallucination, 0 or 1.

    As d_fake is 0 or 1, log(1 - |D - d_fake|) is log D or log(1 - D): binary cross-entropy with d_fake as target.
    """
    real = functional.softplus(-of_reference).mean()
    return real + functional.binary_cross_entropy_with_logits(of_hallucination, fake)


def adversarial_loss(of_hallucination: Tensor, *, saturating: bool) -> Tensor:
    """Formula (8), log(1 - D(G(I_d))), or -log D(G(I_d)), which has a gradient where D is sure. Logits (B,)."""
    if saturating:
        return -functional.softplus(of_hallucination).mean()  # log(1 - sigmoid(x)) = -softplus(x)
    return functional.softplus(-of_hallucination).mean()


def d_fake(predicted: Tensor, target: Tensor, epsilon: float) -> Tensor:
    """d_fake of formula (7), (B,): 1 where R, given the hallucination, is within epsilon of the target, else 0."""
    return ((predicted - target).abs() <= epsilon).float()
