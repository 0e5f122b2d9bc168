"""Tiles through the networks in torch: the one place of inference mode, precision, batch shape and memory.

The same tile gets the same score whatever is scored beside it: to 1e-3 points in float32, and to 0.02
in bf16. Batches have few shapes (filled up to a power of two, on a processor, or to the full size, in bf16
elsewhere), since kernels for other shapes are made anew and round differently. R's head is
float32 always.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hiqa_cli.engine.config import TILE, TORCH
from hiqa_cli.errors import DeviceError
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.onednn.packing import Layout

from .backend import TileOutOfMemoryError, TileOutputs, in_points, is_out_of_memory
from .devices import Placement
from .memory import keep_freed_memory


class TorchBackend:
    """The networks on their device; run() takes any number of tiles."""

    name = TORCH

    def __init__(
        self,
        network: HiqaNet,
        placement: Placement,
        batch_size: int,
        notice: Callable[[str], None],
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
        self._notice = notice
        self.batch_size = batch_size

    @property
    def settings(self) -> dict[str, str | int]:
        return {"threads": torch.get_num_threads(), "torch": str(torch.__version__)}

    def run(self, tiles: Sequence[np.ndarray], corrections: bool, features: bool = False) -> Iterator[TileOutputs]:
        """Score tiles (TILE, TILE, 3) uint8 or uint16, in order, a batch at a time.

        Where memory runs out the batch is halved for good, with a notice. Raises
        TileOutOfMemoryError where even one tile is too many, DeviceError where the device fails.
        """
        first = 0
        while first < len(tiles):
            part = tiles[first : first + self.batch_size]
            outputs = self._try(part, first, corrections, features)
            if outputs is not None:
                yield outputs
                first += len(part)
            elif self.batch_size == 1:
                raise TileOutOfMemoryError(first)
            else:
                self._halve()

    def verdicts_of(self, pooled: np.ndarray) -> np.ndarray:
        """As `TileRunner` has it."""
        with torch.inference_mode():
            verdicts = self.network.regressor.verdict_of_pooled(torch.from_numpy(pooled).to(self._placement.device))
            return in_points(verdicts.cpu().numpy())

    def _try(self, part: Sequence[np.ndarray], first: int, corrections: bool, features: bool) -> TileOutputs | None:
        """The outputs, or None where memory ran out: by then nothing holds on to the batch."""
        try:
            return self._forward(part, first, corrections, features)
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
        self._notice(f"out of memory at batch {before}, going on with {self.batch_size}")

    def batch_of(self, part: Sequence[np.ndarray]) -> torch.Tensor:
        """Tiles (TILE, TILE, 3) uint8 or uint16 -> (B, 3, TILE, TILE) on the device, B filled up: bytes, where all
        tiles are, or float32 in 0..1."""
        # Bytes stay bytes on their way: a quarter of what floats are. (torch had no uint16 before 2.3.)
        in_bytes = all(tile.dtype == np.uint8 for tile in part)
        batch = np.zeros((self._filled(len(part)), TILE, TILE, 3), np.uint8 if in_bytes else np.float32)
        for place, tile in zip(batch, part, strict=False):
            place[:] = tile if in_bytes else tile / np.float32(np.iinfo(tile.dtype).max)
        # (B, H, W, 3) seen as (B, 3, H, W) is channels_last as it stands.
        images = torch.from_numpy(batch).permute(0, 3, 1, 2)
        if self._placement.device == "cuda":
            return images.pin_memory().to("cuda", non_blocking=True)
        return images.to(self._placement.device)

    def _filled(self, count: int) -> int:
        """The size of the batch that so many tiles go in."""
        if self._placement.device == "cpu":
            return min(1 << (count - 1).bit_length(), self.batch_size)
        return self.batch_size if self._placement.precision == "bf16" else count

    def _forward(self, part: Sequence[np.ndarray], first: int, corrections: bool, features: bool) -> TileOutputs:
        with torch.inference_mode(), steady_kernels(self._placement.device):
            output = self.network(self.batch_of(part))
            verdicts = in_points(output.verdict.cpu().numpy()[: len(part)])
            pictures = rows_of(output.correction[: len(part)]) if corrections else None
            joined = rows_of(output.features[: len(part)]) if features else None
        return TileOutputs(first, verdicts, pictures, joined)


def rows_of(tensor: torch.Tensor) -> np.ndarray:
    """(B, C, H, W) on any device -> (B, H, W, C) float32."""
    rows: np.ndarray = tensor.float().permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return rows


def move_to(network: HiqaNet, device: str) -> None:
    """Put the weights on a device; DeviceError where its driver will not have them."""
    try:
        network.to(device)
    except RuntimeError as error:
        raise device_failure(device, error) from error


def device_failure(device: str, error: Exception) -> DeviceError:
    """What a driver says in many lines, in one."""
    reason = (str(error).strip() or "no reason given").splitlines()[0]
    return DeviceError(f"device {device} cannot be used: {reason}", "use --device cpu, or free the device")


@contextlib.contextmanager
def steady_kernels(device: str) -> Iterator[None]:
    """On CUDA: kernels that stay the same from run to run, and float32 without TF32."""
    if device != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def fold_batch_norms(network: nn.Module) -> None:
    """Fold every batch norm, in place, into the convolution before it: same function, less work.

    In bf16 it is more exact, too: the statistics never leave float32. A norm `normX` follows
    `convX` of the same module, or the convolution before it in a Sequential.
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
