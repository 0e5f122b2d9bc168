"""Finds the strengths that `tid2013.csv` holds, from the PSNRs that were measured on the original images.

    python -m hiqa_train.rebuilt.fit --from KODAK --scores tid2013.csv --types 4 19 [--scenes 1 2]

rewrites the rows of these types. Only types that the database brought to a PSNR image by image are fitted so (`each` in
`tid2013.toml`), and draws chosen where chance decides (`draws`); what all scenes share stands in `tid2013.toml`.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from ..datasets.text_tables import read_csv
from ..distortions import psnr
from . import recipes
from .kodak import SCENES, find_references
from .recipes import LEVELS, Strength, make, types

# Strengths to search between, from mild to strong.
RANGES: dict[int, tuple[float, float]] = {
    4: (1, 1000), 9: (0.5, 250), 11: (2, 2000), 12: (1, 600), 13: (1, 200), 14: (1, 2000), 18: (1, -1),
    19: (0.005, 1), 20: (2, 5000), 21: (0.3, 100), 22: (1024, 2), 23: (0.05, 60), 24: (900, 4),
}  # fmt: skip
WHOLE = {12, 13, 14, 22}  # strengths that are numbers of something
CLOSE = 0.02  # dB; nearer is near enough
MEETS = {11: 0.08, 12: 0.1, 18: 2e-5, 22: 0.05, 24: 0.08}  # ... but can be met exactly, or moves in steps
BISECTED = {18}
SLOPE = 20 / math.log(10)  # dB that an e-fold of a noise's deviation costs: where the secant begins
STEPS = 12
ENOUGH = 0.1  # dB; no further draw is tried
AROUND = 4  # colours
SHIFT = 180  # levels, at most, of type 15


def published_psnr(scores: Path) -> dict[tuple[int, int, int], float]:
    """(type, level, scene) -> PSNR in dB, of a table with the columns reference, type, level, psnrc."""
    rows = read_csv(scores, ("reference", "type", "level", "psnrc"))
    return {(int(row["type"]), int(row["level"]), int(row["reference"])): float(row["psnrc"]) for _, row in rows}


def bisect(error: Callable[[float], float], mild: float, strong: float, close: float) -> tuple[float, float]:
    """Strength and error (dB above the target) nearest to zero; error falls from `mild` to `strong`.

    It halves the range each time: so it finds the very strengths that a bisection of the database's makers ends at.
    """
    best = (mild, math.inf)
    for _ in range(2 * STEPS):
        strength = (mild + strong) / 2
        found = error(strength)
        if abs(found) < abs(best[1]):
            best = (strength, found)
        if abs(found) < close:
            break
        mild, strong = (strength, strong) if found > 0 else (mild, strength)
    return best


def search(
    error: Callable[[float], float], mild: float, strong: float, close: float, start: float
) -> tuple[float, float]:
    """As `bisect`, by the secant on a logarithmic scale, from `start`; halves what is left where that leads nowhere."""
    low, high = math.log(mild), math.log(strong)
    place = min(max(math.log(start), min(low, high)), max(low, high))
    slope = -SLOPE if high > low else SLOPE
    best, before = (start, math.inf), None
    for _ in range(STEPS):
        strength = math.exp(place)
        found = error(strength)
        if abs(found) < abs(best[1]):
            best = (strength, found)
        if abs(found) < close:
            break
        if before is not None and place != before[0]:
            steep = (found - before[1]) / (place - before[0])
            slope = steep if steep * slope > 0 else slope
        before = (place, found)
        low, high = (place, high) if found > 0 else (low, place)
        place -= found / slope
        if not min(low, high) < place < max(low, high):
            place = (low + high) / 2
    return best


def fit_image(
    reference: np.ndarray, kind: int, level: int, scene: int, target: float, start: float | None
) -> tuple[Strength, float]:
    """The strength and draw that come nearest to a PSNR, and how far off they are, in dB. start: a first guess."""
    row = types()[kind]

    def off(strength: float, draw: int) -> float:
        strength = float(round(strength)) if kind in WHOLE else strength
        return psnr(make(reference, kind, level, scene, Strength(strength, draw)), reference) - target

    best = (Strength(math.nan), math.inf)
    for draw in range(row.draws):
        if row.each:
            mild, strong = RANGES[kind] if kind in RANGES else (row.levels[level - 1], row.levels[level - 1] + SHIFT)
            close, error = MEETS.get(kind, CLOSE), partial(off, draw=draw)
            if kind in BISECTED:
                strength, found = bisect(error, mild, strong, close)
            else:
                strength, found = search(error, mild, strong, close, start or math.sqrt(mild * strong))
            if kind == 22 and abs(found) > MEETS[kind]:  # a colour more is not always a better picture: look around
                near = range(max(2, round(strength) - AROUND), round(strength) + AROUND + 1)
                found, strength = min(((off(n, draw), float(n)) for n in near), key=lambda tried: abs(tried[0]))
        else:
            strength = row.levels[level - 1]
            found = off(strength, draw)
        if abs(found) < abs(best[1]):
            best = Strength(round(strength) if kind in WHOLE else float(f"{strength:.10g}"), draw), found
        if abs(best[1]) < ENOUGH:
            break
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="folder", type=Path, required=True, help="Kodak's photographs")
    parser.add_argument("--scores", type=Path, required=True, help="table with reference, type, level, psnrc")
    parser.add_argument("--types", type=int, nargs="+", required=True)
    parser.add_argument("--scenes", type=int, nargs="+", default=list(SCENES))
    parser.add_argument("--levels", type=int, nargs="+", default=list(LEVELS))
    options = parser.parse_args()
    published = published_psnr(options.scores)
    references = find_references(options.folder, options.scenes)
    path = Path(recipes.__file__).with_name("tid2013.csv")
    with open(path, newline="", encoding="utf-8") as file:
        rows = {tuple(map(int, row[:3])): row[3:] for row in list(csv.reader(file))[1:]}
    for kind in options.types:
        for level in options.levels:
            errors, start = [], None
            for scene, reference in references.items():
                best, error = fit_image(reference, kind, level, scene, published[kind, level, scene], start)
                start = best.strength if types()[kind].each else None
                rows[kind, level, scene] = [f"{best.strength:.10g}", str(best.draw)]
                errors.append(error)
            worst = max(errors, key=abs)
            print(f"type {kind}, level {level}: mean {np.mean(errors):+.4f} dB, worst {worst:+.4f} dB", flush=True)
            with open(path, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(["type", "level", "scene", "strength", "draw"])
                writer.writerows([*place, *row] for place, row in sorted(rows.items()))


if __name__ == "__main__":
    main()
