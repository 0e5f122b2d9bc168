"""The distortion of each TID2013 type, and its strength at each level.

`tid2013.toml` has the types: name, definition, class, and the strengths of those with one strength per level for all
scenes. `tid2013.csv` has the others, `type,level,scene,strength,draw`: strengths that give an image the published PSNR,
and, for random distortions, the number of the draw. `experiments/rebuilt/fit.py` found both from published PSNRs.
"""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

from hiqa_train import distortions
from hiqa_train.distortions import Random

from .kodak import SCENES

LEVELS = range(1, 6)
FILES = ("tid2013.toml", "tid2013.csv")
Class = Literal["exact", "same level", "alike", "not rebuilt"]
Make = Callable[[np.ndarray, float, Random], np.ndarray]

MAKE: dict[int, Make] = {
    1: distortions.add_noise,
    2: distortions.chroma_noise,
    3: distortions.correlated_noise,
    4: distortions.masked_noise,
    5: distortions.high_frequency_noise,
    6: distortions.impulse_noise,
    7: lambda image, strength, random: distortions.quantize(image, strength),
    8: lambda image, strength, random: distortions.zero_bordered_blur(image, strength),
    9: distortions.add_noise_and_denoise,
    10: lambda image, strength, random: distortions.unlimited_jpeg(image, round(strength)),
    11: lambda image, strength, random: distortions.wavelet_codec(image, strength),
    12: lambda image, strength, random: distortions.jpeg_errors(image, round(strength), random, restart=32),
    13: lambda image, strength, random: distortions.jpeg2000_errors(image, round(strength), random),
    14: lambda image, strength, random: distortions.moved_patches(image, round(strength), random, side=8, reach=6),
    15: lambda image, strength, random: distortions.flat_blocks(image, int(strength // 1000), strength % 1000, random),
    16: lambda image, strength, random: distortions.shift_mean(image, strength),
    17: lambda image, strength, random: distortions.change_contrast(image, strength),
    18: lambda image, strength, random: distortions.scale_chroma(image, strength),
    19: distortions.multiplicative_noise,
    20: distortions.comfort_noise,
    21: distortions.compressed_noise,
    22: lambda image, strength, random: distortions.reduce_colours(image, round(strength)),
    23: lambda image, strength, random: distortions.aberration(image, strength),
    24: distortions.sparse_sampling,
}


@dataclass(frozen=True)
class TidType:
    """A type of TID2013.

    definition: in words; unit: of the strength.
    each: whether every image has its own strength. is_fitted: whether hiqa fitted that strength although the database
    has a common one. draws: the number of random draws that `fit` may select from.
    levels: strengths of levels 1 to 5 if all scenes share them (type 15: lower bounds).
    """

    number: int
    name: str
    definition: str
    unit: str
    kind: Class
    each: bool
    is_fitted: bool
    draws: int
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Strength:
    """The strength of a distortion, and the number of its random draw."""

    strength: float
    draw: int = 0


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def fingerprint() -> str:
    """SHA-256 of the files that determine the images."""
    return hashlib.sha256("".join(_text(name) for name in FILES).encode()).hexdigest()


@cache
def types() -> dict[int, TidType]:
    """Number -> type, 1 to 24."""
    rows = tomllib.loads(_text("tid2013.toml"))["type"]
    return {
        row["number"]: TidType(
            row["number"],
            row["name"],
            row["definition"],
            row["unit"],
            row["class"],
            row.get("each", False),
            row.get("brought", False),
            row.get("draws", 1),
            tuple(row.get("levels", ())),
        )
        for row in rows
    }


@cache
def strengths() -> dict[tuple[int, int, int], Strength]:
    """(type, level, scene) -> strength, for every type with known strengths."""
    found = {}
    for row in types().values():
        for level, strength in enumerate(row.levels, start=1):
            found.update({(row.number, level, scene): Strength(strength) for scene in SCENES})
    for line in csv.DictReader(_text("tid2013.csv").splitlines()):
        place = int(line["type"]), int(line["level"]), int(line["scene"])
        found[place] = Strength(float(line["strength"]), int(line["draw"]))
    return found


def make(reference: np.ndarray, kind: int, level: int, scene: int, strength: Strength) -> np.ndarray:
    """The image of a type, level 1..5 and scene, deterministically."""
    random = np.random.default_rng([2013, kind, level, scene, strength.draw])
    return MAKE[kind](reference, strength.strength, random)


def rebuild(reference: np.ndarray, kind: int, level: int, scene: int) -> np.ndarray:
    """The image of a type, level 1..5 and scene, at its stored strength."""
    return make(reference, kind, level, scene, strengths()[kind, level, scene])
