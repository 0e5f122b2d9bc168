"""Reasons on kinds of faults that the head was not fitted to, at strengths that cost enough to matter.

Motion along a line, WebP and AVIF, photon (Poisson) noise, and bicubic enlargement three times. A version counts where
it costs LEAST_COST points by MDSI on hiqa's scale. The photographs themselves should be called nothing.
"""

from __future__ import annotations

import io
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from hiqa_cli.engine.pipeline.reasons.names import BLUR, COMPRESSION, LOW_RESOLUTION, NOISE
from hiqa_cli.engine.scorer import Scorer
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.mdsi import mdsi_quality
from hiqa_train.data.patches import to_tensor
from hiqa_train.distortions import Random, motion_blur, to_8bit
from hiqa_train.distortions.codecs import pillow

LEAST_COST = 10.0  # points
CLEAN = "clean"

Fault = Callable[[np.ndarray, float, Random], np.ndarray]


def stored(form: str) -> Fault:
    """The picture after Pillow wrote it in a lossy format, at a quality of 0..100."""

    def write_and_read(image: np.ndarray, quality: float, random: Random) -> np.ndarray:
        file = io.BytesIO()
        pillow().fromarray(image).save(file, form, quality=int(quality))
        return np.asarray(pillow().open(io.BytesIO(file.getvalue())).convert("RGB"))

    return write_and_read


def photons(image: np.ndarray, white: float, random: Random) -> np.ndarray:
    """Poisson noise; white: photons of the largest value."""
    return to_8bit(random.poisson(image / 255 * white) / white * 255)


def moved(image: np.ndarray, length: float, random: Random) -> np.ndarray:
    """Motion along a line of `length` px in any direction."""
    return motion_blur(image, length, random.uniform(0, math.pi))


def bicubic(image: np.ndarray, factor: float, random: Random) -> np.ndarray:
    """Reduced and enlarged again by a factor, both bicubic, by Pillow."""
    height, width = image.shape[:2]
    cubic = pillow().Resampling.BICUBIC
    small = pillow().fromarray(image).resize((round(width / factor), round(height / factor)), cubic)
    return np.asarray(small.resize((width, height), cubic))


# kind -> its word, function and strengths from mild to strong
HELD_OUT: Mapping[str, tuple[str, Fault, tuple[float, ...]]] = {
    "motion blur": (BLUR, moved, (5, 9, 17)),
    "Poisson noise": (NOISE, photons, (250, 80, 25)),
    "WebP": (COMPRESSION, stored("WEBP"), (40, 15, 4)),
    "AVIF": (COMPRESSION, stored("AVIF"), (45, 25, 8)),
    "bicubic": (LOW_RESOLUTION, bicubic, (3,)),
}
MEASURED = (BLUR, NOISE, COMPRESSION, LOW_RESOLUTION)


@dataclass(frozen=True)
class WordMeasure:
    """images: with the fault. precision, recall, f1: in 0..1. points_error: mean absolute error in points where it was
    called rightly, None where it never was."""

    images: int
    precision: float
    recall: float
    f1: float
    points_error: float | None


@dataclass
class ReasonsResult:
    """calls: kind (or CLEAN) -> how often each word was called. counts: kind -> versions. too_faint: kind -> versions
    that cost less than LEAST_COST, which are not counted. called_clean: name -> words of clean images called anything.
    """

    calls: dict[str, Counter[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    too_faint: Counter[str] = field(default_factory=Counter)
    errors: dict[str, list[float]] = field(default_factory=dict)
    called_clean: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, kind: str, found: Mapping[str, float], cost: float = 0.0) -> None:
        """Count a version. found: word -> points. cost: by MDSI."""
        self.counts[kind] += 1
        self.calls.setdefault(kind, Counter()).update(list(found))
        word = HELD_OUT[kind][0] if kind in HELD_OUT else ""
        if word in found:
            self.errors.setdefault(word, []).append(abs(found[word] - cost))

    def of_word(self, word: str) -> WordMeasure:
        """How well a word was told."""
        kinds = [kind for kind, (its, _, _) in HELD_OUT.items() if its == word]
        there = sum(self.counts[kind] for kind in kinds)
        right = sum(self.calls.get(kind, Counter())[word] for kind in kinds)
        called = sum(of_kind[word] for of_kind in self.calls.values())
        errors = self.errors.get(word)
        return WordMeasure(
            there,
            right / max(1, called),
            right / max(1, there),
            2 * right / max(1, called + there),
            float(np.mean(errors)) if errors else None,
        )

    @property
    def mean_f1(self) -> float:
        """The mean over the words of MEASURED."""
        return float(np.mean([self.of_word(word).f1 for word in MEASURED]))


def versions(image: CleanImage) -> Iterator[tuple[str, np.ndarray, float]]:
    """(kind, faulty image, its cost in points) for each strength of each kind of HELD_OUT."""
    reference = to_tensor([image.pixels])
    for kind, (_, fault, strengths) in HELD_OUT.items():
        for strength in strengths:
            random = np.random.default_rng([zlib.crc32(f"{image.name} {kind}".encode()), round(10 * strength)])
            faulty = np.ascontiguousarray(fault(image.pixels, strength, random))
            yield kind, faulty, 100 - 100 * float(mdsi_quality(to_tensor([faulty]), reference))


def measure_reasons(scorer: Scorer, images: list[CleanImage], *, report: Callable[[str], None]) -> ReasonsResult:
    """Name the reasons of every version and of every image itself; `report` gets a line per image."""
    result = ReasonsResult()

    def words_of(pixels: np.ndarray) -> dict[str, float]:
        return {reason.word: reason.points for reason in scorer.score(pixels).reasons}

    for number, image in enumerate(images, start=1):
        called = words_of(image.pixels)
        result.add(CLEAN, called)
        if called:
            result.called_clean[image.name] = tuple(called)
        for kind, faulty, cost in versions(image):
            if cost < LEAST_COST:
                result.too_faint[kind] += 1
                continue
            result.add(kind, words_of(faulty), cost)
        report(f"reasons: {image.name} ({number} of {len(images)}), {', '.join(called) or 'none'}")
    return result
