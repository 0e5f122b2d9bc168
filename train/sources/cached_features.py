"""Databases with cached outputs of a frozen G on whole images, as a data source: see data/feature_cache.py.

Patches start at multiples of 32 px, the size of a cell of G's features, so that these are cut, rotated and flipped
together with image and discrepancy map.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from hiqa_cli.engine.tiling.grid import cut_tile
from hiqa_cli.errors import UsageError
from hiqa_train.data.batch import Batch, PatchSource, RegressorInputs, stack_images
from hiqa_train.data.feature_cache import CELL, FeatureCache, ImageFeatures
from hiqa_train.data.image_cache import open_array
from hiqa_train.data.scored_images import ScoredImage, ScoredPatch, batch_of_patches, epoch_order, with_reference
from hiqa_train.data.training_split import DatabaseSplit
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.schema import RunSettings
from hiqa_train.recipes.stages import PatchStage, RegressorStage
from hiqa_train.trainer.validation import Validation

from .database import DatabaseSource
from .protocol import stage_seed


@dataclasses.dataclass(frozen=True)
class PatchPlace:
    """Where a patch is cut, in px, and how it is transformed: `turns` quarter turns, then perhaps a flip."""

    image: ScoredImage
    x: int
    y: int
    turns: int = 0
    flip: bool = False

    def transform(self, piece: np.ndarray) -> np.ndarray:
        """A piece (P, P, C) turned and flipped as its patch is."""
        piece = np.rot90(piece, self.turns)
        return piece[:, ::-1] if self.flip else piece


class CachedFeaturePatches:
    """A `PatchSource` of random patches. features: of each decoded file; empty if R uses no outputs of G."""

    def __init__(
        self,
        images: Sequence[ScoredImage],
        patch: int,
        seed: int,
        features: Mapping[Path, ImageFeatures],
        *,
        with_references: bool,
    ) -> None:
        self.images = with_reference(images, required=with_references)
        self.patch, self.seed, self.features, self.with_references = patch, seed, features, with_references

    @property
    def epoch_length(self) -> int:
        return len(self.images)

    def place(self, number: int) -> PatchPlace:
        """Where patch `number` is cut."""
        epoch, index = divmod(number, len(self.images))
        image = self.images[epoch_order(len(self.images), self.seed, epoch)[index]]
        random = np.random.default_rng([self.seed, number])
        y, x = (
            CELL * int(random.integers(max(0, side - self.patch) // CELL + 1))
            for side in open_array(image.file).shape[:2]
        )
        return PatchPlace(image, x, y, int(random.integers(4)), bool(random.random() < 0.5))

    def draw(self, numbers: range) -> Batch:
        places = [self.place(number) for number in numbers]
        patches: list[ScoredPatch] = []
        for place in places:
            used = place.image.reference if self.with_references else None
            reference = None if used is None else self._cut(place, used)
            patches.append((place.image, self._cut(place, place.image.file), reference))
        batch = batch_of_patches(patches, self.with_references)
        return dataclasses.replace(batch, cached_inputs=self._cached_inputs(places))

    def _cut(self, place: PatchPlace, file: Path) -> np.ndarray:
        return place.transform(cut_tile(open_array(file), place.x, place.y, self.patch))

    def _cached_inputs(self, places: Sequence[PatchPlace]) -> RegressorInputs | None:
        if not self.features:
            return None
        maps, features = [], []
        for place in places:
            discrepancy, semantic = self.features[place.image.file].cut(place.x, place.y, self.patch)
            maps.append(place.transform(discrepancy))
            features.append(place.transform(semantic))
        return RegressorInputs(stack_images(maps), stack_images(features))


class CachedFeatureFixedPatches(CachedFeaturePatches):
    """A `PatchSource` for validation: `count` patches of each image, spread over it, unchanged."""

    def __init__(
        self,
        images: Sequence[ScoredImage],
        patch: int,
        count: int,
        features: Mapping[Path, ImageFeatures],
        *,
        with_references: bool,
    ) -> None:
        super().__init__(images, patch, 0, features, with_references=with_references)
        self.count = count

    @property
    def epoch_length(self) -> int:
        return len(self.images) * self.count

    def place(self, number: int) -> PatchPlace:
        image, index = self.images[number // self.count], number % self.count
        height, width = open_array(image.file).shape[:2]
        share = (index + 0.5) / self.count  # alternately along both diagonals, like FixedPatches
        y = round(max(0, height - self.patch) // CELL * share) * CELL
        x = round(max(0, width - self.patch) // CELL * (share if index % 2 == 0 else 1 - share)) * CELL
        return PatchPlace(image, x, y)


class CachedFeatureSource(DatabaseSource):
    """A `DataSource` of databases and the cached outputs of a frozen G.

    All stages train on the same patches, whatever inputs R has. Only regressor stages can use it: others change G.
    """

    def __init__(
        self,
        databases: Sequence[DatabaseSplit],
        settings: RunSettings,
        seed: int,
        cache: Path,
        advance: Callable[[], None],
        feature_cache: FeatureCache,
    ) -> None:
        super().__init__(databases, settings, seed, cache, advance)
        self.feature_cache = feature_cache
        self._features: dict[Path, ImageFeatures] = {}

    def _features_for(self, stage: PatchStage) -> Mapping[Path, ImageFeatures]:
        """The features of all images, computed when a stage first needs them; empty for a stage that uses none."""
        if not isinstance(stage, RegressorStage):
            raise UsageError(
                f"--whole-views keeps outputs of a frozen G: a stage of kind {stage.kind} would change it",
                "remove the stage from the recipe, or leave out --whole-views",
            )
        if not stage.fusion and stage.sees != "hallucination":
            return {}
        if not self._features:
            for image in (*self.training, *self.validating):
                self._features[image.file] = self.feature_cache.features(image.file)
                self.advance()
        return self._features

    def training_patches(self, name: str, stage: PatchStage, *, with_references: bool) -> PatchSource:
        features = self._features_for(stage)
        seed = stage_seed(self.seed, "patches")
        return CachedFeaturePatches(self.training, stage.patch, seed, features, with_references=with_references)

    def validation(self, name: str, stage: PatchStage, run_device: RunDevice, *, with_references: bool) -> Validation:
        each = self.settings.validation_patches
        source = CachedFeatureFixedPatches(
            self.validating, stage.patch, each, self._features_for(stage), with_references=with_references
        )
        return Validation(source, source.epoch_length, each, stage.batch, run_device)

    def describe(self) -> dict[str, object]:
        return {**super().describe(), "views": self.feature_cache.id}
