"""Building networks whose numbers come from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

RANDOM = (Tensor.normal_, Tensor.uniform_)


class SkipInit(TorchFunctionMode):
    """Within: networks are built with whatever numbers are in memory; load_state_dict() brings theirs.

    Random numbers take longer than reading weights from a file. (Tensors of the "meta" device cost even more: torch
    brings in its compiler for what is done to them.)
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return args[0] if func in RANDOM else func(*args, **(kwargs or {}))
