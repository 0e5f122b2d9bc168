"""Trains one network: objective, optimiser, learning-rate schedule, gradient clipping and averaged weights."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hiqa_train.distributed import RunDevice, to_cpu
from hiqa_train.losses.terms import Loss
from hiqa_train.recipes.stages import OptimiserSettings


class NetworkTrainer:
    """Minimises an objective.

    objective: a module that returns a `Loss` and holds all parameters to train. network: the part of it whose averaged
    weights are validated and released. rate_factors: factors on the learning rate, by prefix of a parameter's name in
    the objective; the first prefix that fits counts.
    """

    def __init__(
        self,
        objective: nn.Module,
        network: nn.Module,
        settings: OptimiserSettings,
        steps: int,
        run_device: RunDevice,
        rate_factors: Mapping[str, float] | None = None,
    ) -> None:
        self.settings, self.steps, self.run_device = settings, steps, run_device
        self.network = network
        device = run_device.device
        self.module = objective.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.averaged = AveragedWeights(network, settings.averaging)
        self.parameters = [p for p in self.module.parameters() if p.requires_grad]
        self.optimiser = build_optimiser(rate_groups(self.module, rate_factors or {}), settings)
        self.objective = run_device.distribute(self.module)  # the module itself, or DDP around it
        # buffers that a forward pass changes: batch norms' statistics, power iterations of spectral norms
        self.statistics = [buffer for buffer in self.module.buffers() if buffer.is_floating_point()]

    def train_step(self, step: int, pieces: Sequence[tuple[Any, ...]]) -> tuple[dict[str, Tensor], list[Any]]:
        """Take one step on the averaged gradients of the pieces of a batch. pieces: arguments of the objective.

        Returns the mean of each part of the loss, with the gradient's norm as "gradient", and `Loss.made` of each
        piece.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(step, self.steps, self.settings) * group.get("factor", 1.0)
        self.optimiser.zero_grad(set_to_none=True)
        before = [buffer.clone() for buffer in self.statistics]
        after: list[list[Tensor]] = []
        parts: list[dict[str, Tensor]] = []
        made: list[Any] = []
        for number, piece in enumerate(pieces):
            with self._synchronise_gradients(last=number == len(pieces) - 1):
                with self.run_device.autocast():
                    loss: Loss = self.objective(*piece)
                (loss.total / len(pieces)).backward()
            parts.append(loss.parts)
            made.append(loss.made)
            if self.statistics:
                after.append([buffer.clone() for buffer in self.statistics])
                restore(self.statistics, before)
        if self.statistics:
            # every piece starts from the same statistics, and their mean is kept, as if each piece were a process
            restore(self.statistics, [torch.stack(values).mean(dim=0) for values in zip(*after, strict=True)])
            self.run_device.average(self.statistics)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.settings.clip or float("inf"))
        self.optimiser.step()
        self.averaged.update(self.network, step)
        mean = {name: torch.stack([part[name].detach() for part in parts]).mean() for name in parts[0]}
        return {**mean, "gradient": norm}, made

    def _synchronise_gradients(self, *, last: bool) -> contextlib.AbstractContextManager[None]:
        """Let DDP exchange gradients after the last piece only."""
        if isinstance(self.objective, DistributedDataParallel) and not last:
            return self.objective.no_sync()
        return contextlib.nullcontext()

    @property
    def averaged_network(self) -> nn.Module:
        """The network to validate and release: averaged weights, evaluation mode, no gradients."""
        return self.averaged.network

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint, on the CPU."""
        state = {
            "objective": self.module.state_dict(),
            "averaged": self.averaged.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        return {name: to_cpu(dict(value)) for name, value in state.items()}

    def load(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.module.load_state_dict(state["objective"])
        self.averaged.network.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])


class AveragedWeights:
    """An exponential moving average of a network's weights."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Follow `network`; faster in early steps, so that its random initialisation fades."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averaged: list[Tensor] = list(self.network.parameters())
        current: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(averaged, current, 1 - decay)  # one kernel for all on a GPU; the same values as lerp_()
        for kept, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(buffer)


def learning_rate(step: int, steps: int, settings: OptimiserSettings) -> float:
    """The rate of a step: rises linearly over the warm-up, stays constant, then falls linearly to a hundredth over the
    last `decay_share` of the steps; every `drop_every` steps it is divided by ten."""
    rate = settings.rate
    if settings.drop_every:
        rate *= 0.1 ** (step // settings.drop_every)
    if step < settings.warmup:
        return rate * (step + 1) / settings.warmup
    begin = steps * (1 - settings.decay_share)
    if step < begin:
        return rate
    return rate * max(0.01, (steps - step) / max(1.0, steps - begin))


@torch.no_grad()
def restore(buffers: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy the values into the buffers."""
    for buffer, value in zip(buffers, values, strict=True):
        buffer.copy_(value)


def rate_groups(objective: nn.Module, factors: Mapping[str, float]) -> list[dict[str, Any]]:
    """The trained parameters, grouped by their factor on the learning rate: 1 if no prefix fits."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in objective.named_parameters():
        if parameter.requires_grad:
            factor = next((value for prefix, value in factors.items() if name.startswith(prefix)), 1.0)
            groups.setdefault(factor, []).append(parameter)
    return [{"params": parameters, "factor": factor} for factor, parameters in groups.items()]


def build_optimiser(parameters: Iterable[Any], settings: OptimiserSettings) -> torch.optim.Optimizer:
    """Build the optimiser of the settings, with the kernels that are fastest on the device.

    parameters: as torch's optimisers take them, tensors or groups of them.
    """
    parameters = list(parameters)
    tensors = [one for entry in parameters for one in (entry["params"] if isinstance(entry, dict) else [entry])]
    on_gpu = any(tensor.is_cuda for tensor in tensors)
    kernels = {"fused": True} if on_gpu else {"foreach": True}
    make: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "sgd": lambda: torch.optim.SGD(
            parameters, lr=settings.rate, momentum=0.9, weight_decay=settings.weight_decay, foreach=True
        ),
        "adamw": lambda: torch.optim.AdamW(
            parameters, lr=settings.rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay, **kernels
        ),
    }
    return make[settings.optimiser]()
