"""Databases with human scores and photographs distorted on the way, in one batch: what the release's R learns from.

The photographs are the first database: their quality, told from the reference, is hiqa's scale; each of the others has
a monotone map of its own from it (scales.py).
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
from hiqa_train.recipes.schema import GeneratorStage, RegressorStage, Stage
from hiqa_train.trainer.distributed import RunDevice
from hiqa_train.trainer.validation import Validation
from hiqa_train.uncertainty.activations import Look
from hiqa_train.uncertainty.coverage import IntervalCase

from .base import DatabaseSource, SyntheticSource, database_patches, scores_whole_images, stage_seed
from .database import FixedPatches

PHOTOGRAPHS = "photographs"  # the name, in a recipe's mix, of what is distorted on the way


class MixedSource:
    """See `material.Material`."""

    every_reference = False
    any_reference = True  # G is trained on the photographs alone
    marks_references = True

    def __init__(self, photographs: SyntheticSource, databases: DatabaseSource) -> None:
        self.photographs, self.databases = photographs, databases
        self.names = (PHOTOGRAPHS, *databases.names)

    def training_patches(self, name: str, stage: Stage, *, with_references: bool) -> PatchSource:
        if isinstance(stage, GeneratorStage):
            return self.photographs.training_patches(name, stage, with_references=with_references)
        mix = checked_mix(stage, self.names, name)
        sources: list[tuple[PatchSource, int]] = []
        for number, (database, count) in enumerate(mix.items()):
            if database == PHOTOGRAPHS:
                sources.append((self.photographs.training_patches(name, stage, with_references=True), count))
            else:
                place = self.databases.names.index(database)
                images = [image for image in self.databases.training if image.database == place]
                seed = stage_seed(self.photographs.seed, f"{name} {number}")
                has = with_references and all(image.reference is not None for image in images)
                sources.append((database_patches(images, stage, seed, with_references=has), count))
        return MixedPatches(sources, with_references=with_references)

    def validation(self, name: str, stage: Stage, machine: RunDevice, *, with_references: bool) -> Validation:
        if isinstance(stage, GeneratorStage):
            return self.photographs.validation(name, stage, machine, with_references=True)
        mix = checked_mix(stage, self.names, name)
        asked = [image for image in self.databases.validating if self.databases.names[image.database] in mix]
        if scores_whole_images(stage):
            fixed: PatchSource = FixedWholeImages(asked, stage.patch, with_references=False)
        else:
            fixed = FixedPatches(asked, stage.patch, 1, with_references=False)
        if PHOTOGRAPHS not in mix:
            return Validation(ScoredPatches(fixed), fixed.epoch_length, 1, stage.batch, machine)
        of_photographs = self.photographs.validation(name, stage, machine, with_references=True)
        both = JoinedPatches(of_photographs.source, of_photographs.count, fixed)
        return Validation(both, both.epoch_length, 1, stage.batch, machine)

    def interval_cases(self, look: Look, knots: list[list[float]], tell: Callable[[str], None]) -> list[IntervalCase]:
        return self.photographs.interval_cases(look, knots, tell) + self.databases.interval_cases(look, knots[1:], tell)

    def describe(self) -> dict[str, Any]:
        return {**self.photographs.describe(), **self.databases.describe()}

    def terms(self) -> list[dict[str, str]]:
        return self.photographs.terms() + self.databases.terms()

    def scenes(self) -> frozenset[str]:
        return self.photographs.scenes() | self.databases.scenes()


def checked_mix(stage: Stage, names: Sequence[str], where: str) -> dict[str, int]:
    """How many patches of a batch each material gives; UsageError where the recipe's mix names another one."""
    mix = dict(stage.mix) if isinstance(stage, RegressorStage) else {}
    unknown = [name for name in mix if name not in names]
    if not mix or unknown:
        found = f"names {unknown[0]!r}" if unknown else "has no mix"
        raise UsageError(f"the recipe's stage {where} {found}", f"expected a mix of {', '.join(names)}")
    if mix.get(PHOTOGRAPHS, 0) % GROUP:
        raise UsageError(
            f"the recipe's stage {where} mixes {mix[PHOTOGRAPHS]} {PHOTOGRAPHS}",
            f"expected whole groups of {GROUP} versions",
        )
    torn = [name for name, count in mix.items() if scores_whole_images(stage) and count % TILES]
    if torn:
        raise UsageError(
            f"the recipe's stage {where} mixes {mix[torn[0]]} of {torn[0]}",
            f"expected whole squares of {TILES} patches",
        )
    return mix


class MixedPatches:
    """A `PatchSource` of several: of every `sum of counts` neighbours the first so many are of the first, and so on.

    with_references: keep those that there are, and mark whose they are.
    """

    def __init__(self, sources: Sequence[tuple[PatchSource, int]], *, with_references: bool) -> None:
        self.sources, self.with_references = list(sources), with_references
        self.unit = sum(count for _, count in sources)

    @property
    def epoch_length(self) -> int:
        """Until every image of the slowest was seen."""
        return max(source.epoch_length * self.unit // count for source, count in self.sources)

    def draw(self, numbers: range) -> Batch:
        first, last = numbers.start // self.unit, -(-numbers.stop // self.unit)
        drawn = [
            labelled(source.draw(range(block * n, (block + 1) * n)), with_references=self.with_references)
            for block in range(first, last)
            for source, n in self.sources
        ]
        return concatenate(drawn, range(numbers.start - first * self.unit, numbers.stop - first * self.unit))


class ScoredPatches:
    """A `PatchSource` of databases alone, as a part of a mix: they count from 1."""

    def __init__(self, patches: PatchSource) -> None:
        self.patches = patches

    @property
    def epoch_length(self) -> int:
        return self.patches.epoch_length

    def draw(self, numbers: range) -> Batch:
        return labelled(self.patches.draw(numbers))


class JoinedPatches:
    """A `PatchSource` of two sources: the first `count` numbers are the first's, those after them the second's."""

    def __init__(self, first: PatchSource, count: int, second: PatchSource) -> None:
        self.first, self.count, self.second = first, count, second

    @property
    def epoch_length(self) -> int:
        return self.count + self.second.epoch_length

    def draw(self, numbers: range) -> Batch:
        parts = []
        if numbers.start < self.count:
            parts.append(labelled(self.first.draw(range(numbers.start, min(numbers.stop, self.count)))))
        if numbers.stop > self.count:
            parts.append(self.second.draw(range(max(0, numbers.start - self.count), numbers.stop - self.count)))
            parts[-1] = labelled(parts[-1])
        return concatenate(parts)


def labelled(batch: Batch, *, with_references: bool = False) -> Batch:
    """The batch with what its references tell as its quality; databases count from 1.

    with_references: with its references, marked, or the pictures themselves in their place, marked as unknown.
    """
    has = batch.reference is not None
    quality = batch.quality
    if quality is None:
        seen = batch.to(torch.device("cpu"))
        assert seen.reference is not None
        quality = mdsi_quality(seen.distorted, seen.reference)
    database = batch.database if batch.quality is None else batch.database + 1
    reference = (batch.reference if has else batch.distorted) if with_references else None
    known = torch.full((len(batch.files),), has) if with_references else None
    return Batch(
        batch.distorted,
        reference,
        quality,
        database,
        batch.group,
        batch.files,
        has_reference=known,
        position=batch.position,
    )


def concatenate(batches: Sequence[Batch], numbers: range | None = None) -> Batch:
    """One batch of several, or those numbers of it; their groups stay apart."""
    groups, after = [], 0
    for batch in batches:
        groups.append(batch.group - batch.group.min() + after)
        after = int(groups[-1].max()) + 1
    files = tuple(name for batch in batches for name in batch.files)
    asked = slice(0, len(files)) if numbers is None else slice(numbers.start, numbers.stop)

    def joined(parts: Sequence[Tensor | None]) -> Tensor | None:
        there = [part for part in parts if part is not None]
        return torch.cat(there)[asked] if there else None

    places = None
    if any(batch.position is not None for batch in batches):  # those beside squares are each by themselves
        alone = [torch.zeros(len(batch.files), 3, dtype=torch.int64) for batch in batches]
        places = torch.cat(
            [a if batch.position is None else batch.position for batch, a in zip(batches, alone, strict=True)]
        )
    distorted, database, group = (
        torch.cat(parts)[asked]
        for parts in ([batch.distorted for batch in batches], [batch.database for batch in batches], groups)
    )
    return Batch(
        distorted,
        joined([batch.reference for batch in batches]),
        joined([batch.quality for batch in batches]),
        database,
        group,
        files[asked],
        has_reference=joined([batch.has_reference for batch in batches]),
        position=places[asked] if places is not None else None,
    )
