"""Copies losses from the device to the host without waiting for the step that has just begun."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class StepLosses:
    """The losses of one step. files: of its batch. waited: seconds until its batch arrived."""

    step: int
    losses: dict[str, float]
    files: tuple[str, ...]
    waited: float


class LossReader:
    """Copies losses to the host and returns them `lag` steps later, when the copy is done, so that the host does not
    wait."""

    def __init__(self, device: torch.device, lag: int | None = None) -> None:
        """lag: None for 1 on a GPU and 0 on a CPU, where there is nothing to wait for."""
        self._asynchronous = device.type == "cuda"
        self._lag = lag if lag is not None else int(self._asynchronous)
        self._pending: deque[tuple[StepLosses, Tensor, torch.cuda.Event | None]] = deque()

    def add(self, step: int, losses: dict[str, Tensor], files: tuple[str, ...], waited: float) -> list[StepLosses]:
        """Begin to copy the losses of a step. Returns the steps that are ready, in order."""
        values = torch.stack([loss.detach().float() for loss in losses.values()])
        event = None
        if self._asynchronous:
            host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            values = host.copy_(values, non_blocking=True)
            event = torch.cuda.Event()
            event.record()
        names = dict.fromkeys(losses, 0.0)
        self._pending.append((StepLosses(step, names, files, waited), values, event))
        return [self._next() for _ in range(len(self._pending) - self._lag)]

    def flush(self) -> list[StepLosses]:
        """Wait for all steps that were added. Returns them in order."""
        return [self._next() for _ in range(len(self._pending))]

    def _next(self) -> StepLosses:
        step, values, event = self._pending.popleft()
        if event is not None:
            event.synchronize()
        step.losses.update(zip(step.losses, values.tolist(), strict=True))
        return step
