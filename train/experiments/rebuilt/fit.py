"""Fits the strengths in `tid2013.csv` to the PSNRs published for the original images.

    python -m hiqa_train.experiments.rebuilt.fit --from KODAK --scores tid2013.csv --types 4 19 [--scenes 1 2]

Rewrites the rows of these types: strengths of types with one per image (`each` in `tid2013.toml`), and draws of random
types (`draws`). Strengths that all scenes share are in `tid2013.toml`.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from hiqa_train.datasets.files.tables import read_csv
from hiqa_train.datasets.rebuilt import tid_distortions
from hiqa_train.datasets.rebuilt.kodak import SCENES, find_references
from hiqa_train.datasets.rebuilt.tid_distortions import LEVELS, Strength, make, types
from hiqa_train.distortions import psnr

# Strengths to search between, from mild to strong.
RANGES: dict[int, tuple[float, float]] = {
    4: (1, 1000),
    9: (0.5, 250),
    11: (2, 5000),
    12: (1, 600),
    13: (1, 200),
    14: (1, 2000),
    19: (0.005, 1),
    20: (2, 5000),
    21: (0.3, 100),
    22: (1024, 2),
    23: (0.05, 60),
    24: (900, 4),
}
WHOLE = {12, 13, 14, 22}  # integer strengths
CLOSE = 0.02  # dB; a smaller error ends the search
MEETS = {11: 0.08, 12: 0.1, 18: 2e-5, 22: 0.05, 24: 0.08}  # types that can be met exactly, or change in steps
BISECTED = {18: (1.0, -1.0)}
LOWEST = {15}  # types with a lower bound per level
SLOPE = 20 / math.log(10)  # dB per e-fold of a noise's deviation: the initial slope of the secant
STEPS = 12
ENOUGH = 0.1  # dB; a smaller error ends the draws
AROUND = 8  # colours, minimum range
SHIFT = 180  # levels, maximum, of type 15


def published_psnr(scores: Path) -> dict[tuple[int, int, int], float]:
    """(type, level, scene) -> PSNR in dB, from a table with the columns reference, type, level, psnrc."""
    rows = read_csv(scores, ("reference", "type", "level", "psnrc"))
    return {(int(row["type"]), int(row["level"]), int(row["reference"])): float(row["psnrc"]) for _, row in rows}


def bisect(error: Callable[[float], float], mild: float, strong: float, close: float) -> tuple[float, float]:
    """Strength and error (dB above the target) nearest to zero; error falls from `mild` to `strong`.

    Halves the range at every step, and so ends at the strengths of the database if its authors bisected, too.
    """
    best = (mild, math.inf)
    for _ in range(2 * STEPS):
        strength = (mild + strong) / 2
        difference = error(strength)
        if abs(difference) < abs(best[1]):
            best = (strength, difference)
        if abs(difference) < close:
            break
        mild, strong = (strength, strong) if difference > 0 else (mild, strength)
    return best


class Curve:
    """Measured PSNRs of one scene and type over the logarithm of the strength; proposes the next strength to try."""

    def __init__(self, mild: float, strong: float) -> None:
        self.low, self.high = sorted((math.log(mild), math.log(strong)))
        self.slope = -SLOPE if strong > mild else SLOPE
        self.points: list[tuple[float, float]] = []

    def propose(self, target: float, start: float, *, halve: bool) -> float:
        """A strength for a target PSNR: between the nearest points above and below it, else beyond the nearest one.

        halve: take the middle between the two points instead of the secant. start: the strength without any points.
        """
        above = min((point for point in self.points if point[1] >= target), key=lambda p: p[1], default=None)
        below = max((point for point in self.points if point[1] < target), key=lambda p: p[1], default=None)
        if above is not None and below is not None:
            share = 0.5 if halve else (above[1] - target) / (above[1] - below[1])
            return math.exp(above[0] + (below[0] - above[0]) * min(max(share, 0.02), 0.98))
        near = above or below
        if near is None:
            return start
        return math.exp(min(max(near[0] + (target - near[1]) / self.slope, self.low), self.high))


def search(
    measure: Callable[[float], float], target: float, curve: Curve, start: float, close: float
) -> tuple[float, float]:
    """The strength with the PSNR nearest to the target, and its error, by regula falsi. Adds measurements to
    `curve`."""
    best = (start, math.inf)
    for step in range(STEPS):
        strength = curve.propose(target, start, halve=step % 3 == 2)
        measured = measure(strength)
        if abs(measured - target) < abs(best[1]):
            best = (strength, measured - target)
        if abs(measured - target) < close or (math.log(strength), measured) in curve.points:
            break
        curve.points.append((math.log(strength), measured))
    return best


def fit_image(
    reference: np.ndarray, kind: int, level: int, scene: int, target: float, curve: Curve | None, start: float
) -> tuple[Strength, float]:
    """The strength and draw with the PSNR nearest to the target, and the error in dB.

    curve: earlier measurements of the scene, None if strengths are not searched. start: the initial strength without
    any.
    """
    row = types()[kind]

    def measure(strength: float, draw: int) -> float:
        strength = float(round(strength)) if kind in WHOLE else strength
        return psnr(make(reference, kind, level, scene, Strength(strength, draw)), reference)

    best = (Strength(math.nan), math.inf)
    for draw in range(row.draws):
        close, of_draw = MEETS.get(kind, CLOSE), partial(measure, draw=draw)
        if kind in BISECTED:
            strength, error = bisect(lambda x, of_draw=of_draw: of_draw(x) - target, *BISECTED[kind], close)  # type: ignore[misc]
        elif kind in LOWEST:
            lowest = row.levels[level - 1]
            strength, error = bisect(lambda x, of_draw=of_draw: of_draw(x) - target, lowest, lowest + SHIFT, close)  # type: ignore[misc]
        elif curve is not None:
            of_scene = Curve(*RANGES[kind]) if draw else curve  # every draw has its own curve
            strength, error = search(of_draw, target, of_scene, best[0].strength if draw else start, close)
            if kind == 22 and abs(error) > close:  # PSNR is not monotone in the number of colours: search around
                reach = max(AROUND, round(strength) // 4)
                near = range(max(2, round(strength) - reach), round(strength) + reach + 1)
                error, strength = min(((of_draw(n) - target, float(n)) for n in near), key=lambda tried: abs(tried[0]))
        else:
            strength = row.levels[level - 1]
            error = of_draw(strength) - target
        if abs(error) < abs(best[1]):
            best = Strength(round(strength) if kind in WHOLE else float(f"{strength:.10g}"), draw), error
        if abs(best[1]) < ENOUGH:
            break
    return best


Rows = dict[tuple[int, ...], list[str]]  # of tid2013.csv: (type, level, scene) -> strength and draw


def fit_scene(
    reference: np.ndarray, kind: int, scene: int, targets: dict[int, float], rows: Rows, start: float, keep: float
) -> tuple[dict[int, float], float]:
    """Fit one type of distortion on one scene, and enter the results in `rows`.

    targets: PSNR in dB by level. start: strength to start from, if strengths are searched. keep: existing rows with at
    most this error, in dB, stay; none if it is negative. Returns the errors in dB by level, and the strength to start
    from on the next scene: that of the first level.
    """
    errors: dict[int, float] = {}
    curve = Curve(*RANGES[kind]) if kind in RANGES else None
    for level, target in targets.items():
        existing = rows.get((kind, level, scene))
        if existing is not None and keep >= 0:
            strength = Strength(float(existing[0]), int(existing[1]))
            error = psnr(make(reference, kind, level, scene, strength), reference) - target
            if abs(error) <= keep:
                errors[level] = error
                continue
        best, errors[level] = fit_image(reference, kind, level, scene, target, curve, start)
        rows[kind, level, scene] = [f"{best.strength:.10g}", str(best.draw)]
        if level == next(iter(targets)):
            start = best.strength
    return errors, start


def write_rows(path: Path, rows: Rows) -> None:
    """Write tid2013.csv, sorted by type, level and scene."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["type", "level", "scene", "strength", "draw"])
        writer.writerows([*place, *row] for place, row in sorted(rows.items()))


def main() -> None:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="folder", type=Path, required=True, help="Kodak's photographs")
    parser.add_argument("--scores", type=Path, required=True, help="table with reference, type, level, psnrc")
    parser.add_argument("--types", type=int, nargs="+", required=True)
    parser.add_argument("--scenes", type=int, nargs="+", default=list(SCENES))
    parser.add_argument(
        "--keep", type=float, default=-1, metavar="DB", help="keep existing rows with at most this error"
    )
    parser.add_argument("--levels", type=int, nargs="+", default=list(LEVELS))
    options = parser.parse_args()
    published = published_psnr(options.scores)
    references = find_references(options.folder, options.scenes)
    path = Path(tid_distortions.__file__).with_name("tid2013.csv")
    with open(path, newline="", encoding="utf-8") as file:
        rows = {tuple(map(int, row[:3])): row[3:] for row in list(csv.reader(file))[1:]}
    for kind in options.types:
        of_scenes: list[dict[int, float]] = []
        start = math.sqrt(math.prod(RANGES[kind])) if kind in RANGES else math.nan
        for scene, reference in references.items():
            targets = {level: published[kind, level, scene] for level in options.levels}
            errors, start = fit_scene(reference, kind, scene, targets, rows, start, options.keep)
            of_scenes.append(errors)
            write_rows(path, rows)
        for level in options.levels:
            of_level = [errors[level] for errors in of_scenes]
            worst = max(of_level, key=abs)
            print(f"type {kind}, level {level}: mean {np.mean(of_level):+.4f} dB, worst {worst:+.4f} dB", flush=True)


if __name__ == "__main__":
    main()
