"""Rank correlation with the published scores of TID2013, on the two distortion types that can be rebuilt exactly.

References 1 to 24 of TID2013 are crops of Kodak's photographs. Its Gaussian blur (type 8) is an 11x11 kernel with zeros
beyond the border; its JPEG (type 10) is libjpeg's with quantisation tables *not* limited to 255, which Pillow writes if
given the tables. The rebuilt images have the published colour PSNR.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import DatasetError, UsageError
from hiqa_cli.images.read import image_files, read_picture
from hiqa_train.datasets.files.tables import read_csv
from hiqa_train.datasets.rebuilt.tid_distortions import rebuild

BLUR, JPEG = 8, 10  # TID2013's types
LEVELS = range(1, 6)


def references(folder: Path, offsets: Path, excluded: Collection[str] = ()) -> dict[int, np.ndarray]:
    """TID2013's references 1 to 24, cut from Kodak's photographs (file names that hold their number).

    excluded: scenes to leave out, named as `kodim05`.
    """
    files = {int(digits.group()): path for path in image_files(folder) if (digits := re.search(r"\d+", path.stem))}
    found = {}
    for _, row in read_csv(offsets, ("reference", "kodak", "x", "y", "width", "height")):
        number = re.search(r"\d+", row["kodak"])
        if number is None or f"kodim{int(number.group()):02}" in excluded:
            continue
        if int(number.group()) not in files:
            raise UsageError(f"{folder} has no Kodak photograph {number.group()}", "give the folder of all 24")
        x, y, width, height = (int(row[name]) for name in ("x", "y", "width", "height"))
        pixels = read_picture(files[int(number.group())]).pixels
        found[int(row["reference"])] = np.ascontiguousarray(pixels[y : y + height, x : x + width])
    return found


@dataclass(frozen=True)
class TidAgreement:
    """SROCC of hiqa's scores with the published ones: both types pooled, and each alone."""

    pooled: float
    blur: float
    jpeg: float
    pictures: int


def measure_people(
    scorer: Scorer,
    folder: Path,
    scores: Path,
    offsets: Path,
    *,
    excluded: Collection[str],
    stride: int,
    report: Callable[[str], None],
) -> TidAgreement:
    """Rebuild blur and JPEG from Kodak's photographs, score them, and correlate with the published scores.

    scores: CSV with reference, type, level, mos. offsets: CSV with reference, kodak, x, y, width, height. excluded:
    scenes that the weights were trained on. UsageError if no others are left.
    """
    scenes = references(folder, offsets, excluded)
    if not scenes:
        raise UsageError(f"{folder}: no scene is left that the weights were not trained on")
    report(f"people: {len(scenes)} scenes that the weights were not trained on")
    published = {
        (int(row["reference"]), int(row["type"]), int(row["level"])): float(row["mos"])
        for _, row in read_csv(scores, ("reference", "type", "level", "mos"))
    }
    for number, kind, level in product(sorted(scenes), (BLUR, JPEG), LEVELS):
        if (number, kind, level) not in published:
            raise DatasetError(f"{scores} has no row of reference {number}, type {kind}, level {level}")
    ours: dict[int, list[float]] = {BLUR: [], JPEG: []}
    theirs: dict[int, list[float]] = {BLUR: [], JPEG: []}
    for number, image in sorted(scenes.items()):
        for level in LEVELS:
            pictures = {kind: rebuild(image, kind, level, number) for kind in (BLUR, JPEG)}
            for kind, picture in pictures.items():
                ours[kind].append(scorer.score(picture, stride=stride).score)
                theirs[kind].append(published[number, kind, level])
        report(f"people: scene {number}")

    def srocc(kinds: tuple[int, ...]) -> float:
        a, b = ([value for kind in kinds for value in table[kind]] for table in (ours, theirs))
        return float(spearmanr(a, b)[0])

    return TidAgreement(srocc((BLUR, JPEG)), srocc((BLUR,)), srocc((JPEG,)), 2 * len(ours[BLUR]))
