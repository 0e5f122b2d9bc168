"""The gain in PSNR of the hallucination over the distorted image, in dB, relative to the clean image.

Measured over all values of 8-bit images, as `hiqa hallucinate` writes them, and compared with simple OpenCV filters,
each at its best setting on the same images, which favours the filters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from hiqa_cli.engine.scorer import Scorer
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.distortions import blur, downscale, jpeg, psnr, unsharp
from hiqa_train.distortions.opencv import cv2

from .ladders import seeded_noise

Filter = Callable[[np.ndarray], np.ndarray]


DISTORTIONS: dict[str, Callable[[CleanImage], np.ndarray]] = {
    "noise 25": lambda image: seeded_noise(image, 25),
    "JPEG 10": lambda image: jpeg(image.pixels, 10),
    "down 4": lambda image: downscale(image.pixels, 4),
    "blur 2": lambda image: blur(image.pixels, 2),
}


def filters() -> dict[str, Filter]:
    """OpenCV's filters over a grid of settings, by name."""
    found: dict[str, Filter] = {}
    for sigma in (0.5, 0.7, 0.9, 1.2, 1.6):
        found[f"Gaussian {sigma}"] = partial(cv2.GaussianBlur, ksize=(0, 0), sigmaX=sigma)
    for colour in (10, 20, 40, 80, 120):
        for space in (1, 2, 3):
            found[f"bilateral {colour}/{space}"] = partial(
                cv2.bilateralFilter, d=0, sigmaColor=colour, sigmaSpace=space
            )
    for strength in (3, 6, 10, 15, 20):
        found[f"non-local means {strength}"] = partial(cv2.fastNlMeansDenoisingColored, h=strength, hColor=strength)
    for sigma in (1.0, 2.0, 3.0):
        for amount in (0.2, 0.5, 1.0):
            found[f"unsharp {sigma}/{amount}"] = partial(unsharp, sigma=sigma, amount=amount)
    return found


@dataclass(frozen=True)
class Gain:
    """Means over the images, in dB: PSNR of the distorted image, gain of the hallucination, and gain and name of the
    best filter."""

    before: float
    gain: float
    filter_gain: float
    filter_name: str


def measure_gains(
    scorer: Scorer, images: list[CleanImage], *, stride: int, with_filters: bool, report: Callable[[str], None]
) -> tuple[dict[str, Gain], float]:
    """The gain for each distortion, and the mean PSNR of clean images against their own hallucinations (infinite values
    count as 60 dB)."""

    def hallucinate(image: np.ndarray) -> np.ndarray:
        hallucination = scorer.score(image, stride=stride, hallucination=True).hallucination
        if hallucination is None:
            raise RuntimeError("the scorer returned no hallucination")
        return hallucination

    gains: dict[str, Gain] = {}
    for name, distort in DISTORTIONS.items():
        befores, ours = [], []
        by_filter: dict[str, list[float]] = {}
        for image in images:
            distorted = distort(image)
            before = psnr(distorted, image.pixels)
            befores.append(before)
            ours.append(psnr(hallucinate(distorted), image.pixels) - before)
            for filter_name, apply in filters().items() if with_filters else ():
                gain = psnr(apply(distorted), image.pixels) - before
                by_filter.setdefault(filter_name, []).append(gain)
        means = {filter_name: float(np.mean(values)) for filter_name, values in by_filter.items()}
        best = max(means, key=lambda key: means[key]) if means else "none"
        gains[name] = Gain(float(np.mean(befores)), float(np.mean(ours)), means.get(best, 0.0), best)
        report(f"gains: {name}: {gains[name].gain:+.2f} dB, best filter {means.get(best, 0.0):+.2f} dB ({best})")
    clean = [min(60.0, psnr(hallucinate(image.pixels), image.pixels)) for image in images]
    return gains, float(np.mean(clean))
