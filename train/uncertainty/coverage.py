"""Coverage: the share of images with a known target score whose error is within the stated half-width.

The target is the score that R was trained to predict: the mean full-reference quality (data/mdsi.py) of the same tiles,
or the human score, mapped to hiqa's scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.results import TileScore
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.mdsi import mdsi_quality
from hiqa_train.data.patches import to_tensor
from hiqa_train.distortions import RANDOM, Random, distort

from .activations import ObservedScore, ScoreFunction

COVERED = 0.8  # share of images whose target score should lie within the half-width
KINDS = (*RANDOM, "mixture", "clean")


@dataclass(frozen=True)
class IntervalCase:
    """A scored image: score, tile scores, stated half-width and target score, in points; see `ObservedScore`.

    database: the number of the database whose human score is the target; None if the target comes from the reference.
    scene: of the image. activations: see `ObservedScore`.
    growth: if R was trained on this image, how many times larger errors are on images that it was not trained on.
    """

    score: float
    tiles: tuple[float, ...]
    half_width: float
    target: float
    database: int | None = None
    scene: str = ""
    activations: np.ndarray | None = None
    growth: float = 1.0

    @property
    def error(self) -> float:
        """Absolute error of the score, in points."""
        return abs(self.score - self.target)


def case_of(
    observed: ObservedScore, target: float, scene: str, database: int | None, *, growth: float = 1.0
) -> IntervalCase:
    """The case of a scored image. target: in points."""
    score, tiles, half_width, activations = observed
    of_tiles = tuple(tile.score for tile in tiles)
    return IntervalCase(score, of_tiles, half_width, target, database, scene, activations, growth)


def target_score(distorted: np.ndarray, reference: np.ndarray, tiles: tuple[TileScore, ...]) -> float:
    """The target score of a distorted image, in points: the mean full-reference quality of its tiles."""

    def cut(image: np.ndarray) -> list[np.ndarray]:
        return [image[tile.y : tile.y + TILE, tile.x : tile.x + TILE] for tile in tiles]

    quality = mdsi_quality(to_tensor(cut(distorted)), to_tensor(cut(reference)))
    return 100 * float(quality.mean())


def random_window(pixels: np.ndarray, random: Random) -> np.ndarray:
    """A window of random size, from one tile to the whole image, at a random place."""
    height, width = (random.integers(TILE, side + 1) for side in pixels.shape[:2])
    y = random.integers(pixels.shape[0] - height + 1)
    x = random.integers(pixels.shape[1] - width + 1)
    return np.ascontiguousarray(pixels[y : y + height, x : x + width])


def draw_cases(
    score: ScoreFunction, images: list[CleanImage], versions: int, seed: int, *, report: Callable[[str], None]
) -> list[IntervalCase]:
    """Score `versions` distorted windows of each image, of random size, place and strength; kinds of distortion take
    turns."""
    cases = []
    for number, image in enumerate(images):
        for version in range(versions):
            random = np.random.default_rng([seed, number, version])
            reference = random_window(image.pixels, random)
            distorted = distort(reference, KINDS[(number + version) % len(KINDS)], random)
            observed = score(distorted)
            target = target_score(distorted, reference, observed.tiles)
            cases.append(case_of(observed, target, image.name, None))
        report(f"uncertainty: {image.name} ({number + 1} of {len(images)})")
    return cases


@dataclass(frozen=True)
class Coverage:
    """covered: share of cases within the stated half-width. error_ratio: mean error of the third with the widest
    half-widths, divided by that of the third with the narrowest. mean_error, mean_half_width: in points."""

    cases: int
    covered: float
    error_ratio: float
    mean_error: float
    mean_half_width: float


def measure_coverage(cases: list[IntervalCase]) -> Coverage:
    """Measure the coverage of the cases."""
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
