"""Errors within and between subsets of a database of photographs."""

from __future__ import annotations

import torch
from torch import Tensor


def subset_loss(error: Tensor, subset: Tensor, between: float) -> Tensor:
    """Mean square of the errors within subsets, plus between**2 times the mean square of the errors.

    error: (n,). subset: (n,) numbers of subsets, from 0.

    The differences between subsets of photographs (by camera, by enlargement) need not hold in other databases; the
    order of photographs within a subset does.
    """
    within = error - subset_means(error, subset)
    return within.square().mean() + between**2 * error.square().mean()


def subset_means(values: Tensor, subset: Tensor) -> Tensor:
    """For each value, the mean of the values of its subset, (n,)."""
    count = int(subset.max()) + 1
    sums = torch.zeros(count, device=values.device).index_add(0, subset, values)
    return (sums / torch.bincount(subset, minlength=count).clamp_min(1))[subset]
