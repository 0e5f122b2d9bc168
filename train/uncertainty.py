"""How far off a score is: fitting the half-width that hiqa states, and checking it on other pictures.

The truth here is the score that the weights were trained for: the mean over the same tiles of the tiles' quality
by full-reference measure (`labels`). The half-width is fitted on validation pictures by quantile regression, so
that it covers 80 % of the errors; see `hiqa_cli.engine.calibration` for its formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from hiqa_cli.engine.calibration import Calibration, features
from hiqa_cli.engine.results import ScoreResult, TileScore
from hiqa_cli.engine.scorer import Scorer

from .distortions import RANDOM, Random, distort
from .labels import tile_quality
from .patches import to_tensor
from .pristine import Pristine

COVERED = 0.8  # share of validation images whose trained-for score lies within the half-width
KINDS = (*RANDOM, "mixture", "clean")
SMALLEST, TILE = 256, 256
SMALLEST_ERROR = 0.05  # points, that a logarithm is taken of
SLIGHT = 1e-3


@dataclass(frozen=True)
class Case:
    """A distorted picture: its score, tile scores, stated half-width and the score it was trained for, in points.

    of_people: whether the target is what people said, brought to hiqa's scale, and not what the reference tells.
    """

    score: float
    tiles: tuple[float, ...]
    half_width: float
    target: float
    of_people: bool = False

    @property
    def error(self) -> float:
        return abs(self.score - self.target)


def case_of(result: ScoreResult, target: float, *, of_people: bool) -> Case:
    """A scored picture and the score that it was trained for, in points."""
    return Case(result.score, tuple(tile.score for tile in result.tiles), result.uncertainty, target, of_people)


def target_of(distorted: np.ndarray, reference: np.ndarray, tiles: tuple[TileScore, ...]) -> float:
    """The trained-for score of a picture, in points: mean quality of its tiles."""

    def cut(picture: np.ndarray) -> list[np.ndarray]:
        return [picture[tile.y : tile.y + TILE, tile.x : tile.x + TILE] for tile in tiles]

    quality = tile_quality(to_tensor(cut(distorted)), to_tensor(cut(reference)))
    return 100 * float(quality.mean())


def random_window(pixels: np.ndarray, random: Random) -> np.ndarray:
    """A window of random size, from one tile to the whole picture, at a random place."""
    height, width = (random.integers(SMALLEST, side + 1) for side in pixels.shape[:2])
    y = random.integers(pixels.shape[0] - height + 1)
    x = random.integers(pixels.shape[1] - width + 1)
    return np.ascontiguousarray(pixels[y : y + height, x : x + width])


def draw_cases(
    scorer: Scorer, images: list[Pristine], versions: int, seed: int, *, stride: int,
    tell: Callable[[str], None],
) -> list[Case]:  # fmt: skip
    """`versions` randomly distorted windows of each picture, all kinds in turn, scored."""
    cases = []
    for number, image in enumerate(images):
        for version in range(versions):
            random = np.random.default_rng([seed, number, version])
            reference = random_window(image.pixels, random)
            distorted = distort(reference, KINDS[(number + version) % len(KINDS)], random)
            result: ScoreResult = scorer.score(distorted, stride=stride)
            cases.append(case_of(result, target_of(distorted, reference, result.tiles), of_people=False))
        tell(f"uncertainty: {image.name} ({number + 1} of {len(images)})")
    return cases


def fit_calibration(cases: list[Case]) -> Calibration:
    """Coefficients of the half-width by quantile regression on the logarithm of the errors, then a scale
    that makes the coverage just COVERED.

    What people say of photographs and what the reference tells of distorted ones are two truths, and nothing that a
    score comes with says which is asked for. Where there are cases of both, those with the larger errors decide: for
    the others the half-width is then too wide, where one fitted on all would be too narrow for half of them.
    """
    kinds = [[case for case in cases if case.of_people is of_people] for of_people in (False, True)]
    cases = max((kind for kind in kinds if kind), key=lambda kind: float(np.mean([case.error for case in kind])))
    x = np.array([features(case.score, case.tiles) for case in cases])
    errors = np.array([case.error for case in cases])
    c0, c1, c2, c3, c4 = quantile_regression(x, np.log(np.maximum(errors, SMALLEST_ERROR)), COVERED)
    unscaled = Calibration((c0, c1, c2, c3, c4), 1.0)
    ratios = [case.error / unscaled.half_width(case.score, case.tiles) for case in cases]
    return Calibration(unscaled.coefficients, float(np.quantile(ratios, COVERED)))


def quantile_regression(x: np.ndarray, y: np.ndarray, quantile: float) -> list[float]:
    """Coefficients b of the least mean pinball loss of y - x b, x (n, p), y (n,), exactly, as a linear programme; with
    a little of the size of all but the first, since few validation pictures must not give wild ones."""
    count, width = x.shape
    penalty = np.full(width, SLIGHT)
    penalty[0] = 0.0
    # b = above - below, y - x b = over - under, all of them positive
    costs = np.concatenate([penalty, penalty, np.full(count, quantile / count), np.full(count, (1 - quantile) / count)])
    equal = np.hstack([x, -x, np.eye(count), -np.eye(count)])
    found = linprog(costs, A_eq=equal, b_eq=y, method="highs").x
    return [float(above - below) for above, below in zip(found[:width], found[width : 2 * width], strict=True)]


@dataclass(frozen=True)
class Coverage:
    """covered: share of cases within the stated half-width; error_ratio: mean error of the third with the widest
    half-widths over that of the third with the narrowest; mean_error, mean_half_width: in points."""

    cases: int
    covered: float
    error_ratio: float
    mean_error: float
    mean_half_width: float


def check(cases: list[Case]) -> Coverage:
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
