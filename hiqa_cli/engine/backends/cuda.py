"""Batches on a CUDA device: captured graphs for a few shapes, copies beside the computation, results a batch late.

A batch is written to pinned memory, copied on a stream of its own, computed by replaying a graph, and copied back; the
host meanwhile writes the next one, and reads a batch only when another is under way. Kernels are chosen by cuDNN's
benchmark among the deterministic ones, and float32 is float32: TF32 stays off.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hiqa_cli.networks.hiqa import HiqaNet, HiqaOutput

WARM_UP = 3  # runs of a shape before it is captured: cuDNN chooses kernels, libraries allocate
IN_FLIGHT = 2  # batches


@dataclass(frozen=True)
class HostOutputs:
    """Outputs of a batch in pinned memory, complete once `done` has happened. count: tiles that are not padding."""

    count: int
    statistics: torch.Tensor
    correction: torch.Tensor | None
    done: torch.cuda.Event

    def arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Wait for the device. (statistics, corrections) of the tiles, channels last."""
        self.done.synchronize()
        correction = None if self.correction is None else self.correction[: self.count].numpy()
        return self.statistics[: self.count].numpy(), correction


class CapturedNetwork:
    """A network captured as a CUDA graph for one shape and type of batches."""

    def __init__(self, network: HiqaNet, like: torch.Tensor, pool: Any) -> None:
        """like: a batch on the device. pool: the memory pool of an earlier graph, to share; graphs run one by one."""
        self._input = like.clone(memory_format=torch.preserve_format)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                network(self._input)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool):
            self._output = network(self._input)
        self.pool = self._graph.pool()

    def __call__(self, batch: torch.Tensor) -> HiqaOutput:
        """The outputs of a batch; valid until the next call."""
        self._input.copy_(batch, non_blocking=True)
        self._graph.replay()
        return self._output


class CudaRunner:
    """Runs batches of few sizes on a device, several in flight."""

    def __init__(self, network: HiqaNet) -> None:
        self._network = network
        self._captured: dict[tuple[torch.Size, torch.dtype], CapturedNetwork] = {}
        self._copies = torch.cuda.Stream()

    def run(self, batches: Iterator[tuple[int, torch.Tensor]], corrections: bool) -> Iterator[HostOutputs]:
        """Outputs of each batch, in order. batches: (tiles that are not padding, (B, 3, H, W) in pinned memory)."""
        under_way: deque[HostOutputs] = deque()
        for count, host in batches:
            under_way.append(self._start(count, host, corrections))
            if len(under_way) >= IN_FLIGHT:
                yield under_way.popleft()
        yield from under_way

    def forget(self) -> None:
        """Free the memory of all graphs, where it ran out."""
        torch.cuda.synchronize()
        self._captured.clear()
        torch.cuda.empty_cache()

    def _start(self, count: int, host: torch.Tensor, corrections: bool) -> HostOutputs:
        with torch.inference_mode(), scoring_kernels():
            here = torch.cuda.current_stream()
            with torch.cuda.stream(self._copies):
                batch = host.to("cuda", non_blocking=True)
            here.wait_stream(self._copies)
            batch.record_stream(here)
            output = self._network_for(batch)(batch)
            outputs = HostOutputs(
                count,
                to_host(output.statistics),
                to_host(output.correction.float().permute(0, 2, 3, 1)) if corrections else None,
                torch.cuda.Event(),
            )
            outputs.done.record(here)
            return outputs

    def _network_for(self, batch: torch.Tensor) -> Callable[[torch.Tensor], HiqaOutput]:
        key = (batch.shape, batch.dtype)
        if key not in self._captured:
            pool = next((captured.pool for captured in self._captured.values()), None)
            self._captured[key] = CapturedNetwork(self._network, batch, pool)
        return self._captured[key]


def to_host(tensor: torch.Tensor) -> torch.Tensor:
    """Begin to copy to pinned memory. The copy is complete once an event recorded afterwards has happened."""
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)


@contextlib.contextmanager
def scoring_kernels() -> Iterator[None]:
    """cuDNN chooses the fastest deterministic kernels; no TF32."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=True, allow_tf32=False):
        yield
