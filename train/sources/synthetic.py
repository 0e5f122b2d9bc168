"""Clean images, distorted during training, as a data source: pairs for G, distortion groups for R.

The quality of a version is computed from its reference (data/mdsi.py). Nothing is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hiqa_train.data.batch import Batch, PatchSource, stack_images
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.distortion_groups import GROUP, draw_distortion_group
from hiqa_train.data.leakage import photograph_scenes
from hiqa_train.data.patches import draw_pair
from hiqa_train.distortions import expand_shares
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.schema import RunSettings
from hiqa_train.recipes.stages import GeneratorStage, PatchStage
from hiqa_train.trainer.validation import Validation
from hiqa_train.uncertainty.activations import ScoreFunction
from hiqa_train.uncertainty.coverage import IntervalCase, draw_cases

from .protocol import VALIDATION_SEED, stage_seed

INTERVAL_SEED = 7  # of the distortions that the uncertainty is fitted on


class SyntheticPairs:
    """A `PatchSource` of pairs, each of a random photograph, kind and strength."""

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
    """A `PatchSource` of distortion groups; a range of numbers to draw must cover complete groups."""

    def __init__(self, images: Sequence[CleanImage], patch: int, shares: Mapping[str, float], seed: int) -> None:
        self.images, self.patch, self.shares, self.seed = list(images), patch, shares, seed

    @property
    def epoch_length(self) -> int:
        return len(self.images) * GROUP

    def draw(self, numbers: range) -> Batch:
        distorted, references, groups, names = [], [], [], []
        for group in range(numbers.start // GROUP, numbers.stop // GROUP):
            drawn = draw_distortion_group(self.images, self.patch, self.shares, 0.0, self.seed, group)
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


class SyntheticSource:
    """A `DataSource` of clean images. names: of their folders."""

    every_reference = any_reference = True

    def __init__(
        self,
        training: list[CleanImage],
        validation: list[CleanImage],
        settings: RunSettings,
        seed: int,
        names: tuple[str, ...],
    ) -> None:
        self.training, self.validating, self.seed, self.names = training, validation, seed, names
        self.settings = settings

    def _patches(self, images: list[CleanImage], stage: PatchStage, seed: int) -> PatchSource:
        shares = expand_shares(stage.shares)
        if isinstance(stage, GeneratorStage):
            return SyntheticPairs(images, stage.patch, shares, seed)
        return SyntheticGroups(images, stage.patch, shares, seed)

    def training_patches(self, name: str, stage: PatchStage, *, with_references: bool) -> PatchSource:
        return self._patches(self.training, stage, stage_seed(self.seed, name))

    def validation(self, name: str, stage: PatchStage, run_device: RunDevice, *, with_references: bool) -> Validation:
        source = self._patches(self.validating, stage, VALIDATION_SEED)
        count = min(self.settings.validation_pictures, len(self.validating)) * self.settings.validation_patches
        return Validation(source, -(-count // GROUP) * GROUP, 1, stage.batch, run_device)

    def interval_cases(
        self, score: ScoreFunction, knots: list[list[float]], report: Callable[[str], None]
    ) -> list[IntervalCase]:
        versions = max(1, self.settings.half_width_versions // len(self.validating))
        return draw_cases(score, self.validating, versions, seed=INTERVAL_SEED, report=report)

    def describe(self) -> dict[str, Any]:
        def digest(images: list[CleanImage]) -> str:
            return hashlib.sha256(b"\0".join(image.pixels.tobytes() for image in images)).hexdigest()[:16]

        return {"pristine": {"training": digest(self.training), "validation": digest(self.validating)}}

    def scenes(self) -> frozenset[str]:
        names = [image.name for image in (*self.training, *self.validating)]
        return frozenset[str]().union(*(photograph_scenes(Path(folder).name, names) for folder in self.names))

    def terms(self) -> list[dict[str, str]]:
        return [
            {"name": f"undistorted photographs: {name}", "terms": "theirs", "use": "all stages"} for name in self.names
        ]
