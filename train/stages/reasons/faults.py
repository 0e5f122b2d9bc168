"""The faults that the head of reasons learns from: for each word, the kinds of distortion that produce it.

None of them is motion along a line, WebP or AVIF, photon noise, or bicubic enlargement: with these the head is measured
(`hiqa_train.evaluation.clean.reasons`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hiqa_cli.engine.pipeline.reasons.names import (
    ARTEFACTS,
    BLUR,
    COLOUR,
    COMPRESSION,
    LOW_CONTRAST,
    LOW_RESOLUTION,
    NOISE,
    OVEREXPOSED,
    UNDEREXPOSED,
)
from hiqa_train import distortions as library
from hiqa_train.distortions import KADID, RANDOM, TID, Random, RandomDistortion, logarithmic
from hiqa_train.distortions.codecs import pillow
from hiqa_train.distortions.opencv import cv2


def lens(image: np.ndarray, random: Random) -> np.ndarray:
    """Out of focus: the mean over a disc of 0.8 to 8 px."""
    return library.defocus(image, logarithmic(random, 0.8, 8))


def astigmatic(image: np.ndarray, random: Random) -> np.ndarray:
    """A Gaussian of 0.8 to 5 px, 1.5 to 4 times narrower across."""
    return library.astigmatic_blur(
        image, logarithmic(random, 0.8, 5), random.uniform(1.5, 4), random.uniform(0, math.pi)
    )


def grain(image: np.ndarray, random: Random) -> np.ndarray:
    """Film grain: grey noise of 4 to 40 levels, correlated over 1 to 3 px."""
    levels = library.correlated_noise(
        np.full_like(image, 128), logarithmic(random, 4, 40), random, width=random.uniform(1, 3)
    )
    return library.to_8bit(image + (levels[..., :1].astype(np.float32) - 128))


def video(image: np.ndarray, random: Random) -> np.ndarray:
    """A video codec's losses: steps of 12 to 160 levels, blocks of 4 to 32 px, none to strong smoothing of edges."""
    smoothing = random.uniform(0.2, 0.8) if random.random() < 0.8 else 0.0
    return library.block_codec(image, logarithmic(random, 12, 160), int(random.choice((4, 8, 16, 32))), smoothing)


def cropped_jpeg(image: np.ndarray, random: Random) -> np.ndarray:
    """JPEG of quality 4 to 60, compressed before it was cropped: its blocks begin anywhere."""
    y, x = (int(start) for start in random.integers(8, size=2))
    padded = np.pad(image, ((y, 0), (x, 0), (0, 0)), mode="symmetric")
    return library.jpeg(padded, round(logarithmic(random, 4, 60)))[y:, x:]


def enlarged(image: np.ndarray, random: Random) -> np.ndarray:
    """Reduced by 1.5 to 7 in two ways, enlarged in two, none of them cubic, half of them sharpened."""
    height, width = image.shape[:2]
    factor = logarithmic(random, 1.5, 7)
    size = max(1, round(width / factor)), max(1, round(height / factor))
    down = (cv2.INTER_AREA, cv2.INTER_LINEAR)[int(random.integers(2))]
    up = (cv2.INTER_LINEAR, cv2.INTER_LANCZOS4)[int(random.integers(2))]
    large = cv2.resize(cv2.resize(image, size, interpolation=down), (width, height), interpolation=up)
    return library.unsharp(large, random.uniform(0, 1.5), factor / 2) if random.random() < 0.5 else large


def spline_enlarged(image: np.ndarray, random: Random) -> np.ndarray:
    """Reduced by 1.5 to 6 and enlarged, both by Pillow's filters: Lanczos, Hamming, bilinear."""
    image_of, factor = pillow(), logarithmic(random, 1.5, 6)
    height, width = image.shape[:2]
    filters = (image_of.Resampling.LANCZOS, image_of.Resampling.HAMMING, image_of.Resampling.BILINEAR)
    down, up = (filters[int(number)] for number in random.integers(3, size=2))
    small = image_of.fromarray(image).resize((max(1, round(width / factor)), max(1, round(height / factor))), down)
    return np.asarray(small.resize((width, height), up))


def stops(low: float, high: float) -> RandomDistortion:
    """Exposure changed by `low` to `high` stops, half of them with some of it taken back by a gamma curve."""

    def change(image: np.ndarray, random: Random) -> np.ndarray:
        by = random.uniform(low, high)
        image = library.expose(image, by)
        return library.change_gamma(image, 2 ** (by * random.uniform(0, 0.25))) if random.random() < 0.5 else image

    return change


def gamma(low: float, high: float) -> RandomDistortion:
    """A gamma curve of `low` to `high`."""
    return lambda image, random: library.change_gamma(image, logarithmic(random, low, high))


def levels(low: float, high: float) -> RandomDistortion:
    """`low` to `high` levels added."""
    return lambda image, random: library.shift_mean(image, random.uniform(low, high))


def faded(image: np.ndarray, random: Random) -> np.ndarray:
    """The range squeezed to 0.2 to 0.65 of itself, somewhere within 0..255."""
    share = random.uniform(0.2, 0.65)
    return library.to_8bit(image * share + random.uniform(0.15, 0.85) * 255 * (1 - share))


def hazy(image: np.ndarray, random: Random) -> np.ndarray:
    """Haze of a nearly neutral light grey, of a density of 0.5 to 1.8."""
    airlight = random.uniform(150, 250) + random.normal(0, 6, 3)
    return library.haze(image, random.uniform(0.5, 1.8), airlight, random)


def cast(image: np.ndarray, random: Random) -> np.ndarray:
    """A wrong white balance: two channels 0.3 to 1.5 stops apart."""
    gains = np.zeros(3)
    one, other = random.choice(3, 2, replace=False)
    gains[one], gains[other] = random.uniform(0.15, 0.75, 2) * (1, -1)
    return library.white_balance(image, 2**gains)


def tinted(image: np.ndarray, random: Random) -> np.ndarray:
    """A colour cast of 20 to 60 levels in all."""
    shift = random.normal(0, 1, 3)
    shift -= shift.mean()
    return library.shift_colour(image, shift * random.uniform(20, 60) / np.linalg.norm(shift))


def oversaturated(image: np.ndarray, random: Random) -> np.ndarray:
    """Saturation times 1.8 to 4."""
    return library.change_saturation(image, logarithmic(random, 1.8, 4))


def banded(image: np.ndarray, random: Random) -> np.ndarray:
    """Too few levels for smooth gradients."""
    return library.band(image, logarithmic(random, 12, 70), logarithmic(random, 5, 40))


def broken_off(image: np.ndarray, random: Random) -> np.ndarray:
    """A file that ended early: 0.1 to 0.7 of the picture is grey."""
    return library.cut_off(image, random.uniform(0.1, 0.7), int(random.choice((0, 128, 128, 255))))


def two_pictures(image: np.ndarray, random: Random) -> np.ndarray:
    """A dissolve into the picture's own mirror image, or that upside down."""
    other = image[:, ::-1] if random.random() < 0.5 else image[::-1]
    return library.dissolve(image, other, random.uniform(0.2, 0.5))


def halos(image: np.ndarray, random: Random) -> np.ndarray:
    """Sharpened until halos show."""
    return library.unsharp(image, logarithmic(random, 1.5, 8), logarithmic(random, 0.7, 3))


def aliased(image: np.ndarray, random: Random) -> np.ndarray:
    """Reduced by 2 to 4 without a filter, shown as squares or enlarged linearly: steps and moire on edges."""
    height, width = image.shape[:2]
    factor = random.uniform(2, 4)
    small = cv2.resize(image, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_NEAREST)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


FITTED: Mapping[str, Mapping[str, RandomDistortion]] = {
    BLUR: {
        "Gaussian blur": lambda image, random: library.blur(image, logarithmic(random, 0.7, 7)),
        "lens blur": lens,
        "astigmatic blur": astigmatic,
    },
    NOISE: {
        "noise": RANDOM["noise"],
        **{name: TID[name] for name in ("chroma noise", "correlated noise", "high-frequency noise", "impulse noise")},
        "multiplicative noise": TID["multiplicative noise"],
        "salt and pepper": KADID["salt and pepper"],
        "grain": grain,
    },
    COMPRESSION: {
        "jpeg": RANDOM["jpeg"],
        "cropped jpeg": cropped_jpeg,
        "unlimited jpeg": TID["unlimited jpeg"],
        "jpeg2000": RANDOM["jpeg2000"],
        "video": video,
    },
    LOW_RESOLUTION: {"enlarged": enlarged, "spline enlarged": spline_enlarged, "pixelated": KADID["pixelated"]},
    UNDEREXPOSED: {
        "underexposed": stops(-4, -0.8),
        "darkened": gamma(1.5, 3.5),
        "levels lowered": levels(-90, -35),
    },
    OVEREXPOSED: {
        "overexposed": stops(0.7, 3),
        "brightened": gamma(0.3, 0.7),
        "levels raised": levels(35, 90),
    },
    LOW_CONTRAST: {
        "contrast": lambda image, random: library.change_contrast(image, random.uniform(0.2, 0.65)),
        "faded": faded,
        "haze": hazy,
    },
    COLOUR: {"white balance": cast, "tinted": tinted, "oversaturated": oversaturated},
    ARTEFACTS: {
        "banded": banded,
        "few colours": KADID["few colours"],
        "moved patches": TID["moved patches"],
        "flat blocks": TID["flat blocks"],
        "colour blocks": KADID["colour blocks"],
        "jpeg errors": TID["jpeg errors"],
        "jpeg2000 errors": TID["jpeg2000 errors"],
        "colour planes": TID["chromatic aberration"],
        "cut off": broken_off,
        "dissolve": two_pictures,
        "halos": halos,
        "aliased": aliased,
        "jitter": KADID["jitter"],
    },
}
