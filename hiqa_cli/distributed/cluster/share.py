"""What part of a node an actor takes, and how many actors there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hiqa_cli.errors import DeviceError, UsageError

if TYPE_CHECKING:
    from hiqa_cli.engine.loading import LoadSettings

MOST_CORES = 4  # of an actor on CPUs, by default: more leave the networks partly idle
CPU, GPU = "CPU", "GPU"


@dataclass(frozen=True)
class Bounds:
    """How many actors there may be. most: None: as many as the cluster has room for when the run begins."""

    least: int = 1
    most: int | None = None


@dataclass(frozen=True)
class Share:
    """What Ray reserves for one actor."""

    cpus: int
    gpus: int

    def __str__(self) -> str:
        cores = f"{self.cpus:,} cores" if self.cpus > 1 else "1 core"
        return f"{self.gpus} GPU and {cores}" if self.gpus else cores

    def room(self, nodes: Sequence[dict[str, float]]) -> int:
        """How many actors fit on nodes with these resources."""
        return sum(
            int(min(node.get(CPU, 0) // self.cpus, node.get(GPU, 0) // self.gpus if self.gpus else node.get(CPU, 0)))
            for node in nodes
        )


def share_of(settings: LoadSettings, nodes: Sequence[dict[str, float]]) -> Share:
    """The share of an actor: a GPU with its part of the cores where the cluster has one, else a group of cores.

    nodes: their resources. UsageError for GPUs by number; DeviceError for "cuda" without a GPU.
    """
    if settings.device not in ("auto", "cpu", "cuda", "mps"):
        raise UsageError(
            f"--device {settings.device} numbers the GPUs of one machine", "with --ray give --device cuda: one an actor"
        )
    with_gpus = [node for node in nodes if node.get(GPU, 0) >= 1]
    if settings.device == "cuda" and not with_gpus:
        raise DeviceError("device cuda is not available: no node of the Ray cluster has a GPU", "use --device auto")
    if settings.device in ("auto", "cuda") and with_gpus:
        cores = min(int(node.get(CPU, 1) // node[GPU]) for node in with_gpus)
        return Share(settings.threads or max(1, cores), 1)
    cores = min((int(node[CPU]) for node in nodes if node.get(CPU, 0) >= 1), default=MOST_CORES)
    return Share(settings.threads or min(MOST_CORES, cores), 0)
