"""Context managers on the state of torch: without random initialisation, and on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

RANDOM = (Tensor.normal_, Tensor.uniform_)


class SkipInit(TorchFunctionMode):
    """Build networks without initialising their weights, which load_state_dict() then replaces.

    Drawing random numbers takes longer than reading weights from a file. (The "meta" device is slower still, because
    torch then imports its compiler.)
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return args[0] if func in RANDOM else func(*args, **(kwargs or {}))


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
