"""Squares of whole pictures, cut and judged as mode "fast" scores them: what people say, they say of a picture.

A square is up to two patches wide and high. Four patches lie side by side in it, the last of a row flush with its
border, and R2 is asked about windows a half patch apart, most of which straddle them (hiqa_cli/engine/windows.py); the
mean over the windows is the picture's score. A patch at a random place never shows R what is pooled across a border.
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
from .sources.database import ScoredImage, batch_of, epoch_order

TILES = 4  # of a square
Row = tuple[
    ScoredImage, np.ndarray, np.ndarray | None
]  # an image, a patch or a square of it, the same of its reference
SMALLEST = 1.5  # patches, the side of a square where the picture is that large


def tile_positions(width: int, height: int, patch: int) -> list[tuple[int, int]]:
    """x, y of the four patches of a square. A side no larger than a patch has but one: it is there twice."""
    across, down = (tile_starts(side, patch, patch) for side in (width, height))
    return [(x, y) for y in (down[0], down[-1]) for x in (across[0], across[-1])]


class QuadTiles:
    """What a `Source` of squares has: its images, of those with a reference alone where these are wanted."""

    def __init__(self, images: Sequence[ScoredImage], patch: int, *, with_references: bool) -> None:
        self.images = [image for image in images if image.reference is not None or not with_references]
        self.patch, self.with_references = patch, with_references

    @property
    def epoch_length(self) -> int:
        return len(self.images) * TILES


class WholeImagePatches(QuadTiles):
    """A `Source` of the images: patch n is the one of number n % 4 of square n // 4, which lies at a random place,
    turned and flipped."""

    def __init__(self, images: Sequence[ScoredImage], patch: int, seed: int, *, with_references: bool) -> None:
        super().__init__(images, patch, with_references=with_references)
        self.seed = seed

    def draw(self, numbers: range) -> Batch:
        rows: list[Row] = []
        places = []
        for square in range(numbers.start // TILES, -(-numbers.stop // TILES)):
            image, distorted, reference = self._square(square)
            height, width = distorted.shape[:2]
            for number, (x, y) in enumerate(tile_positions(width, height, self.patch), square * TILES):
                if number in numbers:
                    wanted = None if reference is None else cut_tile(reference, x, y, self.patch)
                    rows.append((image, cut_tile(distorted, x, y, self.patch), wanted))
                    places.append((number % TILES, x, y))
        return batch_with_positions(rows, places, self.with_references)

    def _square(self, number: int) -> Row:
        turn, place = divmod(number, len(self.images))
        image = self.images[epoch_order(len(self.images), self.seed, turn)[place]]
        random = np.random.default_rng([self.seed, number])
        there = open_array(image.file).shape[:2]
        least = round(SMALLEST * self.patch)
        sides = [min(side, int(random.integers(least, 2 * self.patch + 1))) for side in there]
        y, x = (int(random.integers(side - taken + 1)) for side, taken in zip(there, sides, strict=True))
        turns, flip = int(random.integers(4)), bool(random.random() < 0.5)

        def cut(pixels: np.ndarray) -> np.ndarray:
            piece = np.rot90(pixels[y : y + sides[0], x : x + sides[1]], turns)
            return piece[:, ::-1] if flip else piece

        reference = image.reference if self.with_references else None
        return image, cut(open_array(image.file)), None if reference is None else cut(open_array(reference))


class FixedWholeImages(QuadTiles):
    """A `Source` for validation: the middle square of each image, as it is, four patches each."""

    def draw(self, numbers: range) -> Batch:
        rows: list[Row] = []
        places = []
        for number in numbers:
            image = self.images[number // TILES]
            there = open_array(image.file).shape[:2]
            height, width = (min(side, 2 * self.patch) for side in there)
            top, left = (there[0] - height) // 2, (there[1] - width) // 2
            x, y = tile_positions(width, height, self.patch)[number % TILES]
            reference = image.reference if self.with_references else None
            at = (left + x, top + y, self.patch)
            wanted = None if reference is None else cut_tile(open_array(reference), *at)
            rows.append((image, cut_tile(open_array(image.file), *at), wanted))
            places.append((number % TILES, x, y))
        return batch_with_positions(rows, places, self.with_references)


def batch_with_positions(rows: Sequence[Row], places: list[tuple[int, int, int]], with_references: bool) -> Batch:
    """The patches as a batch that knows where in its square each lies."""
    return dataclasses.replace(batch_of(rows, with_references), position=torch.tensor(places))


class ImageScore(NamedTuple):
    """What R says of the pictures of a batch: score (P,), 0..1; first (P,), the first patch of each."""

    score: Tensor
    first: Tensor


def score_images(regressor: Regressor, features: Tensor, semantic: Tensor | None, batch: Batch) -> ImageScore:
    """R2 on a batch's last features (B, C, h, w), in float32 whatever they were worked out in, as the scorer has it:
    a word on each patch, or, where they are of squares, on each square."""
    with torch.autocast(features.device.type, enabled=False):
        features, semantic = features.float(), None if semantic is None else semantic.float()
        if batch.position is None:
            return ImageScore(regressor.score(features, semantic), torch.arange(len(features), device=features.device))
        joined = regressor.joined(features, semantic)
        places = batch.position.tolist()
        first = [number for number, place in enumerate(places) if place[0] == 0]
        pooled, counts = [], []
        for start, end in zip(first, [*first[1:], len(places)], strict=True):
            square = tuple((x, y) for _, x, y in places[start:end])
            weights = torch.from_numpy(window_weights(square, batch.distorted.shape[-1], joined.shape[-1]))
            pooled.append(torch.einsum("wnyx,ncyx->wc", weights.to(joined.device), joined[start:end]))
            counts.append(len(weights))
        scores = regressor.predict_pooled(torch.cat(pooled))[:, 0].split(counts)
        return ImageScore(torch.stack([one.mean() for one in scores]), torch.tensor(first, device=features.device))


@lru_cache(maxsize=64)
def window_weights(square: tuple[tuple[int, int], ...], patch: int, cells: int) -> np.ndarray:
    """Of patches at such places, x, y: (windows, patches, cells, cells) float32, what each cell counts in each window;
    nothing where another patch lies at the same place before it."""
    sides = []
    for axis in range(2):
        tiles = tuple(sorted({place[axis] for place in square}))
        windows = tile_starts(tiles[-1] + patch, patch // 2, patch)
        sides.append((tiles, [side_weights(window, tiles, cells, patch) for window in windows]))
    (xs, across), (ys, down) = sides
    nothing = np.zeros(cells, np.float32)
    weights = np.zeros((len(down) * len(across), len(square), cells, cells), np.float32)
    for number, (x, y) in enumerate(square):
        if (x, y) not in square[:number]:
            for window, (row, column) in enumerate(product(down, across)):
                weights[window, number] = np.outer(row.get(ys.index(y), nothing), column.get(xs.index(x), nothing))
    return weights
