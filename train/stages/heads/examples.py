"""What the heads are trained on: images with human scores, and groups of versions of clean images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.distortion_groups import draw_distortion_group
from hiqa_train.data.image_cache import open_array
from hiqa_train.data.patches import MARGIN
from hiqa_train.data.scored_images import ScoredImage
from hiqa_train.distortions import expand_shares
from hiqa_train.recipes.stages import HeadsStage

from .rows import CLEAN

SMALLEST_PATCH = 256  # px: a tile; versions of a clean image that is too small for the recipe's patch


@dataclass(frozen=True)
class Example:
    """An image to run through the networks, and what its row says of it (`Rows`)."""

    pixels: np.ndarray
    reference: np.ndarray | None
    human: float
    source: int
    subset: str
    group: int
    validates: bool
    scene: str


Draw = Callable[[], list[Example]]  # reads or makes the images, when their turn has come


def of_database(images: Sequence[ScoredImage], *, validates: bool, first_group: int) -> list[Draw]:
    """One draw an image."""

    def draw(image: ScoredImage, group: int) -> list[Example]:
        reference = None if image.reference is None else open_array(image.reference)
        pixels = open_array(image.file)
        source = image.database + 1
        return [Example(pixels, reference, image.quality, source, image.subset, group, validates, image.scene)]

    return [
        lambda image=image, group=first_group + number: draw(image, group)  # type: ignore[misc]
        for number, image in enumerate(images)
    ]


def of_clean_images(
    images: Sequence[CleanImage], stage: HeadsStage, seed: int, *, validates: bool, first_group: int
) -> list[Draw]:
    """`stage.groups` draws an image: a distortion group each, and its reference as one more version."""

    def draw(image: CleanImage, number: int) -> list[Example]:
        return versions_of(image, stage, seed, number, CLEAN, first_group + number, validates=validates)

    return [
        lambda image=image, number=place * stage.groups + turn: draw(image, number)  # type: ignore[misc]
        for place, image in enumerate(images)
        for turn in range(stage.groups)
    ]


def of_photographs(
    images: Sequence[ScoredImage], stage: HeadsStage, seed: int, *, validates: bool, first_group: int
) -> list[Draw]:
    """One group of each photograph that is large enough: its own quality is not known, the order of its versions is."""
    large = [image for image in images if min(open_array(image.file).shape[:2]) >= SMALLEST_PATCH + MARGIN]

    def draw(image: ScoredImage, number: int) -> list[Example]:
        photograph = CleanImage(image.scene, open_array(image.file))
        source, group = image.database + 1, first_group + number
        return versions_of(photograph, stage, seed, number, source, group, validates=validates)

    return [
        lambda image=image, number=number: draw(image, number)  # type: ignore[misc]
        for number, image in enumerate(large)
    ]


def versions_of(
    image: CleanImage, stage: HeadsStage, seed: int, number: int, source: int, group: int, *, validates: bool
) -> list[Example]:
    """The versions of distortion group `number` of an image, and their reference."""
    shares = expand_shares(stage.shares)
    patch = patch_of(image, stage.patches[number % len(stage.patches)])
    drawn = draw_distortion_group([image], patch, shares, stage.ladder_share, seed, number)
    versions = zip([*drawn.versions, drawn.reference], [*drawn.kinds, "clean"], strict=True)
    return [
        Example(version, drawn.reference, np.nan, source, kind, group, validates, image.name)
        for version, kind in versions
    ]


def patch_of(image: CleanImage, wanted: int) -> int:
    """The side of versions of a clean image in px: the recipe's, where the image is large enough."""
    return wanted if min(image.pixels.shape[:2]) >= wanted + MARGIN else SMALLEST_PATCH
