"""Compares a rebuilt TID2013 with the original by the PSNR and SSIMULACRA of every image.

SSIMULACRA (Sneyers, 2016) is measured by `ssimulacra_main` of Debian's libjxl-devtools, if it is installed. Its values
are slightly below the published ones on identical images, so they are divided by their ratio on the exact types.

Classes, by PSNR's deviation from the published one in dB and SSIMULACRA's mean over scenes at each level:

    exact        no image beyond 0.001 dB
    same level   other random draws: at each level the mean over scenes within 0.1 dB, no scene beyond 0.5, and
                 SSIMULACRA's mean, divided by its ratio, within 15 % of the published one; one strength for all
                 scenes, unless the database's authors adjusted each image to a PSNR
    alike        another codec, denoiser or implementation of the distortion, adjusted to the published PSNR image by
                 image (same bounds); SSIMULACRA's rank correlation with the published values over scenes and levels at
                 least 0.9
    not rebuilt  anything else
"""

from __future__ import annotations

import csv
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from hiqa_cli.errors import DatasetError
from hiqa_cli.images.read import read_picture
from hiqa_train.datasets.files.tables import read_csv
from hiqa_train.datasets.readers.tid import DISTORTED, REFERENCES_FOLDER
from hiqa_train.distortions import psnr

from .build import image_name
from .kodak import SCENES
from .tid_distortions import LEVELS, Class, types

TOOL = "ssimulacra_main"
# The bounds of the classes: dB of an exact image, of a level's mean and of a scene; share of SSIMULACRA; correlation.
MOST_EXACT, MOST_MEAN, MOST_SCENE, MOST_STRUCTURE, LEAST_RANKS = 0.001, 0.1, 0.5, 0.15, 0.9


@dataclass(frozen=True)
class ImageMeasurement:
    """One image: PSNR in dB and SSIMULACRA (0 is identical), ours and published; None if not measured."""

    type: int
    level: int
    scene: int
    psnr: float
    ssimulacra: float | None
    published_psnr: float
    published_ssimulacra: float
    mos: float


def has_tool() -> bool:
    """Whether the SSIMULACRA tool is installed."""
    return shutil.which(TOOL) is not None


def ssimulacra(distorted: Path, reference: Path) -> float:
    """SSIMULACRA of two image files. DatasetError with the tool's message if it fails."""
    done = subprocess.run([TOOL, str(reference), str(distorted)], capture_output=True, text=True, check=False)
    try:
        return float(done.stdout.split()[0])
    except (IndexError, ValueError):
        output = " ".join((done.stderr or done.stdout).split())
        raise DatasetError(
            f"{TOOL} could not measure {distorted}: {output or f'exit code {done.returncode}'}"
        ) from None


def read_published(scores: Path) -> dict[tuple[int, int, int], tuple[float, float, float]]:
    """(type, level, scene) -> PSNR, SSIMULACRA, score, from a CSV file."""
    rows = read_csv(scores, ("reference", "type", "level", "mos", "psnrc", "ssimulacra"))
    return {
        (int(row["type"]), int(row["level"]), int(row["reference"])): (
            float(row["psnrc"]),
            float(row["ssimulacra"]),
            float(row["mos"]),
        )
        for _, row in rows
    }


def present(tree: Path) -> list[tuple[int, int, int]]:
    """(type, level, scene) of every image of a rebuilt TID2013. DatasetError if there are none."""
    places = [
        (kind, level, scene)
        for kind in types()
        for level in LEVELS
        for scene in SCENES
        if (tree / DISTORTED / image_name(scene, kind, level)).exists()
    ]
    if not places:
        raise DatasetError(f"{tree} has no image of tid2013-rebuilt", "hiqa datasets build tid2013-rebuilt")
    return places


def measure_image(tree: Path, place: tuple[int, int, int], published: tuple[float, float, float]) -> ImageMeasurement:
    """Measure one image of the tree, with SSIMULACRA if it is installed."""
    kind, level, scene = place
    distorted = tree / DISTORTED / image_name(scene, kind, level)
    reference = tree / REFERENCES_FOLDER / f"I{scene:02}.BMP"
    found = psnr(read_picture(distorted).pixels, read_picture(reference).pixels)
    structure = _by_tool(distorted, reference) if has_tool() else None
    return ImageMeasurement(kind, level, scene, found, structure, *published)


def _by_tool(distorted: Path, reference: Path) -> float:
    """Measure copies in PPM, because the tool does not read BMP."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, path in (("distorted", distorted), ("reference", reference)):
            pixels = read_picture(path).pixels
            head = f"P6\n{pixels.shape[1]} {pixels.shape[0]}\n255\n".encode()
            paths.append(Path(folder, f"{name}.ppm"))
            paths[-1].write_bytes(head + np.ascontiguousarray(pixels).tobytes())
        return ssimulacra(paths[0], paths[1])


def measure(
    tree: Path, scores: Path, done: Iterable[ImageMeasurement], add: Callable[[ImageMeasurement], None]
) -> list[ImageMeasurement]:
    """Measure every image of the tree that is not in `done`; calls `add` with each new measurement."""
    published = read_published(scores)
    rows = {(row.type, row.level, row.scene): row for row in done}
    for place in present(tree):
        if place not in published:
            raise DatasetError(f"{scores} has no row of type {place[0]}, level {place[1]}, reference {place[2]}")
        if place not in rows:
            rows[place] = measure_image(tree, place, published[place])
            add(rows[place])
    return [rows[place] for place in sorted(rows)]


def as_fields(row: ImageMeasurement) -> list[str]:
    """A measurement as a row of the CSV file."""
    return [
        "" if value is None else f"{value:.6g}" for value in (getattr(row, f.name) for f in fields(ImageMeasurement))
    ]


HEADER = [field.name for field in fields(ImageMeasurement)]


def read_measured(path: Path) -> list[ImageMeasurement]:
    """Read a CSV file of measurements."""
    return [
        ImageMeasurement(
            int(row["type"]),
            int(row["level"]),
            int(row["scene"]),
            float(row["psnr"]),
            float(row["ssimulacra"]) if row["ssimulacra"] else None,
            float(row["published_psnr"]),
            float(row["published_ssimulacra"]),
            float(row["mos"]),
        )
        for _, row in read_csv(path, tuple(HEADER))
    ]


@dataclass(frozen=True)
class TypeComparison:
    """A type's row of the table.

    structure: largest deviation of SSIMULACRA's mean over a level, divided by its ratio. ranks: SSIMULACRA's rank
    correlation with the published values. people: rank correlations of PSNR and SSIMULACRA with human scores, ours and
    the originals'. NaN if SSIMULACRA was not measured; kind is then None where it would decide.
    """

    number: int
    images: int
    largest: float
    mean: float
    level_mean: float
    structure: float
    ranks: float
    people: dict[str, tuple[float, float]]
    kind: Class | None


def ratio_of(rows: list[ImageMeasurement]) -> float:
    """SSIMULACRA here, divided by the published one: mean over levels of the ratios of means, on the exact types."""
    exact = [kind for kind in types() if _within(rows, kind, MOST_EXACT)]
    ratios = [_level_ratio(part) for kind in exact for part in _levels(rows, kind)]
    return float(np.mean(ratios)) if ratios else float("nan")


def _levels(rows: list[ImageMeasurement], kind: int) -> list[list[ImageMeasurement]]:
    parts = [[row for row in rows if (row.type, row.level) == (kind, level)] for level in LEVELS]
    return [part for part in parts if part]


def _off(rows: Iterable[ImageMeasurement]) -> np.ndarray:
    return np.array([row.psnr - row.published_psnr for row in rows])


def _within(rows: list[ImageMeasurement], kind: int, bound: float) -> bool:
    off = _off(row for row in rows if row.type == kind)
    return off.size > 0 and float(np.abs(off).max()) <= bound


def _level_ratio(part: list[ImageMeasurement]) -> float:
    ours = [float("nan") if row.ssimulacra is None else row.ssimulacra for row in part]
    return float(np.mean(ours) / np.mean([row.published_ssimulacra for row in part]))


def compare_type(rows: list[ImageMeasurement], kind: int, ratio: float) -> TypeComparison:
    """Classify a type. Without SSIMULACRA, only "exact" can be determined."""
    mine = [row for row in rows if row.type == kind]
    off = _off(mine)
    level_mean = max(abs(float(_off(part).mean())) for part in _levels(rows, kind))
    structure = max((_level_ratio(part) / ratio - 1 for part in _levels(rows, kind)), key=abs)
    ours = np.array([np.nan if row.ssimulacra is None else row.ssimulacra for row in mine])
    theirs = np.array([row.published_ssimulacra for row in mine])
    mos = np.array([row.mos for row in mine])
    ranks = _srocc(ours, theirs)
    errors, their_errors = (np.array([getattr(row, name) for row in mine]) for name in ("psnr", "published_psnr"))
    people = {
        "psnr": (_srocc(errors, mos), _srocc(their_errors, mos)),
        "ssimulacra": (_srocc(-ours, mos), _srocc(-theirs, mos)),
    }
    largest = float(np.abs(off).max())
    near = level_mean <= MOST_MEAN and largest <= MOST_SCENE
    found: Class | None = "not rebuilt"
    if largest <= MOST_EXACT:
        found = "exact"
    elif near and math.isnan(structure):
        found = None
    elif near and abs(structure) <= MOST_STRUCTURE and not types()[kind].is_fitted:
        found = "same level"
    elif near and ranks >= LEAST_RANKS:
        found = "alike"
    return TypeComparison(
        kind, len(mine), largest, float(np.abs(off).mean()), level_mean, structure, ranks, people, found
    )


def _srocc(a: np.ndarray, b: np.ndarray) -> float:
    return float("nan") if np.isnan(a).any() or len(a) < 3 else float(spearmanr(a, b)[0])


def compare_types(rows: list[ImageMeasurement]) -> tuple[float, list[TypeComparison]]:
    """SSIMULACRA's ratio, and the comparison of every measured type."""
    ratio = ratio_of(rows)
    return ratio, [compare_type(rows, kind, ratio) for kind in types() if any(row.type == kind for row in rows)]


def as_markdown(ratio: float, comparisons: list[TypeComparison]) -> list[str]:
    """The table of REBUILT.md."""
    lines = [
        f"SSIMULACRA here is {ratio:.3f} times the published values on the exact types.",
        "",
        "| type | class | largest, dB | mean, dB | level's mean, dB | SSIMULACRA, level's mean | its ranks "
        "| PSNR and people: here, originals | SSIMULACRA and people: here, originals |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in comparisons:
        here, there = row.people["psnr"]
        structure_here, structure_there = row.people["ssimulacra"]
        kind = row.kind or "unknown"
        lines.append(
            f"| {row.number} {types()[row.number].name} | {kind} | {row.largest:.4f} | {row.mean:.4f} "
            f"| {row.level_mean:.4f} | {row.structure:+.1%} | {row.ranks:.3f} | {here:.3f}, {there:.3f} "
            f"| {structure_here:.3f}, {structure_there:.3f} |"
        )
    return lines


def write_header(path: Path) -> None:
    """Create a CSV file of measurements."""
    with open(path, "x", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(HEADER)


def append(path: Path, row: ImageMeasurement) -> None:
    """Append a measurement to the file."""
    with open(path, "a", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(as_fields(row))
