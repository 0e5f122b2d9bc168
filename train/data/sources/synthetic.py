"""Patches of undistorted photographs, distorted on the way: pairs for G, groups of versions for R.

Their quality is told from the reference (`mdsi.mdsi_quality`); nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from hiqa_train.data.batch import Batch, stack_images
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.distortion_groups import GROUP, draw_distortion_group
from hiqa_train.data.patches import draw_pair


class SyntheticPairs:
    """A `Source` of pairs, each of a random photograph, kind and strength."""

    def __init__(self, images: Sequence[CleanImage], patch: int, shares: Mapping[str, float], seed: int) -> None:
        self.images, self.patch, self.shares, self.seed = list(images), patch, shares, seed

    @property
    def epoch_length(self) -> int:
        return len(self.images)

    def draw(self, numbers: range) -> Batch:
        pairs = [draw_pair(self.images, self.patch, self.shares, self.seed, number) for number in numbers]
        names = [pair.name for pair in pairs]
        return _batch([pair.distorted for pair in pairs], [pair.reference for pair in pairs], list(numbers), names)


class SyntheticGroups:
    """A `Source` of versions, GROUP neighbours of one reference; numbers begin and end with a group. ladder_share: of
    the groups (versions.py)."""

    def __init__(
        self, images: Sequence[CleanImage], patch: int, shares: Mapping[str, float], ladder_share: float, seed: int
    ) -> None:
        self.images, self.patch, self.shares, self.seed = list(images), patch, shares, seed
        self.ladder_share = ladder_share

    @property
    def epoch_length(self) -> int:
        return len(self.images) * GROUP

    def draw(self, numbers: range) -> Batch:
        distorted, references, groups, names = [], [], [], []
        for group in range(numbers.start // GROUP, numbers.stop // GROUP):
            drawn = draw_distortion_group(self.images, self.patch, self.shares, self.ladder_share, self.seed, group)
            distorted += drawn.versions
            references += [drawn.reference] * GROUP
            groups += [group] * GROUP
            names += [drawn.name] * GROUP
        return _batch(distorted, references, groups, names)


def _batch(distorted: list[np.ndarray], references: list[np.ndarray], groups: list[int], names: list[str]) -> Batch:
    return Batch(
        distorted=stack_images(distorted),
        reference=stack_images(references),
        quality=None,
        database=torch.zeros(len(names), dtype=torch.int64),
        group=torch.tensor(groups),
        files=tuple(names),
    )
