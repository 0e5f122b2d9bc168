"""Images with human scores, decoded into the image cache, and batches of patches cut from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.sample import Sample

from .batch import Batch, stack_images
from .image_cache import decode_images, open_array


@dataclass(frozen=True)
class ScoredImage:
    """One image to cut patches from.

    file, reference: cached arrays of the image and of its reference. quality: on the scale of database number
    `database`, 0 bad to 1 good.
    """

    name: str
    file: Path
    reference: Path | None
    quality: float
    database: int
    scene: str
    subset: str = ""


# an image, a patch of it, and the same patch of its reference
ScoredPatch = tuple[ScoredImage, np.ndarray, np.ndarray | None]


def open_samples(
    samples: Sequence[tuple[int, Sample]], cache: Path, advance: Callable[[], None]
) -> tuple[ScoredImage, ...]:
    """Decode pairs of (number of the database, sample); calls `advance` after each file.

    Raises DatasetError for an image that cannot be read, or that differs in size from its reference.
    """
    paths = [sample.path for _, sample in samples] + [s.reference for _, s in samples if s.reference is not None]
    files = decode_images(paths, cache, advance)
    images = []
    for database, sample in samples:
        reference = files[sample.reference] if sample.reference is not None else None
        if reference is not None and open_array(files[sample.path]).shape != open_array(reference).shape:
            sizes = [f"{p.shape[1]}x{p.shape[0]}" for p in (open_array(files[sample.path]), open_array(reference))]
            raise DatasetError(
                f"{sample.path} is {sizes[0]}, its reference {sample.reference} is {sizes[1]}",
                "both must have the same size",
            )
        images.append(
            ScoredImage(
                str(sample.path), files[sample.path], reference, sample.quality, database, sample.scene, sample.subset
            )
        )
    return tuple(images)


def with_reference(images: Sequence[ScoredImage], required: bool) -> list[ScoredImage]:
    """The images that have a reference, or all where none is required."""
    return [image for image in images if image.reference is not None or not required]


@lru_cache(maxsize=4)
def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of `count` images in an epoch."""
    return np.random.default_rng([seed, epoch, count]).permutation(count)


def batch_of_patches(patches: Sequence[ScoredPatch], with_references: bool) -> Batch:
    """Patches as a batch; those of one database are ranked among one another."""
    references = [reference for _, _, reference in patches if reference is not None]
    database = torch.tensor([image.database for image, _, _ in patches])
    return Batch(
        distorted=stack_images([distorted for _, distorted, _ in patches]),
        reference=stack_images(references) if with_references else None,
        quality=torch.tensor([image.quality for image, _, _ in patches], dtype=torch.float32),
        database=database,
        group=database,
        files=tuple(image.name for image, _, _ in patches),
    )
