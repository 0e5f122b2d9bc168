"""Rows: what the networks and the measures say of images with known faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.backends.backend import Backend
from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.pipeline.reasons.measures import measures
from hiqa_cli.engine.pipeline.reasons.names import WORDS
from hiqa_cli.engine.pipeline.statistics import image_statistics, pooled
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.patches import ON_GRID_SHARE
from hiqa_train.stages.stored_rows import StoredRows

from .chains import FaultyImage, Version, draw_chain
from .faults import FITTED

PIECE = 448  # px a side of what is cut from an image that is larger: four tiles
GRID = 8  # px: JPEG's blocks
CLEAN_SHARE = 0.35  # of the draws, those that give the clean piece, too
UNFAULTED = (float("nan"),) * len(WORDS)


@dataclass(frozen=True)
class FaultRows(StoredRows):
    """Rows of n images.

    statistics, whole, measures: (n, N), (n, M), (n, MEASURES) float32. points: (n, words) float32, what leaving each
    fault out would give; NaN where the image does not have it. validates: (n,) whether the row is kept out of the fit.
    scene: (n,) names. draw: (n,) the number of the draw.
    """

    statistics: np.ndarray
    whole: np.ndarray
    measures: np.ndarray
    points: np.ndarray
    validates: np.ndarray
    scene: np.ndarray
    draw: np.ndarray

    def __len__(self) -> int:
        return len(self.draw)


@dataclass(frozen=True)
class FaultDraw:
    """Draw `number` of a seed, of one clean image. whole: the clean image itself, at its full size, without a fault."""

    image: CleanImage
    seed: int
    number: int
    validates: bool
    whole: bool

    def versions(self) -> list[Version]:
        """The image with a chain of faults; of two or more, also with one left out; sometimes without any."""
        if self.whole:
            return [Version(self.image.pixels, UNFAULTED)]
        random = np.random.default_rng([self.seed, self.number])
        faulty = FaultyImage(cut_piece(self.image.pixels, random), draw_chain(FITTED, [self.seed, self.number, 1]))
        versions = [faulty.version(faulty.words)]
        if len(faulty.words) > 1:
            left_out = faulty.words[int(random.integers(len(faulty.words)))]
            versions.append(faulty.version(tuple(word for word in faulty.words if word != left_out)))
        if random.random() < CLEAN_SHARE:
            versions.append(faulty.version(()))
        return versions


def cut_piece(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A piece of PIECE px, or of TILE px of an image that is smaller, at a random place, flipped or not."""
    side = PIECE if min(pixels.shape[:2]) >= PIECE else TILE
    y, x = (int(random.integers(length - side + 1)) for length in pixels.shape[:2])
    if random.random() < ON_GRID_SHARE:
        y, x = y - y % GRID, x - x % GRID
    piece = pixels[y : y + side, x : x + side]
    return np.ascontiguousarray(piece[:, ::-1] if random.random() < 0.5 else piece)


def draws_of(
    training: Sequence[CleanImage], validating: Sequence[CleanImage], turns: int, seed: int
) -> list[FaultDraw]:
    """Every image whole, then `turns` draws of each. The images take turns, so that fewer turns are the beginning of
    more."""
    images = [(image, False) for image in training] + [(image, True) for image in validating]
    return [
        FaultDraw(image, seed, turn * len(images) + place, validates, turn == 0)
        for turn in range(turns + 1)
        for place, (image, validates) in enumerate(images)
    ]


def rows_of(draws: Sequence[FaultDraw], backend: Backend) -> FaultRows:
    """Pass the versions of some draws through the networks."""
    found = [(draw, version) for draw in draws for version in draw.versions()]
    seen = [image_statistics(backend, version.pixels) for _, version in found]
    return FaultRows(
        statistics=np.concatenate([pooled(one.tiles, one.weights) for one in seen]),
        whole=np.concatenate([one.whole for one in seen]),
        measures=np.stack([measures(version.pixels) for _, version in found]),
        points=np.array([version.points for _, version in found], np.float32),
        validates=np.array([draw.validates for draw, _ in found]),
        scene=np.array([draw.image.name for draw, _ in found]),
        draw=np.array([draw.number for draw, _ in found]),
    )
