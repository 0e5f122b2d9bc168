"""Batches of training patches, each patch drawn by its number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset


@dataclass(frozen=True)
class RegressorInputs:
    """R's inputs besides the distorted image; None where a stage does without.

    discrepancy: (B, 3, H, W), the discrepancy map. semantic: (B, C, H/32, W/32), G's features `H_{5,2}`.
    """

    discrepancy: Tensor | None = None
    semantic: Tensor | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> RegressorInputs:
        """The function applied to every tensor that is there."""
        tensors = (self.discrepancy, self.semantic)
        return RegressorInputs(*(None if tensor is None else function(tensor) for tensor in tensors))


@dataclass(frozen=True)
class Batch:
    """B patches of P px, as cut (uint8) or as the networks take them (see `to`).

    distorted: (B, P, P, 3) uint8 RGB; after `to` (B, 3, P, P) float32 in 0..1, channels_last.
    reference: the same of the undistorted images, None where there are none.
    quality: (B,) float32, on the scale of each patch's database; None where it is computed from the reference.
    database: (B,) int64, the number of each patch's database.
    group: (B,) int64; patches of one group are ranked among one another.
    files: the image that each patch was cut from.
    cached_inputs: patches of features that G computed on whole images (feature_cache.py), channels last until `to`;
        None where G processes each patch.
    """

    distorted: Tensor
    reference: Tensor | None
    quality: Tensor | None
    database: Tensor
    group: Tensor
    files: tuple[str, ...]
    cached_inputs: RegressorInputs | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch on a device, in the form that the networks take. From pinned memory the copies run beside the
        device's work."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        def channels_first(tensor: Tensor) -> Tensor:
            # (B, P, P, 3) permuted to (B, 3, P, P) is channels_last without a copy
            return moved(tensor).permute(0, 3, 1, 2).float()

        def image(tensor: Tensor) -> Tensor:
            return channels_first(tensor).div_(255)

        return Batch(
            image(self.distorted),
            None if self.reference is None else image(self.reference),
            None if self.quality is None else moved(self.quality),
            moved(self.database),
            moved(self.group),
            self.files,
            None if self.cached_inputs is None else self.cached_inputs.map(channels_first),
        )

    def pin_memory(self) -> Batch:
        """The batch in pinned memory; torch's DataLoader calls this with pin_memory=True."""
        return self._map(Tensor.pin_memory)

    def _map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """The function applied to every tensor that is there."""

        def of(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else function(tensor)

        return Batch(
            function(self.distorted),
            of(self.reference),
            of(self.quality),
            function(self.database),
            function(self.group),
            self.files,
            None if self.cached_inputs is None else self.cached_inputs.map(function),
        )

    def micro_batches(self, count: int) -> list[Batch]:
        """The batch in `count` equal parts, in order."""
        size = len(self.files) // count
        return [self._slice(slice(n * size, (n + 1) * size)) for n in range(count)]

    def _slice(self, rows: slice) -> Batch:
        return replace(self._map(lambda tensor: tensor[rows]), files=self.files[rows])


class PatchSource(Protocol):
    """Patches by number: patch n of a source is the same in every run, so that a resumed run repeats nothing."""

    def draw(self, numbers: range) -> Batch:
        """The patches of these numbers, as cut."""

    @property
    def epoch_length(self) -> int:
        """Number of patches after which every image has been used."""


class BatchDataset(Dataset[Batch]):
    """The batches of steps `first` to `last` - 1 of a stage, drawn in the loader's worker.

    Each of `world` processes draws its own equal share of a batch, in order of `rank`.
    """

    def __init__(self, source: PatchSource, batch: int, first: int, last: int, rank: int, world: int) -> None:
        self.source, self.first, self.last = source, first, last
        self.batch, self.rank, self.world = batch, rank, world

    def __len__(self) -> int:
        return self.last - self.first

    def __getitem__(self, index: int) -> Batch:
        if index >= len(self):
            raise IndexError(index)
        share = self.batch // self.world
        first = (self.first + index) * self.batch + self.rank * share
        return self.source.draw(range(first, first + share))


def stack_images(images: list[np.ndarray]) -> Tensor:
    """N arrays (P, P, C) -> (N, P, P, C), of the arrays' type."""
    return torch.from_numpy(np.stack(images))


def discrepancy_map(distorted: Tensor, hallucination: Tensor) -> Tensor:
    """Formula (10), signed: I_d - G(I_d), with the hallucination clipped to 0..1, in float32, as in scoring."""
    return distorted - hallucination.float().clamp(0, 1)
