"""What a run learns from, as its stages ask for it: patches to train on and fixed ones to validate on.

Two kinds: databases with human scores, and undistorted photographs, distorted on the way.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from hiqa_train.data.batch import PatchSource
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.distortion_groups import GROUP
from hiqa_train.data.image_cache import open_array
from hiqa_train.data.leakage import photograph_scenes
from hiqa_train.data.training_split import DatabaseSplit
from hiqa_train.data.whole_image import FixedWholeImages, WholeImagePatches
from hiqa_train.datasets import DATABASES
from hiqa_train.distortions import expand_shares
from hiqa_train.losses.score_maps import to_common_scale
from hiqa_train.recipes.schema import GeneratorStage, RegressorStage, RunSettings, Stage
from hiqa_train.trainer.distributed import RunDevice
from hiqa_train.trainer.validation import Validation
from hiqa_train.uncertainty.activations import Look
from hiqa_train.uncertainty.coverage import IntervalCase, case_of, draw_cases

from .database import DatabasePatches, FixedPatches, ScoredImage, open_samples
from .synthetic import SyntheticGroups, SyntheticPairs

Item = TypeVar("Item")


class DataSource(Protocol):
    """names: what is trained on; every_reference, any_reference: whether all images, or some, have their reference;
    marks_references: whether batches with references hold other patches too, and say which are which (`Batch.known`).
    """

    names: tuple[str, ...]
    every_reference: bool
    any_reference: bool
    marks_references: bool

    def training_patches(self, name: str, stage: Stage, *, with_references: bool) -> PatchSource:
        """The training patches of a stage."""

    def validation(self, name: str, stage: Stage, machine: RunDevice, *, with_references: bool) -> Validation:
        """The validation patches of a stage."""

    def interval_cases(self, look: Look, knots: list[list[float]], tell: Callable[[str], None]) -> list[IntervalCase]:
        """Validation pictures, scored: what the half-width is fitted on. knots: of each database's map."""

    def describe(self) -> dict[str, Any]:
        """What identifies it: a run goes on with the same material only."""

    def terms(self) -> list[dict[str, str]]:
        """The manifest's list of training data."""

    def scenes(self) -> frozenset[str]:
        """All scenes that are trained on or chosen by."""


def stage_seed(seed: int, name: str) -> int:
    """A seed of its own for each stage of a run."""
    return (seed << 32 | zlib.crc32(name.encode())) % 2**62


class DatabaseSource:
    """Databases: see `DataSource`."""

    marks_references = False

    def __init__(
        self, parts: Sequence[DatabaseSplit], watch: RunSettings, seed: int, cache: Path, advance: Callable[[], None]
    ) -> None:
        self.names = tuple(part.name for part in parts)
        self.watch, self.seed, self.parts, self.cache, self.advance = watch, seed, parts, cache, advance
        training = [(n, sample) for n, part in enumerate(parts) for sample in part.training]
        self.training = open_samples(training, cache, advance)
        # of a large database evenly spread ones: validation is done often
        self.validating = self._of_validation(watch.validation_pictures)
        images = (*self.training, *self.validating)
        self.every_reference = all(image.reference is not None for image in images)
        self.any_reference = all(
            any(image.reference is not None for image in some) for some in (self.training, self.validating)
        )

    def _of_validation(self, most: int) -> tuple[ScoredImage, ...]:
        """At most so many validation pictures of each database."""
        chosen = [(n, sample) for n, part in enumerate(self.parts) for sample in evenly_spaced(part.validation, most)]
        return open_samples(chosen, self.cache, self.advance)

    def _of_training(self, most: int) -> list[tuple[ScoredImage, float]]:
        """At most so many training pictures of each database whose errors' growth is known, and that."""
        growth = self.watch.half_width_growth
        each = [(n, growth[name]) for n, name in enumerate(self.names) if name in growth]
        return [
            (image, times)
            for n, times in each
            for image in evenly_spaced([image for image in self.training if image.database == n], most)
        ]

    def training_patches(self, name: str, stage: Stage, *, with_references: bool) -> PatchSource:
        seed = stage_seed(self.seed, name)
        return database_patches(self.training, stage, seed, with_references=with_references)

    def validation(self, name: str, stage: Stage, machine: RunDevice, *, with_references: bool) -> Validation:
        if scores_whole_images(stage):
            squares = FixedWholeImages(self.validating, stage.patch, with_references=with_references)
            return Validation(squares, squares.epoch_length, 1, stage.batch, machine)
        each = self.watch.validation_patches
        source = FixedPatches(self.validating, stage.patch, each, with_references=with_references)
        return Validation(source, source.epoch_length, each, stage.batch, machine)

    def interval_cases(self, look: Look, knots: list[list[float]], tell: Callable[[str], None]) -> list[IntervalCase]:
        chosen = self._of_validation(self.watch.half_width_pictures)
        known = self._of_training(self.watch.half_width_trained_on)
        tell(f"half-width: scores {len(chosen):,} validation pictures, {len(known):,} that were trained on")
        return [_case(look, image, knots, growth) for image, growth in (*((image, 1.0) for image in chosen), *known)]

    def describe(self) -> dict[str, Any]:
        return {"databases": [_described(part) for part in self.parts]}

    def scenes(self) -> frozenset[str]:
        return frozenset(s.scene for part in self.parts for s in (*part.training, *part.validation))

    def terms(self) -> list[dict[str, str]]:
        return [
            {
                "name": DATABASES[name].title if name in DATABASES else name,
                "terms": DATABASES[name].terms if name in DATABASES else "its owner's",
                "use": "all stages",
            }
            for name in self.names
        ]


def scores_whole_images(stage: Stage) -> bool:
    """Whether a stage is shown squares of what people scored."""
    return isinstance(stage, RegressorStage) and stage.squares


def database_patches(images: Sequence[ScoredImage], stage: Stage, seed: int, *, with_references: bool) -> PatchSource:
    """The training patches of a stage: single ones, or those of squares."""
    kind = WholeImagePatches if scores_whole_images(stage) else DatabasePatches
    return kind(images, stage.patch, seed, with_references=with_references)


def _described(part: DatabaseSplit) -> dict[str, Any]:
    rows = [[str(s.path), str(s.reference), s.quality] for samples in (part.training, part.validation) for s in samples]
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
    return {
        "name": part.name,
        "training": len(part.training),
        "validation": len(part.validation),
        "images_and_scores": digest,
    }


def _case(look: Look, image: ScoredImage, knots: list[list[float]], growth: float) -> IntervalCase:
    target = 100 * to_common_scale(image.quality, knots[image.database])
    return case_of(look(open_array(image.file)), target, image.scene, image.database, growth=growth)


def evenly_spaced(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of a list, evenly spread."""
    count = min(most, len(items))
    return [items[n * len(items) // count] for n in range(count)]


class SyntheticSource:
    """Undistorted photographs: see `DataSource`."""

    every_reference = any_reference = True
    marks_references = False

    def __init__(
        self,
        training: list[CleanImage],
        validation: list[CleanImage],
        watch: RunSettings,
        seed: int,
        names: tuple[str, ...],
    ) -> None:
        self.training, self.validating, self.watch, self.seed, self.names = training, validation, watch, seed, names

    def _source(self, images: list[CleanImage], stage: Stage, ladder_share: float, seed: int) -> PatchSource:
        shares = expand_shares(stage.shares)
        if isinstance(stage, GeneratorStage):
            return SyntheticPairs(images, stage.patch, shares, seed)
        return SyntheticGroups(images, stage.patch, shares, ladder_share, seed)

    def training_patches(self, name: str, stage: Stage, *, with_references: bool) -> PatchSource:
        ladder_share = stage.ladder_share if isinstance(stage, RegressorStage) else 0.0
        return self._source(self.training, stage, ladder_share, stage_seed(self.seed, name))

    def validation(self, name: str, stage: Stage, machine: RunDevice, *, with_references: bool) -> Validation:
        # patches of their own seed: the same in every stage and run of this size
        source = self._source(self.validating, stage, 0.0, stage_seed(0, "validation"))
        count = min(self.watch.validation_pictures, len(self.validating)) * self.watch.validation_patches
        return Validation(source, -(-count // GROUP) * GROUP, 1, stage.batch, machine)

    def interval_cases(self, look: Look, knots: list[list[float]], tell: Callable[[str], None]) -> list[IntervalCase]:
        versions = max(1, self.watch.half_width_versions // len(self.validating))
        return draw_cases(look, self.validating, versions, seed=7, tell=tell)

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
