"""What every stage's loop has in common: its clock, its log, its stop signal, its averaged weights."""

from __future__ import annotations

import copy
import json
import math
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn

from hiqa_cli.errors import HiqaError


class TrainingDivergedError(HiqaError):
    """A loss became NaN or Inf."""


def learning_rate(step: int, steps: int, peak: float, warmup: int, decay_share: float) -> float:
    """Rises over `warmup` steps, stays at `peak`, falls linearly to a hundredth over the last `decay_share`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    begin = steps * (1 - decay_share)
    if step < begin:
        return peak
    return peak * max(0.01, (steps - step) / max(1.0, steps - begin))


class Averaged:
    """An exponential moving average of a network's weights: what is validated and released."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Follow `network`; early on faster, so that its random beginning is forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for mine, theirs in zip(self.network.parameters(), network.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)
        for kept, current in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(current)


class StopSignal:
    """SIGINT and SIGTERM ask the loop to checkpoint and leave, in place of ending it where it stands."""

    def __init__(self) -> None:
        self.asked = 0
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = number


class Journal:
    """The run's log: one JSON line each time, means since the last, and the rate on standard output."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file
        self.sums: dict[str, float] = {}
        self.count = 0
        self.since = time.monotonic()

    def add(self, step: int, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            if not math.isfinite(value):
                raise TrainingDivergedError(
                    f"the loss {name!r} is {value} at step {step}",
                    "go on from the last checkpoint with a lower learning rate",
                )
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def write(self, step: int, more: dict[str, Any]) -> None:
        seconds = time.monotonic() - self.since
        line = {"step": step, "seconds_a_step": seconds / max(1, self.count)}
        line.update({name: value / max(1, self.count) for name, value in self.sums.items()})
        line.update(more)
        with open(self.file, "a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        print(" ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in line.items()), flush=True)
        self.sums, self.count, self.since = {}, 0, time.monotonic()
