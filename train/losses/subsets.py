"""Errors within and between subsets of a database of photographs."""

from __future__ import annotations

import torch
from torch import Tensor


def subset_loss(error: Tensor, subset: Tensor, between: float) -> Tensor:
    """Mean squared error (n,) within subsets, and `between` of the errors as they are; subset: (n,) numbers from 0.

    What separates subsets of photographs (a camera, an enlargement) need not hold elsewhere, what orders photographs
    within each does.
    """
    within = error - subset_means(error, subset)
    return within.square().mean() + between**2 * error.square().mean()


def subset_means(values: Tensor, subset: Tensor) -> Tensor:
    """The mean of the values of each one's subset, (n,)."""
    count = int(subset.max()) + 1
    sums = torch.zeros(count, device=values.device).index_add(0, subset, values)
    return (sums / torch.bincount(subset, minlength=count).clamp_min(1))[subset]
