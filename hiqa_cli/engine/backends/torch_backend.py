"""Run the networks in torch: inference mode, precision, batch shapes and memory are settled here alone.

A tile's score does not depend on the other tiles of its batch: to 1e-3 points in float32, to 0.02 in bf16. Batches have
few shapes (padded to a power of two on a CPU, to the full size in bf16 elsewhere), because kernels are compiled for
each shape and round differently. R's heads always run in float32.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hiqa_cli.engine.config import TILE, TORCH
from hiqa_cli.errors import DeviceError
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.onednn.packing import Layout

from .backend import TileOutOfMemoryError, TileOutputs, is_out_of_memory, lost_in_fork, to_points
from .devices import Placement
from .memory import keep_freed_memory
from .threads import is_fork


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
            with torch.inference_mode():
                network.pack(Layout(batch_size, TILE, placement.dtype))
        else:
            network.in_precision(placement.dtype)
        move_to(network, placement.device)
        # torch's type hints lack memory_format without a tensor.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._placement = placement
        self._on_warning = on_warning
        self.batch_size = batch_size
        self._process = os.getpid()

    def enter_process(self) -> None:
        """See `Backend`. On a CPU a fork goes on with one thread, of torch in the whole process."""
        if self._placement.device != "cpu" and self._process != os.getpid():
            raise lost_in_fork(f"the contexts of {self._placement.device}", self._process, 'start workers with "spawn"')
        if is_fork() and torch.get_num_threads() > 1:
            torch.set_num_threads(1)

    @property
    def settings(self) -> dict[str, str | int]:
        return {"threads": torch.get_num_threads(), "torch": str(torch.__version__)}

    def predict_tiles(self, tiles: Sequence[np.ndarray], corrections: bool, features: bool = False) -> TileOutputs:
        """See `Backend`. Where memory runs out, the batch size is halved for good, with a warning."""
        parts: list[TileOutputs] = []
        first = 0
        while first < len(tiles):
            batch = tiles[first : first + self.batch_size]
            outputs = self._try(batch, corrections, features)
            if outputs is not None:
                parts.append(outputs)
                first += len(batch)
            elif self.batch_size == 1:
                raise TileOutOfMemoryError(first)
            else:
                self._halve()
        return TileOutputs.concatenate(parts)

    def predict_pooled(self, pooled: np.ndarray) -> np.ndarray:
        """See `Backend`."""
        with torch.inference_mode():
            predictions = self.network.regressor.predict_pooled(torch.from_numpy(pooled).to(self._placement.device))
            return to_points(predictions.cpu().numpy())

    def _try(self, tiles: Sequence[np.ndarray], corrections: bool, features: bool) -> TileOutputs | None:
        """The outputs, or None where memory ran out; by then no reference to the batch is left."""
        try:
            return self._forward(tiles, corrections, features)
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                return None
            if self._placement.device == "cpu":
                raise
            raise device_failure(self._placement.device, error) from error

    def _halve(self) -> None:
        before, self.batch_size = self.batch_size, self.batch_size // 2
        if self._placement.device == "cuda":
            torch.cuda.empty_cache()
        elif self._placement.device == "mps":
            torch.mps.empty_cache()
        self._on_warning(f"out of memory at batch size {before}, continuing with {self.batch_size}")

    def make_batch(self, tiles: Sequence[np.ndarray]) -> torch.Tensor:
        """Tiles (TILE, TILE, 3) uint8 or uint16 -> (B, 3, TILE, TILE) on the device, padded to one of few B: uint8
        where all tiles are, else float32 in 0..1."""
        # uint8 moves a quarter of the memory that float32 does. (torch had no uint16 before 2.3.)
        in_bytes = all(tile.dtype == np.uint8 for tile in tiles)
        batch = np.zeros((self._padded_size(len(tiles)), TILE, TILE, 3), np.uint8 if in_bytes else np.float32)
        for place, tile in zip(batch, tiles, strict=False):
            place[:] = tile if in_bytes else tile / np.float32(np.iinfo(tile.dtype).max)
        # A (B, 3, H, W) view of (B, H, W, 3) is channels_last already.
        images = torch.from_numpy(batch).permute(0, 3, 1, 2)
        if self._placement.device == "cuda":
            return images.pin_memory().to("cuda", non_blocking=True)
        return images.to(self._placement.device)

    def _padded_size(self, count: int) -> int:
        """The batch size for `count` tiles."""
        if self._placement.device == "cpu":
            return min(1 << (count - 1).bit_length(), self.batch_size)
        return self.batch_size if self._placement.precision == "bf16" else count

    def _forward(self, tiles: Sequence[np.ndarray], corrections: bool, features: bool) -> TileOutputs:
        with torch.inference_mode(), deterministic_kernels(self._placement.device):
            output = self.network(self.make_batch(tiles))
            count = len(tiles)
            return TileOutputs(
                to_points(output.prediction.cpu().numpy()[:count]),
                channels_last_array(output.correction[:count]) if corrections else None,
                channels_last_array(output.features[:count]) if features else None,
            )


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


@contextlib.contextmanager
def deterministic_kernels(device: str) -> Iterator[None]:
    """On CUDA: deterministic kernels, and float32 without TF32."""
    if device != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


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
