"""Patches of databases with G's word on their whole images: see whole_views.py.

As `DatabasePatches`, but at multiples of 32 px, so that G's features are cut, turned and flipped with image and map.
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
from hiqa_train.data.training_split import DatabaseSplit
from hiqa_train.recipes.schema import RegressorStage, RunSettings, Stage
from hiqa_train.trainer.distributed import RunDevice
from hiqa_train.trainer.validation import Validation

from .base import DatabaseSource, scores_whole_images, stage_seed
from .database import ScoredImage, batch_of, epoch_order


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a patch is cut, px, and how it is turned: `turns` quarters, then mirrored or not."""

    image: ScoredImage
    x: int
    y: int
    turns: int = 0
    flip: bool = False

    def turned(self, piece: np.ndarray) -> np.ndarray:
        piece = np.rot90(piece, self.turns)
        return piece[:, ::-1] if self.flip else piece


class CachedFeaturePatches:
    """A `PatchSource` of patches at random places. views: by decoded file; none where R sees none."""

    def __init__(
        self,
        images: Sequence[ScoredImage],
        patch: int,
        seed: int,
        views: Mapping[Path, ImageFeatures],
        *,
        with_references: bool,
    ) -> None:
        self.images = [image for image in images if image.reference is not None or not with_references]
        self.patch, self.seed, self.views, self.with_references = patch, seed, views, with_references

    @property
    def epoch_length(self) -> int:
        return len(self.images)

    def place(self, number: int) -> Place:
        turn, position = divmod(number, len(self.images))
        image = self.images[epoch_order(len(self.images), self.seed, turn)[position]]
        random = np.random.default_rng([self.seed, number])
        y, x = (
            CELL * int(random.integers(max(0, side - self.patch) // CELL + 1))
            for side in open_array(image.file).shape[:2]
        )
        return Place(image, x, y, int(random.integers(4)), bool(random.random() < 0.5))

    def draw(self, numbers: range) -> Batch:
        places = [self.place(number) for number in numbers]
        rows = []
        for place in places:
            reference = place.image.reference if self.with_references else None
            wanted = None if reference is None else self._cut(place, reference)
            rows.append((place.image, self._cut(place, place.image.file), wanted))
        return dataclasses.replace(batch_of(rows, self.with_references), cached_inputs=self._shown(places))

    def _cut(self, place: Place, file: Path) -> np.ndarray:
        return place.turned(cut_tile(open_array(file), place.x, place.y, self.patch))

    def _shown(self, places: Sequence[Place]) -> RegressorInputs | None:
        if not self.views:
            return None
        maps, features = [], []
        for place in places:
            discrepancy, semantic = self.views[place.image.file].cut(place.x, place.y, self.patch)
            maps.append(place.turned(discrepancy))
            features.append(place.turned(semantic))
        return RegressorInputs(stack_images(maps), stack_images(features))


class CachedFeatureFixedPatches(CachedFeaturePatches):
    """A `PatchSource` for validation: `count` patches of each image, spread over it, as they are."""

    def __init__(
        self,
        images: Sequence[ScoredImage],
        patch: int,
        count: int,
        views: Mapping[Path, ImageFeatures],
        *,
        with_references: bool,
    ) -> None:
        super().__init__(images, patch, 0, views, with_references=with_references)
        self.count = count

    @property
    def epoch_length(self) -> int:
        return len(self.images) * self.count

    def place(self, number: int) -> Place:
        image, which = self.images[number // self.count], number % self.count
        height, width = open_array(image.file).shape[:2]
        share = (which + 0.5) / self.count  # along the diagonals in turn, as FixedPatches
        y = round(max(0, height - self.patch) // CELL * share) * CELL
        x = round(max(0, width - self.patch) // CELL * (share if which % 2 == 0 else 1 - share)) * CELL
        return Place(image, x, y)


class CachedFeatureSource(DatabaseSource):
    """Databases whose images a frozen G has seen whole. All stages see the same patches, whatever R is shown of them.

    Only regressor stages can be trained on it: the others change G.
    """

    def __init__(
        self,
        parts: Sequence[DatabaseSplit],
        watch: RunSettings,
        seed: int,
        cache: Path,
        advance: Callable[[], None],
        views: FeatureCache,
    ) -> None:
        super().__init__(parts, watch, seed, cache, advance)
        self.all_views = views
        self.views: dict[Path, ImageFeatures] = {}

    def _seen(self, stage: Stage) -> Mapping[Path, ImageFeatures]:
        """What the stage's R is shown; worked out when it is first asked for."""
        if not isinstance(stage, RegressorStage):
            raise UsageError(
                f"a stage of the kind {stage.kind} changes G, whose views of whole images are kept",
                "leave it out of the recipe, or give no --whole-views",
            )
        if not stage.fusion and stage.sees != "hallucination":
            return {}
        if not self.views:
            for image in (*self.training, *self.validating):
                self.views[image.file] = self.all_views.of(image.file)
                self.advance()
        return self.views

    def training_patches(self, name: str, stage: Stage, *, with_references: bool) -> PatchSource:
        seed = stage_seed(self.seed, "patches")
        if scores_whole_images(stage):
            raise UsageError(
                f"the recipe's stage {name} wants squares, which --whole-views does not cut", "leave one of them out"
            )
        return CachedFeaturePatches(
            self.training, stage.patch, seed, self._seen(stage), with_references=with_references
        )

    def validation(self, name: str, stage: Stage, machine: RunDevice, *, with_references: bool) -> Validation:
        each = self.watch.validation_patches
        views = self._seen(stage)
        source = CachedFeatureFixedPatches(self.validating, stage.patch, each, views, with_references=with_references)
        return Validation(source, source.epoch_length, each, stage.batch, machine)

    def describe(self) -> dict[str, object]:
        return {**super().describe(), "views": self.all_views.id}
