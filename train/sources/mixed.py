"""Databases with human scores and clean images in one batch, as a data source.

The clean images are database 0: their quality, computed from the reference, defines hiqa's scale. Each database has a
monotone map from that scale to its own (losses/score_maps.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from hiqa_cli.errors import UsageError
from hiqa_train.data.batch import Batch, PatchSource
from hiqa_train.data.distortion_groups import GROUP
from hiqa_train.data.mdsi import mdsi_quality
from hiqa_train.data.whole_image import TILES, FixedWholeImages
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.schema import GeneratorStage, RegressorStage, Stage
from hiqa_train.trainer.validation import Validation
from hiqa_train.uncertainty.activations import ScoreFunction
from hiqa_train.uncertainty.coverage import IntervalCase

from .database import DatabaseSource, FixedPatches, database_patches
from .protocol import scores_whole_images, stage_seed
from .synthetic import SyntheticSource

PHOTOGRAPHS = "photographs"  # the name of the clean images in a recipe's mix


class MixedSource:
    """A `DataSource` of clean images and databases."""

    every_reference = False
    any_reference = True  # G is trained on the clean images only
    marks_references = True

    def __init__(self, photographs: SyntheticSource, databases: DatabaseSource) -> None:
        self.photographs, self.databases = photographs, databases
        self.names = (PHOTOGRAPHS, *databases.names)

    def training_patches(self, name: str, stage: Stage, *, with_references: bool) -> PatchSource:
        if isinstance(stage, GeneratorStage):
            return self.photographs.training_patches(name, stage, with_references=with_references)
        mix = checked_mix(stage, self.names, name)
        sources: list[tuple[PatchSource, int]] = []
        for index, (database, count) in enumerate(mix.items()):
            if database == PHOTOGRAPHS:
                sources.append((self.photographs.training_patches(name, stage, with_references=True), count))
            else:
                number = self.databases.names.index(database)
                images = [image for image in self.databases.training if image.database == number]
                seed = stage_seed(self.photographs.seed, f"{name} {index}")
                complete = with_references and all(image.reference is not None for image in images)
                sources.append((database_patches(images, stage, seed, with_references=complete), count))
        return MixedPatches(sources, with_references=with_references)

    def validation(self, name: str, stage: Stage, run_device: RunDevice, *, with_references: bool) -> Validation:
        if isinstance(stage, GeneratorStage):
            return self.photographs.validation(name, stage, run_device, with_references=True)
        mix = checked_mix(stage, self.names, name)
        images = [image for image in self.databases.validating if self.databases.names[image.database] in mix]
        if scores_whole_images(stage):
            fixed: PatchSource = FixedWholeImages(images, stage.patch, with_references=False)
        else:
            fixed = FixedPatches(images, stage.patch, 1, with_references=False)
        if PHOTOGRAPHS not in mix:
            return Validation(ScoredPatches(fixed), fixed.epoch_length, 1, stage.batch, run_device)
        of_photographs = self.photographs.validation(name, stage, run_device, with_references=True)
        both = JoinedPatches(of_photographs.source, of_photographs.count, fixed)
        return Validation(both, both.epoch_length, 1, stage.batch, run_device)

    def interval_cases(
        self, score: ScoreFunction, knots: list[list[float]], report: Callable[[str], None]
    ) -> list[IntervalCase]:
        of_photographs = self.photographs.interval_cases(score, knots, report)
        return of_photographs + self.databases.interval_cases(score, knots[1:], report)

    def describe(self) -> dict[str, Any]:
        return {**self.photographs.describe(), **self.databases.describe()}

    def terms(self) -> list[dict[str, str]]:
        return self.photographs.terms() + self.databases.terms()

    def scenes(self) -> frozenset[str]:
        return self.photographs.scenes() | self.databases.scenes()


def checked_mix(stage: Stage, names: Sequence[str], stage_name: str) -> dict[str, int]:
    """Patches of a batch by data source. Raises UsageError for an unknown source or an incomplete group or square."""
    mix = dict(stage.mix) if isinstance(stage, RegressorStage) else {}
    unknown = [name for name in mix if name not in names]
    if not mix or unknown:
        found = f"names {unknown[0]!r}" if unknown else "is missing"
        raise UsageError(f"the recipe's stage {stage_name}: its mix {found}", f"expected a mix of {', '.join(names)}")
    if mix.get(PHOTOGRAPHS, 0) % GROUP:
        raise UsageError(
            f"the recipe's stage {stage_name} mixes {mix[PHOTOGRAPHS]} {PHOTOGRAPHS}",
            f"expected a multiple of {GROUP}, the versions of a group",
        )
    partial = [name for name, count in mix.items() if scores_whole_images(stage) and count % TILES]
    if partial:
        raise UsageError(
            f"the recipe's stage {stage_name} mixes {mix[partial[0]]} of {partial[0]}",
            f"expected a multiple of {TILES}, the patches of a square",
        )
    return mix


class MixedPatches:
    """A `PatchSource` that repeats a block: `count` patches of the first source, `count` of the second, and so on.

    with_references: keep the references that exist and mark which patches have one.
    """

    def __init__(self, sources: Sequence[tuple[PatchSource, int]], *, with_references: bool) -> None:
        self.sources, self.with_references = list(sources), with_references
        self.block = sum(count for _, count in sources)

    @property
    def epoch_length(self) -> int:
        """Until the source that is drawn from most slowly has used every image."""
        return max(source.epoch_length * self.block // count for source, count in self.sources)

    def draw(self, numbers: range) -> Batch:
        first, last = numbers.start // self.block, -(-numbers.stop // self.block)
        drawn = [
            labelled(source.draw(range(block * n, (block + 1) * n)), with_references=self.with_references)
            for block in range(first, last)
            for source, n in self.sources
        ]
        return concatenate(drawn, range(numbers.start - first * self.block, numbers.stop - first * self.block))


class ScoredPatches:
    """A `PatchSource` of databases without clean images: their numbers start at 1, as in a mix."""

    def __init__(self, patches: PatchSource) -> None:
        self.patches = patches

    @property
    def epoch_length(self) -> int:
        return self.patches.epoch_length

    def draw(self, numbers: range) -> Batch:
        return labelled(self.patches.draw(numbers))


class JoinedPatches:
    """A `PatchSource` of two others: the first `count` patches of one, followed by those of the other."""

    def __init__(self, first: PatchSource, count: int, second: PatchSource) -> None:
        self.first, self.count, self.second = first, count, second

    @property
    def epoch_length(self) -> int:
        return self.count + self.second.epoch_length

    def draw(self, numbers: range) -> Batch:
        batches = []
        if numbers.start < self.count:
            batches.append(labelled(self.first.draw(range(numbers.start, min(numbers.stop, self.count)))))
        if numbers.stop > self.count:
            start = max(0, numbers.start - self.count)
            batches.append(labelled(self.second.draw(range(start, numbers.stop - self.count))))
        return concatenate(batches)


def labelled(batch: Batch, *, with_references: bool = False) -> Batch:
    """The batch with a quality for every patch: of clean images computed from the reference, as database 0; the
    databases' own, numbered from 1.

    with_references: keep the references and mark them as true; where there are none, the distorted patches take their
    place, marked as not true.
    """
    has_reference = batch.reference is not None
    quality = batch.quality
    if quality is None:
        images = batch.to(torch.device("cpu"))
        assert images.reference is not None
        quality = mdsi_quality(images.distorted, images.reference)
    database = batch.database if batch.quality is None else batch.database + 1
    reference = (batch.reference if has_reference else batch.distorted) if with_references else None
    return Batch(
        batch.distorted,
        reference,
        quality,
        database,
        batch.group,
        batch.files,
        has_reference=torch.full((len(batch.files),), has_reference) if with_references else None,
        position=batch.position,
    )


def concatenate(batches: Sequence[Batch], rows: range | None = None) -> Batch:
    """Several batches as one, or these rows of it; groups of different batches stay apart."""
    groups, offset = [], 0
    for batch in batches:
        groups.append(batch.group - batch.group.min() + offset)
        offset = int(groups[-1].max()) + 1
    files = tuple(name for batch in batches for name in batch.files)
    kept = slice(0, len(files)) if rows is None else slice(rows.start, rows.stop)

    def join(tensors: Sequence[Tensor | None]) -> Tensor | None:
        found = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(found)[kept] if found else None

    positions = None
    if any(batch.position is not None for batch in batches):  # a patch outside squares counts as a square of its own
        single = [torch.zeros(len(batch.files), 3, dtype=torch.int64) for batch in batches]
        positions = torch.cat(
            [zeros if b.position is None else b.position for b, zeros in zip(batches, single, strict=True)]
        )[kept]
    return Batch(
        torch.cat([batch.distorted for batch in batches])[kept],
        join([batch.reference for batch in batches]),
        join([batch.quality for batch in batches]),
        torch.cat([batch.database for batch in batches])[kept],
        torch.cat(groups)[kept],
        files[kept],
        has_reference=join([batch.has_reference for batch in batches]),
        position=positions,
    )
