"""Ladders: clean images distorted in rising strength; scores should fall from step to step.

For each kind: the rank correlation of score and strength in each image (the clean image is strength 0), its
mean over images, and how often the clean image scores above its distorted versions. Distortions are OpenCV's with its
defaults; noise is clipped, rounded to 8 bits, and seeded by image and strength; motion has a direction seeded by the
image.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import spearmanr

from hiqa_cli.engine.scorer import Scorer
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.distortions import add_noise, blur, decode, downscale, expose, jpeg, jpeg2000_bytes, motion_blur

# Strengths from mild to strong: sigma in levels, sigma in px, quality, bits per pixel, factor, px, stops of light lost.
LADDERS: dict[str, tuple[float, ...]] = {
    "noise": (3, 6, 12, 25, 50),
    "blur": (0.7, 1.2, 2, 3.5, 6),
    "jpeg": (80, 50, 25, 12, 5),
    "jpeg2000": (1, 0.5, 0.25, 0.12, 0.06),
    "down": (1.5, 2, 3, 4, 6),
    "motion": (3, 5, 9, 15, 25),
    "exposure": (0.5, 1, 1.5, 2, 3),
}


@dataclass
class LadderResult:
    """srocc: rank correlation of minus score with strength, by kind, one per image (1 is best);
    above: for each (clean, distorted) pair, whether the clean image scores higher, by kind;
    scores: image -> kind -> scores from clean to strongest; rates: bits per pixel that JPEG 2000 reached."""

    srocc: dict[str, list[float]] = field(default_factory=dict)
    above: dict[str, list[bool]] = field(default_factory=dict)
    scores: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    rates: dict[float, list[float]] = field(default_factory=dict)

    @property
    def mean_srocc(self) -> dict[str, float]:
        """Mean over the images, by kind."""
        return {kind: float(np.mean(values)) for kind, values in self.srocc.items()}

    @property
    def share_above(self) -> float:
        """Share of all pairs in which the clean image scores higher."""
        return float(np.mean([hit for hits in self.above.values() for hit in hits]))


def seeded_noise(image: CleanImage, sigma: float) -> np.ndarray:
    """The same noise for the same image and strength, on every machine."""
    seed = [zlib.crc32(image.name.encode()), round(sigma * 10)]
    return add_noise(image.pixels, sigma, np.random.default_rng(seed))


def direction(image: CleanImage) -> float:
    """The direction of motion in an image, radians in 0..pi, the same on every machine."""
    return float(np.random.default_rng(zlib.crc32(image.name.encode())).uniform(0, np.pi))


def jpeg2000_at_most(pixels: np.ndarray, bits_per_pixel: float) -> tuple[np.ndarray, float]:
    """The image after the largest JPEG 2000 file of at most this rate that OpenCV writes, and its rate.

    OpenCV's unit is a thousandth of the raw size; if its smallest file exceeds the rate, that one is used.
    """
    places = pixels.shape[0] * pixels.shape[1]
    allowed = bits_per_pixel * places / 8
    low, high = 1, 1000
    best = jpeg2000_bytes(pixels, low)
    while low <= high:
        middle = (low + high) // 2
        data = jpeg2000_bytes(pixels, middle)
        if data.size <= allowed:
            low = middle + 1
            if data.size >= best.size:
                best = data
        else:
            high = middle - 1
    return decode(best), best.size * 8 / places


def steps(image: CleanImage, kind: str) -> Iterator[tuple[float, np.ndarray, float]]:
    """(strength, distorted image, rate or 0) for each strength of a kind."""
    simple: dict[str, Callable[[float], np.ndarray]] = {
        "noise": lambda strength: seeded_noise(image, strength),
        "blur": lambda strength: blur(image.pixels, strength),
        "jpeg": lambda strength: jpeg(image.pixels, int(strength)),
        "down": lambda strength: downscale(image.pixels, strength),
        "motion": lambda strength: motion_blur(image.pixels, strength, direction(image)),
        "exposure": lambda strength: expose(image.pixels, -strength),
    }
    for strength in LADDERS[kind]:
        if kind == "jpeg2000":
            distorted, rate = jpeg2000_at_most(image.pixels, strength)
            yield strength, distorted, rate
        else:
            yield strength, simple[kind](strength), 0.0


def measure_ladders(
    scorer: Scorer, images: list[CleanImage], *, stride: int, report: Callable[[str], None]
) -> LadderResult:
    """Score every step of every ladder of every image; `report` gets a line per image."""
    result = LadderResult()
    for number, image in enumerate(images, start=1):
        clean = scorer.score(image.pixels, stride=stride).score
        for kind in LADDERS:
            scores = [clean]
            for strength, distorted, rate in steps(image, kind):
                scores.append(scorer.score(distorted, stride=stride).score)
                if rate:
                    result.rates.setdefault(strength, []).append(rate)
            correlation = float(spearmanr(range(len(scores)), [-score for score in scores])[0])
            result.srocc.setdefault(kind, []).append(correlation)
            result.above.setdefault(kind, []).extend(clean > score for score in scores[1:])
            result.scores.setdefault(image.name, {})[kind] = scores
        report(f"ladders: {image.name} ({number} of {len(images)}), clean {clean:.1f}")
    return result
