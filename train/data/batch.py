"""What the networks learn from: a batch of patches, drawn by number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset


@dataclass(frozen=True)
class RegressorInputs:
    """What R is shown beside the distorted image: the discrepancy map (B, 3, H, W), G's features (B, C, H/32, W/32);
    prior: the features of a prior that does not learn, (B, C, H/32, W/32), already worked out."""

    discrepancy: Tensor | None = None
    semantic: Tensor | None = None
    prior: Tensor | None = None

    def changed(self, change: Callable[[Tensor], Tensor]) -> RegressorInputs:
        """All of what is there, changed in the same way."""
        parts = (self.discrepancy, self.semantic, self.prior)
        return RegressorInputs(*(None if one is None else change(one) for one in parts))


@dataclass(frozen=True)
class Batch:
    """B patches of P px, as cut (uint8) or as the networks take them (see `on`).

    distorted: (B, P, P, 3) uint8 RGB, after `on` (B, 3, P, P) float32 in 0..1, channels_last.
    reference: the same of the undistorted images, None where there are none.
    quality: (B,) float32, on the scale of each one's database; None where it is to be told from the reference.
    database: (B,) int64, which database each is of. group: (B,) int64, patches of one number are ranked.
    files: where each was cut from.
    shown: cut from what G makes of the whole images, see whole_views.py; channels last until `on`; None where G is
        asked patch by patch.
    known: (B,) bool, whose reference is the true one, in a batch that has it of some alone; None: all or none.
    place: (B, 3) int64, which patch of its square each is, from 0, and at which x, y of it, px (squares.py); None: none
        is of one.
    """

    distorted: Tensor
    reference: Tensor | None
    quality: Tensor | None
    database: Tensor
    group: Tensor
    files: tuple[str, ...]
    cached_inputs: RegressorInputs | None = None
    has_reference: Tensor | None = None
    position: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch as the networks take it, on their device."""

        def seen(images: Tensor | None) -> Tensor | None:
            # (B, P, P, 3) seen as (B, 3, P, P) is channels_last as it stands
            return None if images is None else images.to(device).permute(0, 3, 1, 2).float().div_(255)

        distorted = seen(self.distorted)
        assert distorted is not None
        quality = None if self.quality is None else self.quality.to(device)
        shown = (
            None
            if self.cached_inputs is None
            else self.cached_inputs.changed(lambda x: x.to(device).permute(0, 3, 1, 2).float())
        )
        known = None if self.has_reference is None else self.has_reference.to(device)
        return Batch(
            distorted,
            seen(self.reference),
            quality,
            self.database.to(device),
            self.group.to(device),
            self.files,
            shown,
            known,
            self.position,
        )

    def micro_batches(self, count: int) -> list[Batch]:
        """The batch in `count` equal pieces, in order."""
        size = len(self.files) // count
        return [self._cut(slice(n * size, (n + 1) * size)) for n in range(count)]

    def _cut(self, where: slice) -> Batch:
        reference = None if self.reference is None else self.reference[where]
        quality = None if self.quality is None else self.quality[where]
        shown = None if self.cached_inputs is None else self.cached_inputs.changed(lambda x: x[where])
        known = None if self.has_reference is None else self.has_reference[where]
        place = None if self.position is None else self.position[where]
        return Batch(
            self.distorted[where],
            reference,
            quality,
            self.database[where],
            self.group[where],
            self.files[where],
            shown,
            known,
            place,
        )


class PatchSource(Protocol):
    """Patches by number: number n of a source is the same in every run."""

    def draw(self, numbers: range) -> Batch:
        """The patches of these numbers, as cut."""

    @property
    def epoch_length(self) -> int:
        """How many patches until every image was seen."""


class BatchDataset(Dataset[Batch]):
    """Batch number `step` of a stage, drawn where it is asked for (a loader's worker, if there is one).

    Of `world` processes each draws its own equal share, in order.
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
    """N images (P, P, 3) uint8 -> (N, P, P, 3)."""
    return torch.from_numpy(np.stack(images))
