"""Squares of whole images, cut and scored as mode "fast" does, because human scores belong to whole images.

A square is up to two patches wide and high. It has four patches side by side, the last of a row flush with the border,
and R2 scores windows half a patch apart, most of which straddle patches (hiqa_cli/engine/tiling/windows.py); the mean
over the windows is the score. Single patches never show R features pooled across a border.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hiqa_cli.engine.tiling.grid import cut_tile, tile_starts
from hiqa_cli.engine.tiling.windows import side_weights
from hiqa_cli.networks.regressor import Regressor

from .batch import Batch
from .image_cache import open_array
from .scored_images import ScoredImage, ScoredPatch, batch_of_patches, epoch_order, with_reference

TILES = 4  # patches of a square
MIN_SIDE = 1.5  # of a square, in patches, where the image is that large


def tile_positions(width: int, height: int, patch: int) -> list[tuple[int, int]]:
    """x, y of the four patches of a square. A side no longer than a patch has one position, listed twice."""
    across, down = (tile_starts(side, patch, patch) for side in (width, height))
    return [(x, y) for y in (down[0], down[-1]) for x in (across[0], across[-1])]


class QuadTiles:
    """What the `PatchSource`s of squares share: their images, restricted to those with a reference if required."""

    def __init__(self, images: Sequence[ScoredImage], patch: int, *, with_references: bool) -> None:
        self.images = with_reference(images, required=with_references)
        self.patch, self.with_references = patch, with_references

    @property
    def epoch_length(self) -> int:
        return len(self.images) * TILES


class WholeImagePatches(QuadTiles):
    """A `PatchSource` of random squares: patch n is number n % 4 of square n // 4, rotated and flipped at random."""

    def __init__(self, images: Sequence[ScoredImage], patch: int, seed: int, *, with_references: bool) -> None:
        super().__init__(images, patch, with_references=with_references)
        self.seed = seed

    def draw(self, numbers: range) -> Batch:
        patches: list[ScoredPatch] = []
        positions = []
        for square in range(numbers.start // TILES, -(-numbers.stop // TILES)):
            image, distorted, reference = self._square(square)
            height, width = distorted.shape[:2]
            for number, (x, y) in enumerate(tile_positions(width, height, self.patch), square * TILES):
                if number in numbers:
                    reference_patch = None if reference is None else cut_tile(reference, x, y, self.patch)
                    patches.append((image, cut_tile(distorted, x, y, self.patch), reference_patch))
                    positions.append((number % TILES, x, y))
        return batch_with_positions(patches, positions, self.with_references)

    def _square(self, number: int) -> ScoredPatch:
        epoch, index = divmod(number, len(self.images))
        image = self.images[epoch_order(len(self.images), self.seed, epoch)[index]]
        random = np.random.default_rng([self.seed, number])
        size = open_array(image.file).shape[:2]
        min_side = round(MIN_SIDE * self.patch)
        sides = [min(side, int(random.integers(min_side, 2 * self.patch + 1))) for side in size]
        y, x = (int(random.integers(available - side + 1)) for available, side in zip(size, sides, strict=True))
        turns, flip = int(random.integers(4)), bool(random.random() < 0.5)

        def cut(pixels: np.ndarray) -> np.ndarray:
            piece = np.rot90(pixels[y : y + sides[0], x : x + sides[1]], turns)
            return piece[:, ::-1] if flip else piece

        reference = image.reference if self.with_references else None
        return image, cut(open_array(image.file)), None if reference is None else cut(open_array(reference))


class FixedWholeImages(QuadTiles):
    """A `PatchSource` for validation: the four patches of the central square of each image, unchanged."""

    def draw(self, numbers: range) -> Batch:
        patches: list[ScoredPatch] = []
        positions = []
        for number in numbers:
            image = self.images[number // TILES]
            size = open_array(image.file).shape[:2]
            height, width = (min(side, 2 * self.patch) for side in size)
            top, left = (size[0] - height) // 2, (size[1] - width) // 2
            x, y = tile_positions(width, height, self.patch)[number % TILES]
            reference = image.reference if self.with_references else None
            square = (left + x, top + y, self.patch)
            reference_patch = None if reference is None else cut_tile(open_array(reference), *square)
            patches.append((image, cut_tile(open_array(image.file), *square), reference_patch))
            positions.append((number % TILES, x, y))
        return batch_with_positions(patches, positions, self.with_references)


def batch_with_positions(
    patches: Sequence[ScoredPatch], positions: list[tuple[int, int, int]], with_references: bool
) -> Batch:
    """The patches as a batch with their positions (number, x, y) within their squares."""
    return dataclasses.replace(batch_of_patches(patches, with_references), position=torch.tensor(positions))


class ImageScore(NamedTuple):
    """Scores of the images of a batch. score: (P,) in 0..1; first: (P,), the index of each image's first patch."""

    score: Tensor
    first: Tensor


def score_images(regressor: Regressor, features: Tensor, semantic: Tensor | None, batch: Batch) -> ImageScore:
    """R2 on the last features (B, C, h, w) of a batch: one score a patch, or, for squares, one score a square.

    Computed in float32 whatever the precision of the features, as in scoring.
    """
    with torch.autocast(features.device.type, enabled=False):
        features, semantic = features.float(), None if semantic is None else semantic.float()
        if batch.position is None:
            return ImageScore(regressor.score(features, semantic), torch.arange(len(features), device=features.device))
        joined = regressor.joined(features, semantic)
        positions = batch.position.tolist()
        first = [index for index, position in enumerate(positions) if position[0] == 0]
        pooled, counts = [], []
        for start, end in zip(first, [*first[1:], len(positions)], strict=True):
            square = tuple((x, y) for _, x, y in positions[start:end])
            weights = torch.from_numpy(window_weights(square, batch.distorted.shape[-1], joined.shape[-1]))
            pooled.append(torch.einsum("wnyx,ncyx->wc", weights.to(joined.device), joined[start:end]))
            counts.append(len(weights))
        scores = regressor.predict_pooled(torch.cat(pooled))[:, 0].split(counts)
        return ImageScore(torch.stack([one.mean() for one in scores]), torch.tensor(first, device=features.device))


@lru_cache(maxsize=64)
def window_weights(square: tuple[tuple[int, int], ...], patch: int, cells: int) -> np.ndarray:
    """The weight of each feature cell in each window of a square with patches at these x, y.

    (windows, patches, cells, cells) float32; zero for a patch whose position an earlier patch has.
    """
    sides = []
    for axis in range(2):
        tiles = tuple(sorted({position[axis] for position in square}))
        windows = tile_starts(tiles[-1] + patch, patch // 2, patch)
        sides.append((tiles, [side_weights(window, tiles, cells, patch) for window in windows]))
    (xs, across), (ys, down) = sides
    zeros = np.zeros(cells, np.float32)
    weights = np.zeros((len(down) * len(across), len(square), cells, cells), np.float32)
    for number, (x, y) in enumerate(square):
        if (x, y) not in square[:number]:
            for window, (row, column) in enumerate(product(down, across)):
                weights[window, number] = np.outer(row.get(ys.index(y), zeros), column.get(xs.index(x), zeros))
    return weights
