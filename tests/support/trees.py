"""Checkpoints compared."""

from __future__ import annotations

import torch


def assert_equal(one, other) -> None:
    """Two trees of tensors, numbers and words, to the bit."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    else:
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
