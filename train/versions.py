"""Groups of versions of one patch, labelled: what R learns from.

A group is one reference in several versions: two strengths of one kind of distortion, another kind, and the
reference itself or a third kind. Within a group the content is the same, so that only the distortion can
explain the difference of the labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from hiqa_cli.engine.devices import fast_bf16

from .distortions import distort
from .labels import local_loss_of_quality, tile_quality
from .patches import (
    MARGIN,
    NEED_LARGE,
    SMALLEST_FOR_JPEG2000,
    choose_kind,
    cut_piece,
    place_window,
    to_tensor,
)
from .pristine import Pristine

GROUP = 4  # versions of one reference


@dataclass(frozen=True)
class Versions:
    """A batch for R, groups of GROUP neighbours.

    distorted: (B, 3, P, P) RGB in 0..1; quality: (B,) in 0..1, high is good; local: see
    `labels.local_loss_of_quality`; discrepancy, semantic: what G makes
    of `distorted` (see `Regressor.forward`), or None where R is trained on images alone.
    """

    distorted: Tensor
    quality: Tensor
    local: list[Tensor]
    discrepancy: Tensor | None = None
    semantic: Tensor | None = None


def draw_group(
    images: list[Pristine], patch: int, shares: Mapping[str, float], seed: int, number: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Group `number` of `seed`: GROUP distorted patches and their reference, (P, P, 3) uint8 RGB."""
    random = np.random.default_rng([seed, number])
    piece = cut_piece(images, max(patch + MARGIN, SMALLEST_FOR_JPEG2000), random)
    first, second, third = (choose_kind(shares, random) for _ in range(3))
    kinds = [first, first, second, "clean" if random.random() < 0.5 else third]
    halo = MARGIN // 2
    y, x = place_window(piece.shape[0], patch, halo, random)
    window = np.s_[y : y + patch, x : x + patch]
    # Most kinds need the patch and a little around it; distorting the whole piece would cost several times as much.
    near = np.ascontiguousarray(piece[y - halo : y + patch + halo, x - halo : x + patch + halo])
    inside = np.s_[halo : halo + patch, halo : halo + patch]
    versions = []
    # Each version has its own random stream: what one draws does not move the next.
    for kind, stream in zip(kinds, random.spawn(GROUP), strict=True):
        if kind in NEED_LARGE:
            versions.append(distort(piece, kind, stream)[window])
        else:
            versions.append(distort(near, kind, stream)[inside])
    return versions, piece[window]


class VersionBatches(Dataset[Versions]):
    """Batch number `step` of a run, made where it is asked for (a loader's worker, if there is one)."""

    def __init__(
        self, images: list[Pristine], patch: int, shares: Mapping[str, float], seed: int, groups: int,
        first: int, last: int, generator: nn.Module | None,
    ) -> None:  # fmt: skip
        self.images, self.patch, self.shares, self.seed, self.groups = images, patch, shares, seed, groups
        self.first, self.last = first, last
        self.generator = generator

    def __len__(self) -> int:
        return self.last - self.first

    @torch.no_grad()
    def __getitem__(self, index: int) -> Versions:
        step = self.first + index
        distorted, references = [], []
        for number in range(step * self.groups, (step + 1) * self.groups):
            versions, reference = draw_group(self.images, self.patch, self.shares, self.seed, number)
            distorted += versions
            references += [reference] * GROUP
        seen = to_tensor(distorted)
        behind = to_tensor(references)
        quality, local = tile_quality(seen, behind), local_loss_of_quality(seen, behind)
        if self.generator is None:
            return Versions(seen, quality, local)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast_bf16("cpu")):
            imagined = self.generator(seen)
        # As in scoring: the correction is added, and clamped, in float32.
        hallucination = (seen + imagined.correction.float()).clamp(0, 1)
        return Versions(seen, quality, local, seen - hallucination, imagined.semantic.float())
