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
    19: (0.005, 1), 20: (2, 5000), 21: (0.3, 100), 22: (4096, 2), 23: (0.05, 30), 24: (300, 2),
}  # fmt: skip
WHOLE = {12, 13, 14, 22}  # strengths that are numbers of something
CLOSE = 0.005  # dB; nearer is near enough
MEETS = {18: 2e-5}  # ... but for types that can be met exactly
STEPS = 12


def published_psnr(scores: Path) -> dict[tuple[int, int, int], float]:
    """(type, level, scene) -> PSNR in dB, of a table with the columns reference, type, level, psnrc."""
    rows = read_csv(scores, ("reference", "type", "level", "psnrc"))
    return {(int(row["type"]), int(row["level"]), int(row["reference"])): float(row["psnrc"]) for _, row in rows}


def search(error: Callable[[float], float], mild: float, strong: float, close: float) -> tuple[float, float]:
    """Strength and error (dB above the target) nearest to zero: bisection and regula falsi in turn.

    error falls from `mild` to `strong`; on a logarithmic scale where both are positive, and otherwise by bisection alone,
    which finds the very strengths that a bisection of the database's makers ends at.
    """
    logarithmic = mild > 0 and strong > 0
    low, high = (math.log(mild), math.log(strong)) if logarithmic else (mild, strong)
    at_low = at_high = math.nan
    best = (math.inf, mild)
    for step in range(STEPS if close >= CLOSE else 2 * STEPS):
        known = logarithmic and step % 3 and not math.isnan(at_low + at_high)
        share = at_low / (at_low - at_high) if known else 0.5
        middle = low + (high - low) * min(max(share, 0.02), 0.98)
        strength = math.exp(middle) if logarithmic else middle
        found = error(strength)
        if abs(found) < abs(best[0]):
            best = (found, strength)
        if abs(best[0]) < close:
            break
        if found > 0:
            low, at_low = middle, found
        else:
            high, at_high = middle, found
    return best[1], best[0]


def fit_image(reference: np.ndarray, kind: int, level: int, scene: int, target: float) -> tuple[Strength, float]:
    """The strength and draw that come nearest to a PSNR, and how far off they are, in dB."""
    row = types()[kind]

    def off(strength: float, draw: int) -> float:
        strength = float(round(strength)) if kind in WHOLE else strength
        return psnr(make(reference, kind, level, scene, Strength(strength, draw)), reference) - target

    best = (Strength(math.nan), math.inf)
    for draw in range(row.draws):
        if row.each:
            strength, found = search(partial(off, draw=draw), *RANGES[kind], MEETS.get(kind, CLOSE))
        else:
            strength = row.levels[level - 1]
            found = off(strength, draw)
        if abs(found) < abs(best[1]):
            best = Strength(round(strength) if kind in WHOLE else float(f"{strength:.10g}"), draw), found
        if abs(best[1]) < 0.05:
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
            errors = []
            for scene, reference in references.items():
                best, error = fit_image(reference, kind, level, scene, published[kind, level, scene])
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
