"""How far off a score is: pictures whose trained-for score is known, and whether the stated half-width holds on them.

The truth here is the score that the weights were trained for: the mean over the same tiles of the tiles' quality
by full-reference measure (`labels`), or what people said, brought to hiqa's scale. half_width.py fits on such cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.results import TileScore
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.mdsi import mdsi_quality
from hiqa_train.data.patches import to_tensor
from hiqa_train.distortions import RANDOM, Random, distort

from .activations import Activations, Look

COVERED = 0.8  # share of validation images whose trained-for score lies within the half-width
KINDS = (*RANDOM, "mixture", "clean")
SMALLEST, TILE = 256, 256


@dataclass(frozen=True)
class IntervalCase:
    """A distorted picture: its score, tile scores, stated half-width and the score it was trained for, in points.

    database: the number of the database whose people gave the target, brought to hiqa's scale; None: the reference told
        it. scene: what it shows. seen: (windows, units), what R's hidden units saw, where somebody looked (looking.py).
    growth: where R was trained on this picture, how many times as large its errors are on others.
    """

    score: float
    tiles: tuple[float, ...]
    half_width: float
    target: float
    database: int | None = None
    scene: str = ""
    seen: np.ndarray | None = None
    growth: float = 1.0

    @property
    def of_people(self) -> bool:
        return self.database is not None

    @property
    def error(self) -> float:
        return abs(self.score - self.target)


def case_of(
    looked: Activations, target: float, scene: str, database: int | None, *, growth: float = 1.0
) -> IntervalCase:
    """A scored picture and the score that it was trained for, in points."""
    result = looked.result
    tiles = tuple(tile.score for tile in result.tiles)
    return IntervalCase(result.score, tiles, result.uncertainty, target, database, scene, looked.seen, growth)


def target_of(distorted: np.ndarray, reference: np.ndarray, tiles: tuple[TileScore, ...]) -> float:
    """The trained-for score of a picture, in points: mean quality of its tiles."""

    def cut(picture: np.ndarray) -> list[np.ndarray]:
        return [picture[tile.y : tile.y + TILE, tile.x : tile.x + TILE] for tile in tiles]

    quality = mdsi_quality(to_tensor(cut(distorted)), to_tensor(cut(reference)))
    return 100 * float(quality.mean())


def random_window(pixels: np.ndarray, random: Random) -> np.ndarray:
    """A window of random size, from one tile to the whole picture, at a random place."""
    height, width = (random.integers(SMALLEST, side + 1) for side in pixels.shape[:2])
    y = random.integers(pixels.shape[0] - height + 1)
    x = random.integers(pixels.shape[1] - width + 1)
    return np.ascontiguousarray(pixels[y : y + height, x : x + width])


def draw_cases(
    look: Look, images: list[CleanImage], versions: int, seed: int, *, report: Callable[[str], None]
) -> list[IntervalCase]:
    """`versions` randomly distorted windows of each picture, all kinds in turn, scored."""
    cases = []
    for number, image in enumerate(images):
        for version in range(versions):
            random = np.random.default_rng([seed, number, version])
            reference = random_window(image.pixels, random)
            distorted = distort(reference, KINDS[(number + version) % len(KINDS)], random)
            looked = look(distorted)
            target = target_of(distorted, reference, looked.result.tiles)
            cases.append(case_of(looked, target, image.name, None))
        report(f"uncertainty: {image.name} ({number + 1} of {len(images)})")
    return cases


@dataclass(frozen=True)
class Coverage:
    """covered: share of cases within the stated half-width; error_ratio: mean error of the third with the widest
    half-widths over that of the third with the narrowest; mean_error, mean_half_width: in points."""

    cases: int
    covered: float
    error_ratio: float
    mean_error: float
    mean_half_width: float


def check(cases: list[IntervalCase]) -> Coverage:
    """Does the stated half-width hold on these cases?"""
    ordered = sorted(cases, key=lambda case: case.half_width)
    third = len(ordered) // 3
    narrow = float(np.mean([case.error for case in ordered[:third]]))
    wide = float(np.mean([case.error for case in ordered[-third:]]))
    return Coverage(
        len(cases),
        float(np.mean([case.error <= case.half_width for case in cases])),
        wide / narrow,
        float(np.mean([case.error for case in cases])),
        float(np.mean([case.half_width for case in cases])),
    )
