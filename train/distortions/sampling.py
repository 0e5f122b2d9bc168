"""Random distortions for training: every kind of this library at a random strength.

Strengths range from hardly visible to about the worst of the databases, uniformly on a logarithmic scale where that
matches perception. All kinds take and return (H, W, 3) uint8 RGB, and are reproducible for a given random generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from . import chains
from .blur import add_noise_and_denoise, blur, defocus, downscale, motion_blur, pixelate, unsharp, zero_bordered_blur
from .codecs import jpeg, jpeg2000, unlimited_jpeg
from .colours import change_saturation, diffuse_colour, displace_green, scale_chroma, separate_channels, shift_colour
from .local import colour_blocks, flat_blocks, jitter, moved_patches, sparse_sampling
from .noise import (
    add_noise,
    chroma_noise,
    comfort_noise,
    compressed_noise,
    correlated_noise,
    high_frequency_noise,
    impulse_noise,
    masked_noise,
    multiplicative_noise,
    salt_and_pepper,
)
from .opencv import cv2
from .palettes import reduce_colours
from .pixels import Random, logarithmic
from .tones import change_contrast, change_gamma, quantize, shift_mean
from .transmission import jpeg2000_errors, jpeg_errors

RandomDistortion = Callable[[np.ndarray, Random], np.ndarray]


def random_noise(image: np.ndarray, random: Random) -> np.ndarray:
    """White noise of 2 to 60 levels, sometimes the same in all channels."""
    sigma = logarithmic(random, 2, 60)
    return add_noise(image, sigma, random, grey=random.random() < 0.15)


def random_blur(image: np.ndarray, random: Random) -> np.ndarray:
    """A Gaussian blur of 0.5 to 7 px."""
    return blur(image, logarithmic(random, 0.5, 7))


def random_jpeg(image: np.ndarray, random: Random) -> np.ndarray:
    """JPEG of quality 4 to 92."""
    return jpeg(image, round(logarithmic(random, 4, 92)))


def random_jpeg2000(image: np.ndarray, random: Random) -> np.ndarray:
    """JPEG 2000 of 0.06 to 1.5 bits per pixel."""
    return jpeg2000(image, logarithmic(random, 0.06, 1.5))


def random_reduction(image: np.ndarray, random: Random) -> np.ndarray:
    """Reduced by 1.25 to 7, and enlarged again."""
    up = cv2.INTER_CUBIC if random.random() < 0.8 else cv2.INTER_LINEAR
    return downscale(image, logarithmic(random, 1.25, 7), up)


def random_contrast(image: np.ndarray, random: Random) -> np.ndarray:
    """Contrast times 0.25 to 2, or a gamma of 0.4 to 2.5."""
    if random.random() < 0.6:
        return change_contrast(image, logarithmic(random, 0.25, 2.0))
    return change_gamma(image, logarithmic(random, 0.4, 2.5))


def random_colour(image: np.ndarray, random: Random) -> np.ndarray:
    """Saturation times 0 to 2.2, or a colour cast."""
    if random.random() < 0.5:
        return change_saturation(image, random.uniform(0, 2.2))
    return shift_colour(image, random.normal(0, 18, 3))


# Simple kinds; "mixture" chains them.
RANDOM: dict[str, RandomDistortion] = {
    "noise": random_noise,
    "blur": random_blur,
    "jpeg": random_jpeg,
    "jpeg2000": random_jpeg2000,
    "reduction": random_reduction,
    "contrast": random_contrast,
    "colour": random_colour,
}


def either_sign(random: Random) -> int:
    """1 or -1, equally often."""
    return 1 if random.random() < 0.5 else -1


def count_for(image: np.ndarray, per_megapixel: float) -> int:
    """A number of objects for a picture of this size, at least one."""
    return max(1, round(per_megapixel * image.shape[0] * image.shape[1] / 1e6))


def random_correlated_noise(image: np.ndarray, random: Random) -> np.ndarray:
    """Noise of 2 to 40 levels, correlated over 1.5 to 5 px."""
    return correlated_noise(image, logarithmic(random, 2, 40), random, width=random.uniform(1.5, 5))


def random_moved_patches(image: np.ndarray, random: Random) -> np.ndarray:
    """50 to 1000 moved patches a megapixel, of 8 to 24 px a side."""
    count = count_for(image, logarithmic(random, 50, 1000))
    return moved_patches(image, count, random, side=int(random.integers(8, 25)))


def random_flat_blocks(image: np.ndarray, random: Random) -> np.ndarray:
    """10 to 120 flat blocks a megapixel, shifted by up to 150 levels."""
    count = count_for(image, logarithmic(random, 10, 120))
    return flat_blocks(image, count, random.uniform(0, 150), random)


def random_compressed_noise(image: np.ndarray, random: Random) -> np.ndarray:
    """Noise of 2 to 30 levels, compressed with a step of 2 to 5 times that."""
    return compressed_noise(image, logarithmic(random, 2, 30), random, step=random.uniform(2, 5))


def random_tid_contrast(image: np.ndarray, random: Random) -> np.ndarray:
    """Contrast times 1.15 to 2, or divided by it."""
    return change_contrast(image, logarithmic(random, 1.15, 2) ** either_sign(random))


def random_separated_channels(image: np.ndarray, random: Random) -> np.ndarray:
    """Colour planes 0.4 to 8 px apart, and blurred by up to 1.5 px."""
    return separate_channels(image, logarithmic(random, 0.4, 8), random.uniform(0, 2 * math.pi), random.uniform(0, 1.5))


def random_jpeg_errors(image: np.ndarray, random: Random) -> np.ndarray:
    """8 to 250 bit errors a megapixel in a JPEG of quality 50 to 94."""
    errors = count_for(image, logarithmic(random, 8, 250))
    restart = int(random.choice((2, 4, 8, 16)))
    return jpeg_errors(image, errors, random, quality=int(random.integers(50, 95)), restart=restart)


def random_jpeg2000_errors(image: np.ndarray, random: Random) -> np.ndarray:
    """5 to 80 bit errors a megapixel in a JPEG 2000 of 20 to 100 thousandths of the raw size."""
    errors = count_for(image, logarithmic(random, 5, 80))
    return jpeg2000_errors(image, errors, random, per_mille=round(logarithmic(random, 20, 100)))


def random_motion_blur(image: np.ndarray, random: Random) -> np.ndarray:
    """A motion blur of 1.5 to 20 px in any direction."""
    return motion_blur(image, logarithmic(random, 1.5, 20), random.uniform(0, math.pi))


def random_colour_blocks(image: np.ndarray, random: Random) -> np.ndarray:
    """10 to 60 coloured blocks a megapixel."""
    return colour_blocks(image, count_for(image, logarithmic(random, 10, 60)), random)


# Hardly visible: the strengths of RANDOM are logarithmic, and few of them are below what TID2013 has.
MILD: dict[str, RandomDistortion] = {
    "mild noise": lambda image, random: add_noise(image, logarithmic(random, 1, 6), random),
    "mild blur": lambda image, random: blur(image, logarithmic(random, 0.3, 0.9)),
    "mild jpeg": lambda image, random: jpeg(image, int(random.integers(60, 98))),
    "mild jpeg2000": lambda image, random: jpeg2000(image, logarithmic(random, 1, 4)),
    "mild reduction": lambda image, random: downscale(image, logarithmic(random, 1.05, 1.6)),
}

# TID2013's 24 types, in the order of their numbers.
TID: dict[str, RandomDistortion] = {
    "white noise": lambda image, random: add_noise(image, logarithmic(random, 4, 25), random),
    "chroma noise": lambda image, random: chroma_noise(image, logarithmic(random, 1.5, 12), random),
    "correlated noise": random_correlated_noise,
    "masked noise": lambda image, random: masked_noise(image, logarithmic(random, 15, 150), random),
    "high-frequency noise": lambda image, random: high_frequency_noise(image, logarithmic(random, 3, 50), random),
    "impulse noise": lambda image, random: impulse_noise(image, logarithmic(random, 0.003, 0.09), random),
    "quantization": lambda image, random: quantize(image, logarithmic(random, 12, 85)),
    "Gaussian blur": lambda image, random: zero_bordered_blur(image, logarithmic(random, 0.45, 4)),
    "denoised": lambda image, random: add_noise_and_denoise(image, logarithmic(random, 4, 60), random),
    "unlimited jpeg": lambda image, random: unlimited_jpeg(image, round(logarithmic(random, 3, 85))),
    "jpeg2000": random_jpeg2000,
    "jpeg errors": random_jpeg_errors,
    "jpeg2000 errors": random_jpeg2000_errors,
    "moved patches": random_moved_patches,
    "flat blocks": random_flat_blocks,
    "mean shift": lambda image, random: shift_mean(image, either_sign(random) * logarithmic(random, 4, 50)),
    "contrast change": random_tid_contrast,
    "saturation": lambda image, random: scale_chroma(image, random.uniform(-1, 0.9)),
    "multiplicative noise": lambda image, random: multiplicative_noise(image, logarithmic(random, 0.03, 0.25), random),
    "comfort noise": lambda image, random: comfort_noise(image, logarithmic(random, 6, 250), random),
    "compressed noise": random_compressed_noise,
    "dithered": lambda image, random: reduce_colours(image, round(logarithmic(random, 4, 120))),
    "chromatic aberration": random_separated_channels,
    "sparse sampling": lambda image, random: sparse_sampling(image, logarithmic(random, 8, 150), random),
}

# KADID-10k's types that are not TID2013's too.
KADID: dict[str, RandomDistortion] = {
    "lens blur": lambda image, random: defocus(image, logarithmic(random, 0.7, 8)),
    "motion blur": random_motion_blur,
    "colour diffusion": lambda image, random: diffuse_colour(image, logarithmic(random, 1, 12)),
    "colour shift": lambda image, random: displace_green(image, logarithmic(random, 0.5, 10), random.uniform(0, 6.3)),
    "few colours": lambda image, random: reduce_colours(image, round(logarithmic(random, 4, 64)), dither=False),
    "oversaturated": lambda image, random: change_saturation(image, logarithmic(random, 1.2, 4)),
    "brightened": lambda image, random: change_gamma(image, logarithmic(random, 0.35, 0.9)),
    "darkened": lambda image, random: change_gamma(image, logarithmic(random, 1.1, 3)),
    "salt and pepper": lambda image, random: salt_and_pepper(image, logarithmic(random, 0.001, 0.04), random),
    "jitter": lambda image, random: jitter(image, logarithmic(random, 0.3, 3), random),
    "pixelated": lambda image, random: pixelate(image, logarithmic(random, 1.5, 10)),
    "colour blocks": random_colour_blocks,
    "sharpened": lambda image, random: unsharp(image, logarithmic(random, 0.5, 10)),
}

CHAINS: dict[str, RandomDistortion] = {
    "camera": chains.camera,
    "night": chains.night,
    "web": chains.web,
    "enlarged": chains.enlarged,
    "film": chains.film,
    "oversharpened": chains.oversharpened,
    "haze": chains.hazy,
    "exposure": chains.badly_exposed,
    "banding": chains.banded,
    "vignette": chains.vignetted,
}


def random_mixture(image: np.ndarray, random: Random) -> np.ndarray:
    """Two or three kinds of RANDOM in a realistic order: tones, optics, sensor noise, codec."""
    order = ["contrast", "colour", "blur", "reduction", "noise", "jpeg2000", "jpeg"]
    shares = np.array([1, 1, 2, 2, 3, 1, 3], float)
    chosen = random.choice(len(order), size=random.integers(2, 4), replace=False, p=shares / shares.sum())
    for place in sorted(chosen):
        image = RANDOM[order[place]](image, random)
    return image


KINDS: dict[str, RandomDistortion] = {
    **RANDOM,
    **TID,
    **KADID,
    **CHAINS,
    **MILD,
    "mixture": random_mixture,
    "clean": lambda image, random: image,
}

# Kinds whose strength depends on the size of the image: a codec's fixed header, errors per file, depth of haze.
NEED_LARGE = frozenset({"jpeg2000", "mild jpeg2000", "mixture", "jpeg errors", "jpeg2000 errors", "haze"})


def default_shares(
    tid: float = 0.4, kadid: float = 0.1, chained: float = 0.25, clean: float = 0.02
) -> dict[str, float]:
    """Kind -> share, summing to 1: TID2013's types, KADID-10k's, chains; the rest is RANDOM's.

    Kinds of one group have equal shares; "mixture" has twice the share of another of RANDOM.
    """
    shares = {"clean": clean}

    def add(kinds: Mapping[str, object], share: float) -> None:
        for kind in kinds:
            shares[kind] = shares.get(kind, 0) + share / len(kinds)

    add(TID, tid)
    add(KADID, kadid)
    add(CHAINS, chained)
    rest = 1 - tid - kadid - chained - clean
    add(RANDOM, rest * len(RANDOM) / (len(RANDOM) + 2))
    shares["mixture"] = rest * 2 / (len(RANDOM) + 2)
    return shares


def expand_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """The shares, with that of "all" divided among all kinds as by default_shares()."""
    expanded = {kind: share for kind, share in shares.items() if kind != "all"}
    if "all" in shares:
        for kind, share in default_shares().items():
            expanded[kind] = expanded.get(kind, 0) + shares["all"] * share
    return expanded


def distort(image: np.ndarray, kind: str, random: Random) -> np.ndarray:
    """Apply `kind` of KINDS at a random strength; "clean" leaves the image unchanged."""
    return KINDS[kind](image, random)
