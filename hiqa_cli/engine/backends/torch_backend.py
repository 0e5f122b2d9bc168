"""Run the networks in torch: inference mode, precision, batch shapes and memory are settled here alone.

A tile's score does not depend on the other tiles of its batch: to 1e-3 points in float32, to 0.02 in bf16. Batches have
few shapes (padded to a power of two), because kernels are chosen and compiled for each shape and round differently. R
always runs in float32. On CUDA batches overlap (`cuda`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hiqa_cli.engine.config import TILE, TORCH
from hiqa_cli.errors import DeviceError
from hiqa_cli.networks.hiqa import HiqaNet

from .backend import READERS, TileOutOfMemoryError, TileOutputs, is_out_of_memory, lost_in_fork, to_points
from .cuda import CudaRunner
from .devices import Placement, usable_processors
from .memory import keep_freed_memory
from .threads import is_fork

Outputs = TypeVar("Outputs")

BATCHES_AT_ONCE = 4  # that a CUDA device is given together, so that they overlap


class TorchBackend:
    """A `Backend`: G and R on a device. Takes the network over: batch norms are folded, weights laid out and moved."""

    name = TORCH

    def __init__(
        self,
        network: HiqaNet,
        placement: Placement,
        batch_size: int,
        on_warning: Callable[[str], None],
    ) -> None:
        network.eval()
        fold_batch_norms(network)
        if placement.device == "cpu":
            keep_freed_memory()
        network.in_precision(placement.dtype)
        move_to(network, placement.device)
        # torch's type hints lack memory_format without a tensor.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._placement = placement
        self._on_warning = on_warning
        self.batch_size = batch_size
        self.traits = network.regressor.traits
        self._cuda = CudaRunner(self.network) if placement.device == "cuda" else None
        self._process = os.getpid()
        self.lock = Lock()

    def enter_process(self) -> None:
        """See `Backend`. On a CPU a fork continues with one thread, of torch in the whole process."""
        if self._placement.device != "cpu" and self._process != os.getpid():
            raise lost_in_fork(f"the contexts of {self._placement.device}", self._process, 'start workers with "spawn"')
        if self._process != os.getpid():
            self._process, self.lock = os.getpid(), Lock()  # a thread of the parent may have held it
        if is_fork() and torch.get_num_threads() > 1:
            torch.set_num_threads(1)

    @property
    def tiles_at_once(self) -> int:
        """See `Backend`."""
        return self.batch_size if self._cuda is None else BATCHES_AT_ONCE * self.batch_size

    @property
    def readers(self) -> int:
        """See `Backend`. A GPU is fed by all cores, or by those that several processes leave each: their threads."""
        cores = min(usable_processors(), 2 * torch.get_num_threads())  # with two logical processors a core
        return READERS if self._placement.device == "cpu" else max(READERS, cores)

    @property
    def settings(self) -> dict[str, str | int]:
        """See `Backend`."""
        return {"threads": torch.get_num_threads(), "torch": str(torch.__version__)}

    def predict_tiles(self, tiles: Sequence[np.ndarray], corrections: bool) -> TileOutputs:
        """See `Backend`. Where memory runs out, the batch size is halved permanently, with a warning."""
        # CUDA is given all that are left, and overlaps their batches
        return TileOutputs.concatenate(
            list(self._batches(tiles, self._cuda is not None, lambda some: self._forward(some, corrections)))
        )

    def view_tiles(self, tiles: Sequence[np.ndarray]) -> np.ndarray:
        """See `Backend`."""
        return np.concatenate(list(self._batches(tiles, False, self._view)))

    def predict(self, statistics: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        with torch.inference_mode():
            here = (torch.from_numpy(numbers).to(self._placement.device) for numbers in (statistics, whole))
            return to_points(self.network.regressor.predict(*here).cpu().numpy())

    def _batches(
        self, tiles: Sequence[np.ndarray], overlaps: bool, run: Callable[[Sequence[np.ndarray]], Outputs]
    ) -> Iterator[Outputs]:
        """The outputs of each batch, halving the batch size where memory runs out."""
        first = 0
        while first < len(tiles):
            some = tiles[first:] if overlaps and self.batch_size > 1 else tiles[first : first + self.batch_size]
            outputs = self._try(some, run)
            if outputs is not None:
                yield outputs
                first += len(some)
            elif self.batch_size == 1:
                raise TileOutOfMemoryError(first)
            else:
                self._halve()

    def _try(self, tiles: Sequence[np.ndarray], run: Callable[[Sequence[np.ndarray]], Outputs]) -> Outputs | None:
        """The outputs, or None where memory ran out; by then no reference to the batch is left."""
        try:
            return run(tiles)
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                return None
            if self._placement.device == "cpu":
                raise
            raise device_failure(self._placement.device, error) from error

    def _halve(self) -> None:
        before, self.batch_size = self.batch_size, self.batch_size // 2
        if self._cuda is not None:
            self._cuda.forget()
        elif self._placement.device == "mps":
            torch.mps.empty_cache()
        self._on_warning(f"out of memory at batch size {before}, continuing with {self.batch_size}")

    def make_batch(self, tiles: Sequence[np.ndarray]) -> torch.Tensor:
        """Tiles (TILE, TILE, 3) uint8 or uint16 -> (B, 3, TILE, TILE) on the device, padded to one of few B: uint8
        where all tiles are, else float32 in 0..1."""
        return self._host_batch(tiles).to(self._placement.device, non_blocking=True)

    def _host_batch(self, tiles: Sequence[np.ndarray]) -> torch.Tensor:
        """make_batch() before it goes to the device; for CUDA in pinned memory."""
        # uint8 moves a quarter of the memory that float32 does. (torch had no uint16 before 2.3.)
        in_bytes = all(tile.dtype == np.uint8 for tile in tiles)
        shape = (min(1 << (len(tiles) - 1).bit_length(), self.batch_size), TILE, TILE, 3)
        pinned = self._cuda is not None
        batch = torch.zeros(shape, dtype=torch.uint8 if in_bytes else torch.float32, pin_memory=pinned)
        for place, tile in zip(batch.numpy(), tiles, strict=False):
            place[:] = tile if in_bytes else tile / np.float32(np.iinfo(tile.dtype).max)
        # A (B, 3, H, W) view of (B, H, W, 3) is channels_last already.
        return batch.permute(0, 3, 1, 2)

    def _overlapping(self, runner: CudaRunner, tiles: Sequence[np.ndarray], corrections: bool) -> TileOutputs:
        """Run batches of at most `batch_size` tiles, several under way at once."""
        parts = (tiles[first : first + self.batch_size] for first in range(0, len(tiles), self.batch_size))
        batches = ((len(part), self._host_batch(part)) for part in parts)
        return TileOutputs.concatenate([TileOutputs(*outputs.arrays()) for outputs in runner.run(batches, corrections)])

    def _forward(self, tiles: Sequence[np.ndarray], corrections: bool) -> TileOutputs:
        if self._cuda is not None:
            return self._overlapping(self._cuda, tiles, corrections)
        with torch.inference_mode():
            output = self.network(self.make_batch(tiles))
            count = len(tiles)
            return TileOutputs(
                output.statistics.cpu().numpy()[:count],
                channels_last_array(output.correction[:count]) if corrections else None,
            )

    def _view(self, tiles: Sequence[np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            seen: np.ndarray = self.network.view(self.make_batch(tiles)).cpu().numpy()[: len(tiles)]
            return seen


def channels_last_array(tensor: torch.Tensor) -> np.ndarray:
    """(B, C, H, W) on any device -> (B, H, W, C) float32."""
    rows: np.ndarray = tensor.float().permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return rows


def move_to(network: HiqaNet, device: str) -> None:
    """Move the weights to a device; DeviceError where its driver refuses them."""
    try:
        network.to(device)
    except RuntimeError as error:
        raise device_failure(device, error) from error


def device_failure(device: str, error: Exception) -> DeviceError:
    """The first line of a driver's message, as an error."""
    reason = (str(error).strip() or "no reason given").splitlines()[0]
    return DeviceError(f"device {device} cannot be used: {reason}", "use --device cpu, or free the device")


def fold_batch_norms(network: nn.Module) -> None:
    """Fold every batch norm, in place, into the convolution before it: the same function for less work, and more exact
    in bf16, since the statistics stay in float32.

    A norm `normX` follows `convX` of the same module, or the convolution before it in a Sequential.
    """
    for module in list(network.modules()):
        children = dict(module.named_children())
        names = list(children)
        for place, name in enumerate(names):
            norm = children[name]
            if not isinstance(norm, nn.BatchNorm2d):
                continue
            in_order = isinstance(module, nn.Sequential)
            before = names[place - 1] if in_order else name.replace("norm", "conv")
            convolution = children[before]
            if not isinstance(convolution, nn.Conv2d):
                raise TypeError(f"{name} of {type(module).__name__} follows no convolution")
            setattr(module, before, fuse_conv_bn_eval(convolution, norm))
            setattr(module, name, nn.Identity())
