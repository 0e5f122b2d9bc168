"""What a reader gives: one record an image, and what was found of the whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

Part = Literal["training", "validation", "test"]


@dataclass(frozen=True)
class ScoreScale:
    """A kind of score: its nominal range, the range beyond which a score must be wrong, and its direction.

    kind: "MOS" (mean opinion score) or "DMOS" (difference to the undistorted image). The kind does not say which way
        is good: KADID-10k names a column `dmos` whose high values are good.
    """

    kind: Literal["MOS", "DMOS"]
    low: float
    high: float
    plausible_low: float
    plausible_high: float
    high_is_good: bool

    def quality(self, score: float) -> float:
        """Published score -> 0..1, high is good: linear over the nominal range, not clipped."""
        share = (score - self.low) / (self.high - self.low)
        return share if self.high_is_good else 1.0 - share

    @property
    def direction(self) -> str:
        """ "high is good" or "low is good"."""
        return "high is good" if self.high_is_good else "low is good"

    def __str__(self) -> str:
        return f"{self.kind} {self.low:g}..{self.high:g}, {self.direction}"


@dataclass(frozen=True)
class Sample:
    """One image that people have scored.

    score: as published. quality: the same, 0 bad to 1 good (beyond both where the score leaves its nominal range).
    reference: the undistorted image, None where there is none or its file is missing.
    distortion, level: as the database numbers or names them; a higher level is not always worse.
    scene: what is depicted, the same word in every database that shows it (`kodim05`): images of one scene must never
        be on both sides of a split.
    split: the part that the database itself puts the image in.
    """

    path: Path
    score: float
    quality: float
    scene: str
    reference: Path | None = None
    distortion: str | None = None
    level: int | None = None
    split: Part | None = None


@dataclass(frozen=True)
class Dataset:
    """A database as found on disk: `samples` are those images that are there, in the order of the score table.

    name: as given to --dataset, or the stem of a table's file name.
    expected: how many images have a score; references_expected: how many references belong to them.
    missing, missing_references: names of files that are not there, in the order of the score table.
    notes: which of several files was read, and whatever else a person should know, one phrase each.
    """

    name: str
    title: str
    root: Path
    scale: ScoreScale
    samples: tuple[Sample, ...]
    expected: int
    references_expected: int
    missing: tuple[str, ...] = ()
    missing_references: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def first_missing(self) -> str | None:
        """The first file that is not there, an image before a reference; None where all are."""
        return next(iter(self.missing + self.missing_references), None)

    @property
    def has_references(self) -> bool:
        """Whether any image has its reference: only then can a generator be trained on it."""
        return any(sample.reference is not None for sample in self.samples)

    @property
    def range_from_scores(self) -> bool:
        """Whether the nominal range is the scores' own extremes, since nobody gave one (a table without --range)."""
        return math.isinf(self.scale.plausible_high)

    def coverage(self) -> str:
        """One line: how many of how many images, the first missing file, the scale."""
        line = f"{self.name}: {len(self.samples):,} of {self.expected:,} images"
        if self.missing_references:
            there = self.references_expected - len(self.missing_references)
            line += f", {there:,} of {self.references_expected:,} references"
        if self.first_missing is not None:
            line += f", first missing {self.first_missing}"
        return f"{line}; {self.scale}"

    def rescaled(self, low: float, high: float) -> Dataset:
        """The same with another nominal range, `low` < `high`: every quality anew, scores as they were."""
        scale = replace(self.scale, low=low, high=high)
        samples = tuple(replace(sample, quality=scale.quality(sample.score)) for sample in self.samples)
        return replace(self, scale=scale, samples=samples)
