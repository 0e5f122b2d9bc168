"""Where a run computes: its device, its precision, and its rank among the processes that torchrun started."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from hiqa_cli.engine.backends.devices import place
from hiqa_cli.engine.backends.memory import keep_freed_memory

Item = TypeVar("Item")
NOTHING: Any = object()
LONGEST_WAIT = timedelta(days=2)  # of one process for another


@dataclass(frozen=True)
class RunDevice:
    """device: of this process. precision: "fp32", or "bf16" for autocast. rank: of this process, among `world`.
    hosts: the processes as a group that communicates between CPUs; None: torch's default group."""

    device: torch.device
    precision: str
    rank: int = 0
    world: int = 1
    hosts: Any = None

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and prints the messages."""
        return self.rank == 0

    def autocast(self) -> torch.autocast:
        """Autocast for the forward pass: convolutions in bf16 with that precision, weights and losses in float32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def distribute(self, module: nn.Module) -> nn.Module:
        """Wrap the module in torch's DDP, which averages gradients over all processes; unchanged with one process."""
        if self.world == 1 or not any(p.requires_grad for p in module.parameters()):
            return module
        return DistributedDataParallel(module)

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all processes."""
        for tensor in tensors if self.world > 1 else ():
            distributed.all_reduce(tensor)
            tensor.div_(self.world)

    def largest(self, values: list[float]) -> list[float]:
        """For each value, the largest of all processes. Between hosts, so that it waits for no work on a device."""
        if self.world == 1:
            return values
        found = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(found, op=distributed.ReduceOp.MAX, group=self.hosts)
        return [float(value) for value in found.tolist()]

    def gather(self, values: Sequence[Item]) -> list[Item]:
        """The values of all processes, dealt out like cards: number n is of process n modulo `world`."""
        if self.world == 1:
            return list(values)
        parts: list[list[Item]] = [[] for _ in range(self.world)]
        distributed.all_gather_object(parts, list(values), group=self.hosts)
        return [value for dealt in zip_longest(*parts, fillvalue=NOTHING) for value in dealt if value is not NOTHING]

    def wait(self) -> None:
        """Wait for all processes, for as long as it takes: one may validate or fit for hours."""
        if self.world > 1:
            distributed.barrier(group=self.hosts)


@contextlib.contextmanager
def join_processes(device: str, precision: str) -> Iterator[RunDevice]:
    """The device of this process, in a process group if torchrun started it. DeviceError if it is not available."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    placed = place(device, precision)
    if placed.device == "cpu":
        keep_freed_memory()
    if world == 1:
        yield RunDevice(torch.device(placed.device), placed.precision)
        return
    cuda = placed.device == "cuda"
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if cuda:
        torch.cuda.set_device(number)
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=LONGEST_WAIT)
    try:
        # NCCL's collectives would wait for the device, and its barrier ends a run in which one process is long busy
        hosts = distributed.new_group(backend="gloo", timeout=LONGEST_WAIT)
        here = torch.device(placed.device, number) if cuda else torch.device(placed.device)
        yield RunDevice(here, placed.precision, rank, world, hosts)
    finally:
        distributed.destroy_process_group()


def is_leader() -> bool:
    """Whether this is the first or only process, before `join_processes`."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def frozen(*modules: nn.Module) -> Iterator[None]:
    """Within the block, gradients pass through the modules and leave none in their parameters."""
    trainable = [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


def to_cpu(value: Any) -> Any:
    """A state with every tensor on the CPU, so that any device can load its checkpoint."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu")
    if isinstance(value, dict):
        return {key: to_cpu(one) for key, one in value.items()}
    return [to_cpu(one) for one in value] if isinstance(value, list) else value
