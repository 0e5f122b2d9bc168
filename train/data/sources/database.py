"""Patches of databases: at random places of the images that people scored, turned and flipped, each with its score.

Patch n is a pure function of the seed and n: an epoch goes through all images in an order of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from hiqa_cli.engine.tiling.grid import cut_tile
from hiqa_cli.errors import DatasetError
from hiqa_train.data.batch import Batch, stack_images
from hiqa_train.data.image_cache import decode_images, open_array
from hiqa_train.datasets.sample import Sample


@dataclass(frozen=True)
class ScoredImage:
    """One image to cut patches from: its decoded file and its reference's, its score, which database it is of."""

    name: str
    file: Path
    reference: Path | None
    quality: float
    database: int
    scene: str


def open_samples(
    samples: Sequence[tuple[int, Sample]], cache: Path, advance: Callable[[], None]
) -> tuple[ScoredImage, ...]:
    """(number of the database, sample) -> decoded. DatasetError for an image that is unreadable, or not of its
    reference's size."""
    paths = [sample.path for _, sample in samples] + [s.reference for _, s in samples if s.reference is not None]
    files = decode_images(paths, cache, advance)
    found = []
    for database, sample in samples:
        reference = files[sample.reference] if sample.reference is not None else None
        if reference is not None and open_array(files[sample.path]).shape != open_array(reference).shape:
            sizes = [f"{p.shape[1]}x{p.shape[0]}" for p in (open_array(files[sample.path]), open_array(reference))]
            raise DatasetError(
                f"{sample.path} is {sizes[0]}, its reference {sample.reference} {sizes[1]}", "a pair has one size"
            )
        found.append(
            ScoredImage(str(sample.path), files[sample.path], reference, sample.quality, database, sample.scene)
        )
    return tuple(found)


class DatabasePatches:
    """A `Source` of the images. with_references: only those that have one; batches then hold both."""

    def __init__(self, images: Sequence[ScoredImage], patch: int, seed: int, *, with_references: bool) -> None:
        self.images = [image for image in images if image.reference is not None or not with_references]
        self.patch, self.seed, self.with_references = patch, seed, with_references

    @property
    def epoch_length(self) -> int:
        return len(self.images)

    def draw(self, numbers: range) -> Batch:
        cut = [self._patch(number) for number in numbers]
        return batch_of([(image, distorted, reference) for image, distorted, reference in cut], self.with_references)

    def _patch(self, number: int) -> tuple[ScoredImage, np.ndarray, np.ndarray | None]:
        turn, place = divmod(number, len(self.images))
        image = self.images[epoch_order(len(self.images), self.seed, turn)[place]]
        random = np.random.default_rng([self.seed, number])
        pixels = open_array(image.file)
        y, x = (int(random.integers(max(1, side - self.patch + 1))) for side in pixels.shape[:2])
        turns, flip = int(random.integers(4)), bool(random.random() < 0.5)

        def cut(file: Path) -> np.ndarray:
            piece = np.rot90(cut_tile(open_array(file), x, y, self.patch), turns)
            return piece[:, ::-1] if flip else piece

        has = self.with_references and image.reference is not None
        return image, cut(image.file), cut(image.reference) if has and image.reference else None


class FixedPatches:
    """A `Source` for validation: `count` patches of each image, spread over it, as they are."""

    def __init__(self, images: Sequence[ScoredImage], patch: int, count: int, *, with_references: bool) -> None:
        self.images = [image for image in images if image.reference is not None or not with_references]
        self.patch, self.count, self.with_references = patch, count, with_references

    @property
    def epoch_length(self) -> int:
        return len(self.images) * self.count

    def draw(self, numbers: range) -> Batch:
        rows = []
        for number in numbers:
            image, place = self.images[number // self.count], number % self.count
            height, width = open_array(image.file).shape[:2]
            # along the diagonals in turn, from corner to corner: every part of the image is seen
            share = (place + 0.5) / self.count
            y = round(max(0, height - self.patch) * share)
            x = round(max(0, width - self.patch) * (share if place % 2 == 0 else 1 - share))
            has = self.with_references and image.reference is not None
            reference = cut_tile(open_array(image.reference), x, y, self.patch) if has and image.reference else None
            rows.append((image, cut_tile(open_array(image.file), x, y, self.patch), reference))
        return batch_of(rows, self.with_references)


@lru_cache(maxsize=4)
def epoch_order(count: int, seed: int, turn: int) -> np.ndarray:
    """The order of the images in epoch number `turn`."""
    return np.random.default_rng([seed, turn, count]).permutation(count)


def batch_of(rows: Sequence[tuple[ScoredImage, np.ndarray, np.ndarray | None]], with_references: bool) -> Batch:
    """Patches as a batch; those of one database are ranked among one another."""
    references = [reference for _, _, reference in rows if reference is not None]
    database = torch.tensor([image.database for image, _, _ in rows])
    return Batch(
        distorted=stack_images([distorted for _, distorted, _ in rows]),
        reference=stack_images(references) if with_references else None,
        quality=torch.tensor([image.quality for image, _, _ in rows], dtype=torch.float32),
        database=database,
        group=database,
        files=tuple(image.name for image, _, _ in rows),
    )
