"""Measures how often the uncertainty of a change covers the change of the target, on pairs of versions of photographs.

    python -m hiqa_train.experiments.pairs DIR [--leave-out NAME,NAME] [--random N] [--weights DIR] [--json FILE]

The versions of every photograph are those that docs/reports.md compares: the original, four settings of JPEG, WebP and
AVIF of equal bytes, noise and the same denoised; every two of them are a pair. --random N takes N versions instead,
whose kinds and strengths are random, as those on which PAIR_SCALE (`hiqa_cli/engine/calibration.py`) was fitted.
Photographs that the weights were trained on are left out. Scores in float32, mode `fast`. Prints the share of pairs
whose change of the target, MDSI against the original, lies within the stated uncertainty, its 95 % interval by
bootstrap over photographs, the PAIR_SCALE with which 80 % do, and the errors by kind of pair.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from hiqa_cli.engine.calibration import PAIR_SCALE
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import UsageError
from hiqa_train.data.clean_images import CleanImage, load_clean_images
from hiqa_train.data.leakage import photograph_scenes, shared_scenes, trained_scenes
from hiqa_train.distortions import add_noise, distort
from hiqa_train.uncertainty.coverage import COVERED, KINDS, target_score

from .script_main import report, run_command

JPEG = (90, 88, 75, 35)  # qualities
WEBP = 60  # quality
NOISE, DENOISING = 12.0, 8.0  # sigma; strength of OpenCV's filter
AVIF_SPEED = 6
QUESTIONS = (
    ("jpeg90", "jpeg88"),
    ("webp60", "avif"),
    ("jpeg75", "jpeg35"),
    ("original", "jpeg90"),
    ("noisy", "denoised"),
)
RESAMPLES, SEED = 2000, 5

Versions = dict[str, np.ndarray]


@dataclass(frozen=True)
class Pair:
    """Two versions of a photograph: changes of score and target from the first to the second, and the root of the
    summed squares of both uncertainties, in points."""

    photograph: str
    first: str
    second: str
    change: float
    target_change: float
    uncertainty: float

    @property
    def error(self) -> float:
        return abs(self.change - self.target_change)


def encoded(pixels: np.ndarray, kind: str, **options: int) -> bytes:
    """A file of Pillow's."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def decoded(data: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def avif_of_size(pixels: np.ndarray, size: int) -> bytes:
    """The AVIF file of the quality whose size is nearest to `size` bytes; sizes grow with quality."""
    low, high = 0, 100
    files: dict[int, bytes] = {}

    def file(quality: int) -> bytes:
        if quality not in files:
            files[quality] = encoded(pixels, "AVIF", quality=quality, speed=AVIF_SPEED)
        return files[quality]

    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(file(middle)) <= size else (low, middle)
    return min((file(low), file(high)), key=lambda data: abs(len(data) - size))


def named_versions(image: CleanImage, number: int) -> Versions:
    """The versions of docs/reports.md."""
    pixels = image.pixels
    webp = encoded(pixels, "WEBP", quality=WEBP, method=6)
    noisy = add_noise(pixels, NOISE, np.random.default_rng([SEED, number]))
    return {
        "original": pixels,
        **{f"jpeg{quality}": decoded(encoded(pixels, "JPEG", quality=quality)) for quality in JPEG},
        f"webp{WEBP}": decoded(webp),
        "avif": decoded(avif_of_size(pixels, len(webp))),
        "noisy": noisy,
        "denoised": cv2.fastNlMeansDenoisingColored(noisy, None, DENOISING, DENOISING),
    }


def random_versions(image: CleanImage, number: int, count: int) -> Versions:
    """Versions of random kinds, the original among them, and random strengths."""
    random = np.random.default_rng([SEED, number])
    kinds = [str(kind) for kind in random.choice(KINDS, count, replace=count > len(KINDS))]
    return {f"{place} {kind}": distort(image.pixels, kind, random) for place, kind in enumerate(kinds)}


def pairs_of(scorer: Scorer, image: CleanImage, versions: Versions) -> list[Pair]:
    """Score the versions of a photograph and pair them."""
    found = []
    for name, pixels in versions.items():
        result = scorer.score(pixels)
        found.append((name, result.score, target_score(pixels, image.pixels, result.tiles), result.uncertainty))
    return [
        Pair(image.name, first, second, score - before, target - target_before, float(np.hypot(half, half_before)))
        for (first, before, target_before, half_before), (second, score, target, half) in combinations(found, 2)
    ]


def covered(pairs: Sequence[Pair]) -> float:
    """Share of the pairs whose error is within the stated uncertainty of the change."""
    return float(np.mean([pair.error <= PAIR_SCALE * pair.uncertainty for pair in pairs]))


def covered_interval(pairs: Sequence[Pair]) -> tuple[float, float]:
    """95 % interval of covered(), by bootstrap over photographs."""
    shares = [covered([p for p in pairs if p.photograph == name]) for name in sorted({p.photograph for p in pairs})]
    drawn = np.random.default_rng(SEED).integers(0, len(shares), (RESAMPLES, len(shares)))
    low, high = np.quantile(np.asarray(shares)[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def fitting_scale(pairs: Sequence[Pair]) -> float:
    """The PAIR_SCALE with which 80 % of the pairs are covered."""
    return float(np.quantile([pair.error / pair.uncertainty for pair in pairs], COVERED))


def result_lines(pairs: Sequence[Pair]) -> list[str]:
    """What is printed."""
    low, high = covered_interval(pairs)
    photographs = len({pair.photograph for pair in pairs})
    lines = [
        f"{len(pairs):,} pairs of {photographs} photographs: covered {100 * covered(pairs):.1f} % "
        f"({100 * low:.1f} to {100 * high:.1f}), target {100 * COVERED:.0f} %",
        f"80 % are covered with PAIR_SCALE {fitting_scale(pairs):.2f}, now {PAIR_SCALE:g}",
    ]
    for first, second in QUESTIONS:
        own = [pair for pair in pairs if (pair.first, pair.second) == (first, second)]
        if own:
            change, target = (float(np.mean([getattr(pair, of) for pair in own])) for of in ("change", "target_change"))
            near = float(np.quantile([pair.error for pair in own], COVERED))
            of_target = f"of the target {target:+.1f}, 80 % of errors within {near:.1f}"
            lines.append(f"  {first}, {second}: change {change:+.1f}, {of_target}")
    return lines


def photographs(folder: Path, leave_out: Sequence[str], weights: Path | None) -> list[CleanImage]:
    """The images of a folder without those named and those that the weights were trained on. UsageError if a name is
    unknown or none remains."""
    images = load_clean_images(folder)
    unknown = set(leave_out) - {Path(image.name).stem for image in images}
    if unknown:
        raise UsageError(f"--leave-out {min(unknown)}: no such image in {folder}", "give names without suffix")
    scenes = {image.name: next(iter(photograph_scenes(folder.name, [image.name]))) for image in images}
    trained = set(shared_scenes(trained_scenes(weights).scenes or (), scenes.values()))
    kept = [image for image in images if Path(image.name).stem not in leave_out and scenes[image.name] not in trained]
    if not kept:
        raise UsageError(f"{folder}: the weights were trained on every image", "give other images")
    return kept


def measure(
    scorer: Scorer, images: Sequence[CleanImage], versions: Callable[[CleanImage, int], Versions]
) -> list[Pair]:
    """The pairs of all photographs."""
    pairs: list[Pair] = []
    for number, image in enumerate(images):
        pairs += pairs_of(scorer, image, versions(image, number))
        report(f"{image.name} ({number + 1} of {len(images)}): covered {100 * covered(pairs):.1f} % so far")
    return pairs


def go() -> int:
    parser = argparse.ArgumentParser(description="coverage of the uncertainty of a change")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--leave-out", default="", metavar="NAMES", help="without suffix, separated by commas")
    parser.add_argument("--random", type=int, metavar="N")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    images = photographs(options.folder, [name for name in options.leave_out.split(",") if name], options.weights)
    scorer = Scorer.load(options.weights, precision="fp32", device="cpu", threads=1)

    def versions(image: CleanImage, number: int) -> Versions:
        return random_versions(image, number, options.random) if options.random else named_versions(image, number)

    pairs = measure(scorer, images, versions)
    report("\n".join([f"weights {scorer.weights_id}", *result_lines(pairs)]))
    if options.json is not None:
        options.json.write_text(json.dumps([vars(pair) for pair in pairs], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    run_command(go)
