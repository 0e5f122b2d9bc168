"""One network on its way: an objective, an optimiser with its schedule, gradient clipping, averaged weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hiqa_train.recipes.schema import OptimiserSettings

from .distributed import RunDevice, to_cpu
from .loop import Averaged, learning_rate


class Loss(NamedTuple):
    """total: what is made small, a scalar; parts: its terms by name, scalars without gradient; made: whatever else the
    objective has worked out and a later step can use."""

    total: Tensor
    parts: dict[str, Tensor]
    made: Any = None


class NetworkTrainer:
    """Makes an objective's loss small.

    objective: a module that gives a `Loss` and holds every parameter that is learned. network: the part of it that is
    averaged, validated and kept.
    """

    def __init__(
        self, objective: nn.Module, network: nn.Module, learning: OptimiserSettings, steps: int, machine: RunDevice
    ) -> None:
        self.learning, self.steps, self.machine = learning, steps, machine
        self.network = network
        self.plain = objective.to(machine.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.averaged = Averaged(network, learning.averaging)
        self.parameters = [p for p in self.plain.parameters() if p.requires_grad]
        self.optimiser = build_optimiser(self.parameters, learning)
        self.objective = machine.spread(self.plain)
        # what a forward pass changes: batch norms' statistics, the power iterations of spectral norms
        self.statistics = [buffer for buffer in self.plain.buffers() if buffer.is_floating_point()]

    def learn(self, step: int, pieces: Sequence[tuple[Any, ...]]) -> tuple[dict[str, Tensor], list[Any]]:
        """One step on pieces of a batch, each the objective's arguments, their gradients averaged.

        Gives the mean of each part of the loss (and the gradient's norm), and what was made of each piece.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(step, self.steps, self.learning)
        self.optimiser.zero_grad(set_to_none=True)
        before = [buffer.clone() for buffer in self.statistics]
        after: list[list[Tensor]] = []
        parts: list[dict[str, Tensor]] = []
        made: list[Any] = []
        for number, piece in enumerate(pieces):
            with self._gradients_in_step(last=number == len(pieces) - 1):
                with self.machine.autocast():
                    loss: Loss = self.objective(*piece)
                (loss.total / len(pieces)).backward()
            parts.append(loss.parts)
            made.append(loss.made)
            if self.statistics:
                after.append([buffer.clone() for buffer in self.statistics])
                restore(self.statistics, before)
        if self.statistics:
            # each piece begins with the same statistics, and their mean goes on: as if each were a process of its own
            restore(self.statistics, [torch.stack(found).mean(dim=0) for found in zip(*after, strict=True)])
            self.machine.average(self.statistics)
        largest = self.learning.clip or float("inf")
        norm = nn.utils.clip_grad_norm_(self.parameters, largest)
        self.optimiser.step()
        self.averaged.update(self.network, step)
        mean = {name: torch.stack([part[name].detach() for part in parts]).mean() for name in parts[0]}
        return {**mean, "gradient": norm}, made

    def _gradients_in_step(self, *, last: bool) -> contextlib.AbstractContextManager[None]:
        """DDP sends gradients after the last piece only."""
        if isinstance(self.objective, DistributedDataParallel) and not last:
            return self.objective.no_sync()
        return contextlib.nullcontext()

    @property
    def best(self) -> nn.Module:
        """The network as it is validated and released: averaged, in evaluation mode, without gradients."""
        return self.averaged.network

    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint needs."""
        state = {
            "objective": self.plain.state_dict(),
            "averaged": self.averaged.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        return {name: to_cpu(dict(value)) for name, value in state.items()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        self.plain.load_state_dict(state["objective"])
        self.averaged.network.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])


@torch.no_grad()
def restore(buffers: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for buffer, value in zip(buffers, values, strict=True):
        buffer.copy_(value)


def build_optimiser(parameters: list[nn.Parameter], learning: OptimiserSettings) -> torch.optim.Optimizer:
    make: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "sgd": lambda: torch.optim.SGD(
            parameters, lr=learning.rate, momentum=0.9, weight_decay=learning.weight_decay, foreach=True
        ),
        "adamw": lambda: torch.optim.AdamW(
            parameters, lr=learning.rate, betas=(0.9, 0.99), weight_decay=learning.weight_decay, foreach=True
        ),
    }
    return make[learning.optimiser]()
