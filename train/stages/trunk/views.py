"""Inputs of the trunk stage: two views of each image, a tile and the reduced whole, cut as in scoring."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.tiling.grid import cut_tile, plan_tiles
from hiqa_cli.engine.tiling.whole import whole_tiles
from hiqa_train.data.batch import Batch, stack_images
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.distortion_groups import GROUP, draw_distortion_group
from hiqa_train.data.image_cache import open_array
from hiqa_train.data.mdsi import mdsi_quality
from hiqa_train.data.patches import has_room, to_tensor
from hiqa_train.data.scored_images import ScoredImage, epoch_order
from hiqa_train.distortions import expand_shares
from hiqa_train.recipes.stages import TrunkStage
from hiqa_train.sources.mixed import CLEAN

VIEWS = 2  # of each image, one after the other in a batch: a tile, then a tile of the reduced whole
VERSIONS = GROUP + 1  # of a group: the reference is one, too


class TrunkViews:
    """A `PatchSource` that alternates `stage.photographs` photographs with the versions of one distortion group. A
    batch has VIEWS patches of each image.

    Its `quality` is that of human scores for photographs, and that of MDSI for versions, both 0..1; its `group` is the
    number of the subset for photographs, and that of the distortion group for versions.
    """

    def __init__(
        self, photographs: Sequence[ScoredImage], clean: Sequence[CleanImage], stage: TrunkStage, seed: int
    ) -> None:
        """photographs: those without references; may be empty."""
        self.photographs, self.clean, self.stage, self.seed = list(photographs), list(clean), stage, seed
        self.large = [image for image in photographs if has_room(open_array(image.file), TILE)]
        self.shares = expand_shares(stage.shares)
        names = sorted({(image.database, image.subset) for image in photographs})
        self.subsets = {name: number for number, name in enumerate(names)}
        self.photographs_each = stage.photographs if self.photographs else 0

    @property
    def cycle(self) -> int:
        """Images after which the order of photographs and versions repeats."""
        return self.photographs_each + VERSIONS

    @property
    def epoch_length(self) -> int:
        used, each = (self.photographs, self.photographs_each) if self.photographs else (self.clean, 1)
        return len(used) * self.cycle // each

    def draw(self, numbers: range) -> Batch:
        views: list[np.ndarray] = []
        quality: list[float] = []
        database: list[int] = []
        group: list[int] = []
        files: list[str] = []
        drawn: tuple[int, list[np.ndarray], list[float], str] | None = None
        for number in numbers:
            cycle, place = divmod(number, self.cycle)
            random = np.random.default_rng([self.seed, number])
            if place < self.photographs_each:
                image = self._photograph(cycle * self.photographs_each + place)
                views += two_views(open_array(image.file), random)
                quality.append(image.quality)
                database.append(image.database + 1)
                group.append(self.subsets[image.database, image.subset])
                files.append(image.name)
                continue
            if drawn is None or drawn[0] != cycle:
                drawn = cycle, *self._group(cycle)
            version = place - self.photographs_each
            views += two_views(drawn[1][version], random)
            quality.append(drawn[2][version])
            database.append(CLEAN)
            group.append(cycle)
            files.append(drawn[3])
        return Batch(
            distorted=stack_images(views),
            reference=None,
            quality=torch.tensor(quality, dtype=torch.float32).repeat_interleave(VIEWS),
            database=torch.tensor(database).repeat_interleave(VIEWS),
            group=torch.tensor(group).repeat_interleave(VIEWS),
            files=tuple(name for name in files for _ in range(VIEWS)),
        )

    def _photograph(self, number: int) -> ScoredImage:
        epoch, index = divmod(number, len(self.photographs))
        return self.photographs[epoch_order(len(self.photographs), self.seed, epoch)[index]]

    def _group(self, number: int) -> tuple[list[np.ndarray], list[float], str]:
        """The versions of a group, their qualities, and the name of their image."""
        random = np.random.default_rng([self.seed, number, 1])
        if self.large and random.random() < self.stage.photograph_share:
            chosen = self.large[int(random.integers(len(self.large)))]
            image = CleanImage(chosen.name, open_array(chosen.file))
        else:
            image = self.clean[int(random.integers(len(self.clean)))]
        patch = self.stage.patch if has_room(image.pixels, self.stage.patch) else TILE
        drawn = draw_distortion_group([image], patch, self.shares, self.stage.ladder_share, self.seed, number)
        versions = [*drawn.versions, drawn.reference]
        reference = to_tensor([drawn.reference])
        return versions, [float(mdsi_quality(to_tensor([one]), reference)) for one in versions], image.name


def two_views(pixels: np.ndarray, random: np.random.Generator) -> list[np.ndarray]:
    """A random tile of an image (H, W, 3) and one of the reduced image, (TILE, TILE, 3) each, both flipped with a
    probability of 0.5."""
    height, width = pixels.shape[:2]
    places = list(plan_tiles(width, height, TILE).places())
    whole = whole_tiles(pixels)
    views = [cut_tile(pixels, *places[int(random.integers(len(places)))]), whole[int(random.integers(len(whole)))]]
    return [view[:, ::-1] for view in views] if random.random() < 0.5 else views
