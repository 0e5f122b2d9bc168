"""Databases with human scores as a data source.

Patch n is a pure function of the seed and n: an epoch goes through all images in its own order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hiqa_cli.engine.tiling.grid import cut_tile
from hiqa_train.data.batch import Batch, PatchSource
from hiqa_train.data.image_cache import open_array
from hiqa_train.data.scored_images import (
    ScoredImage,
    ScoredPatch,
    batch_of_patches,
    epoch_order,
    open_samples,
    with_reference,
)
from hiqa_train.data.training_split import DatabaseSplit
from hiqa_train.datasets import DATABASES
from hiqa_train.distributed import RunDevice
from hiqa_train.losses.score_maps import to_common_scale
from hiqa_train.recipes.schema import RunSettings
from hiqa_train.recipes.stages import PatchStage
from hiqa_train.trainer.validation import Validation
from hiqa_train.uncertainty.activations import ScoreFunction
from hiqa_train.uncertainty.coverage import IntervalCase, case_of

from .protocol import evenly_spaced, stage_seed


class DatabasePatches:
    """A `PatchSource` of random patches, rotated and flipped.

    with_references: only images that have a reference are used, and batches hold both.
    """

    def __init__(self, images: Sequence[ScoredImage], patch: int, seed: int, *, with_references: bool) -> None:
        self.images = with_reference(images, required=with_references)
        self.patch, self.seed, self.with_references = patch, seed, with_references

    @property
    def epoch_length(self) -> int:
        return len(self.images)

    def draw(self, numbers: range) -> Batch:
        return batch_of_patches([self._patch(number) for number in numbers], self.with_references)

    def _patch(self, number: int) -> ScoredPatch:
        epoch, index = divmod(number, len(self.images))
        image = self.images[epoch_order(len(self.images), self.seed, epoch)[index]]
        random = np.random.default_rng([self.seed, number])
        pixels = open_array(image.file)
        y, x = (int(random.integers(max(1, side - self.patch + 1))) for side in pixels.shape[:2])
        turns, flip = int(random.integers(4)), bool(random.random() < 0.5)

        def cut(file: Path) -> np.ndarray:
            piece = np.rot90(cut_tile(open_array(file), x, y, self.patch), turns)
            return piece[:, ::-1] if flip else piece

        reference = image.reference if self.with_references else None
        return image, cut(image.file), None if reference is None else cut(reference)


class FixedPatches:
    """A `PatchSource` for validation: `count` patches of each image, spread over it, unchanged."""

    def __init__(self, images: Sequence[ScoredImage], patch: int, count: int, *, with_references: bool) -> None:
        self.images = with_reference(images, required=with_references)
        self.patch, self.count, self.with_references = patch, count, with_references

    @property
    def epoch_length(self) -> int:
        return len(self.images) * self.count

    def draw(self, numbers: range) -> Batch:
        patches = []
        for number in numbers:
            image, index = self.images[number // self.count], number % self.count
            height, width = open_array(image.file).shape[:2]
            # alternately along both diagonals, from corner to corner, so that every region of the image is covered
            share = (index + 0.5) / self.count
            y = round(max(0, height - self.patch) * share)
            x = round(max(0, width - self.patch) * (share if index % 2 == 0 else 1 - share))
            used = image.reference if self.with_references else None
            reference = None if used is None else cut_tile(open_array(used), x, y, self.patch)
            patches.append((image, cut_tile(open_array(image.file), x, y, self.patch), reference))
        return batch_of_patches(patches, self.with_references)


class DatabaseSource:
    """A `DataSource` of one or several databases."""

    def __init__(
        self,
        databases: Sequence[DatabaseSplit],
        settings: RunSettings,
        seed: int,
        cache: Path,
        advance: Callable[[], None],
    ) -> None:
        """cache: folder of decoded images. advance: called after each image that is decoded."""
        self.names = tuple(database.name for database in databases)
        self.settings, self.seed, self.databases, self.cache, self.advance = settings, seed, databases, cache, advance
        training = [(n, sample) for n, database in enumerate(databases) for sample in database.training]
        self.training = open_samples(training, cache, advance)
        self.validating = self._validation_images(settings.validation_pictures)
        images = (*self.training, *self.validating)
        self.every_reference = all(image.reference is not None for image in images)
        self.any_reference = all(
            any(image.reference is not None for image in some) for some in (self.training, self.validating)
        )

    def _validation_images(self, most: int) -> tuple[ScoredImage, ...]:
        """At most `most` validation images of each database."""
        chosen = [
            (n, sample)
            for n, database in enumerate(self.databases)
            for sample in evenly_spaced(database.validation, most)
        ]
        return open_samples(chosen, self.cache, self.advance)

    def _training_images(self, most: int) -> list[tuple[ScoredImage, float]]:
        """At most `most` training images of each database with a known growth of errors, and that growth."""
        growth = self.settings.half_width_growth
        known = [(n, growth[name]) for n, name in enumerate(self.names) if name in growth]
        return [
            (image, factor)
            for n, factor in known
            for image in evenly_spaced([image for image in self.training if image.database == n], most)
        ]

    def training_patches(self, name: str, stage: PatchStage, *, with_references: bool) -> PatchSource:
        seed = stage_seed(self.seed, name)
        return DatabasePatches(self.training, stage.patch, seed, with_references=with_references)

    def validation(self, name: str, stage: PatchStage, run_device: RunDevice, *, with_references: bool) -> Validation:
        each = self.settings.validation_patches
        source = FixedPatches(self.validating, stage.patch, each, with_references=with_references)
        return Validation(source, source.epoch_length, each, stage.batch, run_device)

    def interval_cases(
        self, score: ScoreFunction, knots: list[list[float]], report: Callable[[str], None]
    ) -> list[IntervalCase]:
        validation = self._validation_images(self.settings.half_width_pictures)
        training = self._training_images(self.settings.half_width_trained_on)
        report(f"uncertainty: scoring {len(validation):,} validation and {len(training):,} training images")
        images = [*((image, 1.0) for image in validation), *training]
        return [_interval_case(score, image, knots, growth) for image, growth in images]

    def describe(self) -> dict[str, Any]:
        return {"databases": [_describe(database) for database in self.databases]}

    def scenes(self) -> frozenset[str]:
        return frozenset(s.scene for database in self.databases for s in (*database.training, *database.validation))

    def terms(self) -> list[dict[str, str]]:
        return [
            {
                "name": DATABASES[name].title if name in DATABASES else name,
                "terms": DATABASES[name].terms if name in DATABASES else "its owner's",
                "use": "all stages",
            }
            for name in self.names
        ]


def _describe(database: DatabaseSplit) -> dict[str, Any]:
    samples = (*database.training, *database.validation)
    rows = [[str(sample.path), str(sample.reference), sample.quality] for sample in samples]
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
    return {
        "name": database.name,
        "training": len(database.training),
        "validation": len(database.validation),
        "images_and_scores": digest,
    }


def _interval_case(score: ScoreFunction, image: ScoredImage, knots: list[list[float]], growth: float) -> IntervalCase:
    target = 100 * to_common_scale(image.quality, knots[image.database])
    return case_of(score(open_array(image.file)), target, image.scene, image.database, growth=growth)
