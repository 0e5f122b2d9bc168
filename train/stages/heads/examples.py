"""The images that the heads are trained on: those with human scores, and distorted versions of clean ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from hiqa_cli.engine.config import TILE
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.distortion_groups import draw_distortion_group
from hiqa_train.data.image_cache import open_array
from hiqa_train.data.patches import has_room
from hiqa_train.data.scored_images import ScoredImage
from hiqa_train.distortions import expand_shares
from hiqa_train.sources.mixed import CLEAN


@dataclass(frozen=True)
class Example:
    """An image to pass through the networks, and the facts of its row (`Rows`). pixels, reference: (H, W, 3) uint8."""

    pixels: np.ndarray
    reference: np.ndarray | None
    human: float
    source: int
    subset: str
    group: int
    validates: bool
    scene: str


Draw = Callable[[], list[Example]]  # reads or distorts images only when it is called


def of_database(images: Sequence[ScoredImage], *, validates: bool, first_group: int) -> list[Draw]:
    """One draw for each image of the databases."""

    def draw(image: ScoredImage, group: int) -> list[Example]:
        reference = None if image.reference is None else open_array(image.reference)
        pixels = open_array(image.file)
        source = image.database + 1
        return [Example(pixels, reference, image.quality, source, image.subset, group, validates, image.scene)]

    return [partial(draw, image, first_group + number) for number, image in enumerate(images)]


@dataclass(frozen=True)
class GroupSettings:
    """How distortion groups are drawn.

    patches: side of the versions of each group, px, used in turn. ladder_share: of the groups, those that are ladders.
    shares: of each kind of distortion. seed: of the draws.
    """

    patches: Sequence[int]
    ladder_share: float
    shares: Mapping[str, float]
    seed: int


def of_clean_images(
    images: Sequence[CleanImage], groups: int, settings: GroupSettings, *, validates: bool, first_group: int
) -> list[Draw]:
    """`groups` draws for each clean image: each the versions of a distortion group, and their reference."""

    def draw(image: CleanImage, number: int) -> list[Example]:
        return versions_of(image, settings, number, CLEAN, first_group + number, validates=validates)

    return [partial(draw, image, place * groups + turn) for place, image in enumerate(images) for turn in range(groups)]


def of_photographs(
    images: Sequence[ScoredImage], settings: GroupSettings, *, validates: bool, first_group: int
) -> list[Draw]:
    """One draw for each photograph that is large enough: a distortion group. The full-reference quality of a version
    says nothing about the photograph itself, but orders its versions."""
    large = [image for image in images if has_room(open_array(image.file), TILE)]

    def draw(image: ScoredImage, number: int) -> list[Example]:
        photograph = CleanImage(image.scene, open_array(image.file))
        source, group = image.database + 1, first_group + number
        return versions_of(photograph, settings, number, source, group, validates=validates)

    return [partial(draw, image, number) for number, image in enumerate(large)]


def versions_of(
    image: CleanImage, settings: GroupSettings, number: int, source: int, group: int, *, validates: bool
) -> list[Example]:
    """The versions of distortion group `number` of an image, and their reference as one more version.

    Their side is that of the settings, where the image is large enough, else TILE.
    """
    shares = expand_shares(settings.shares)
    patch = settings.patches[number % len(settings.patches)]
    patch = patch if has_room(image.pixels, patch) else TILE
    drawn = draw_distortion_group([image], patch, shares, settings.ladder_share, settings.seed, number)
    versions = zip([*drawn.versions, drawn.reference], [*drawn.kinds, "clean"], strict=True)
    return [
        Example(version, drawn.reference, np.nan, source, kind, group, validates, image.name)
        for version, kind in versions
    ]
