"""What G and R are trained to make small; formulas of Lin and Wang, CVPR 2018, by number."""

from __future__ import annotations

from collections.abc import Callable

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


def mse_pixel_loss(hallucination: Tensor, distorted: Tensor, reference: Tensor) -> Tensor:
    """l_p of formula (1) as the paper has it: the mean squared error."""
    return functional.mse_loss(hallucination, reference)


PIXEL_LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"relative": pixel_loss, "mse": mse_pixel_loss}


def feature_loss(of_hallucination: Tensor, of_reference: Tensor) -> Tensor:
    """Formulas (4) and (5) on one layer: squared distance of features, summed over channels, mean over places,
    as a ratio to the reference's own squared length, so that layers and networks compare."""
    of_hallucination, of_reference = of_hallucination.float(), of_reference.float()  # bf16 would round the squares
    distance = (of_hallucination - of_reference).square().sum(dim=1).mean(dim=(1, 2))
    length = of_reference.square().sum(dim=1).mean(dim=(1, 2))
    return (distance / (length + 1e-6)).mean()


def score_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Formula (12): mean absolute error of scores in 0..1, both (B,)."""
    return functional.l1_loss(predicted, target)


def relative_score_loss(predicted: Tensor, target: Tensor, group: Tensor, among: Tensor, share: float) -> Tensor:
    """Formula (12), but of the patches `among`, (B,) bool, a share of the error is taken from their group's mean error.

    All (B,); not in the paper. A group's versions of one reference differ by their distortion alone: what they have in
    common is how good the reference is, which a full-reference measure cannot tell.
    """
    error = predicted - target
    same = (group[:, None] == group[None, :]).to(error.dtype)
    common = (same @ error) / same.sum(dim=1)
    apart = (1 - share) * error.abs() + share * (error - common).abs()
    return torch.where(among, apart, error.abs()).mean()


def ranking_loss(predicted: Tensor, target: Tensor, group: Tensor) -> Tensor:
    """Patches of one group in the order of their targets; not in the paper.

    predicted, target: (B,) on one scale; group: (B,), patches of the same number are compared: versions of one
    reference, or images of one database. A pair costs what the predicted difference lacks to its target difference.
    """
    asked = target[:, None] - target[None, :]
    found = predicted[:, None] - predicted[None, :]
    compared = (asked > 0) & (group[:, None] == group[None, :])
    lacking = functional.relu(asked - found) * compared
    return lacking.sum() / torch.clamp(compared.sum(), min=1)


DIFFERENT = 0.02  # qualities of versions that are nearer than this are in no order


def order_loss(predicted: Tensor, target: Tensor, group: Tensor, among: Tensor, margin: float) -> Tensor:
    """Of versions of one picture none may be above a better one; not in the paper.

    As ranking_loss, of the patches `among`, (B,) bool, but a share `margin` of the target difference is enough; with
    0 nothing is asked where the order is right.
    """
    asked = target[:, None] - target[None, :]
    compared = (asked > DIFFERENT) & (group[:, None] == group[None, :]) & among[:, None] & among[None, :]
    wrong = functional.relu(margin * asked - (predicted[:, None] - predicted[None, :])) * compared
    return wrong.sum() / torch.clamp(compared.sum(), min=1)


def discriminator_loss(of_reference: Tensor, of_hallucination: Tensor, fake: Tensor) -> Tensor:
    """Formula (6), negated: what D makes small. Logits (B,); fake: d_fake of each hallucination, 0 or 1.

    Since d_fake is 0 or 1, log(1 - |D - d_fake|) is log D or log(1 - D): the binary cross-entropy with d_fake as its
    target.
    """
    real = functional.softplus(-of_reference).mean()
    return real + functional.binary_cross_entropy_with_logits(of_hallucination, fake)


def adversarial_loss(of_hallucination: Tensor, *, saturating: bool) -> Tensor:
    """Formula (8), log(1 - D(G(I_d))); or -log D(G(I_d)), which has a gradient where D is sure. Logits (B,)."""
    if saturating:
        return -functional.softplus(of_hallucination).mean()  # log(1 - sigmoid(x)) = -softplus(x)
    return functional.softplus(-of_hallucination).mean()


def d_fake(predicted: Tensor, target: Tensor, epsilon: float) -> Tensor:
    """d_fake of formula (7): 1 where R, given the hallucination, scores within epsilon of the truth, else 0. (B,)."""
    return ((predicted - target).abs() <= epsilon).float()
