"""What a reader returns: a `Dataset` with a `Sample` per image and the `ScoreScale` of its scores."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

Part = Literal["training", "validation", "test"]


@dataclass(frozen=True)
class ScoreScale:
    """A kind of score: its nominal range, the range outside which a score must be an error, and its direction.

    kind: "MOS" (mean opinion score) or "DMOS" (differential, relative to the undistorted image). The kind does not
        imply the direction: in KADID-10k's column `dmos`, high values are good.
    """

    kind: Literal["MOS", "DMOS"]
    low: float
    high: float
    plausible_low: float
    plausible_high: float
    high_is_good: bool

    def quality(self, score: float) -> float:
        """Published score -> quality in 0..1, high is good: linear over the nominal range, not clipped."""
        fraction = (score - self.low) / (self.high - self.low)
        return fraction if self.high_is_good else 1.0 - fraction

    @property
    def direction(self) -> str:
        """ "high is good" or "low is good"."""
        return "high is good" if self.high_is_good else "low is good"

    def __str__(self) -> str:
        return f"{self.kind} {self.low:g}..{self.high:g}, {self.direction}"


@dataclass(frozen=True)
class Sample:
    """One image with a human score.

    score: as published. quality: the score on a scale from 0 (bad) to 1 (good), outside it where the score exceeds its
        nominal range.
    reference: the undistorted image, None where there is none or its file is missing.
    distortion, level: as named or numbered by the database; a higher level is not always worse.
    scene: what the image shows, by the same name in every database (`kodim05`): images of one scene must be in one part
        of a split.
    split: the part of the database's official split.
    subset: the part of the database that it comes from, where that consists of several collections ("ss01").
    """

    path: Path
    score: float
    quality: float
    scene: str
    reference: Path | None = None
    distortion: str | None = None
    level: int | None = None
    split: Part | None = None
    subset: str = ""

    @property
    def kind(self) -> str:
        """The distortion, else the subset; "" where the database has neither."""
        return self.distortion or self.subset


@dataclass(frozen=True)
class Dataset:
    """A database or table as found on disk: `samples` are the images that exist, in the order of the score table.

    name: as given to --dataset, or the stem of a table's file name.
    expected: number of images with a score. references_expected: number of their references.
    missing, missing_references: names of missing files, in the order of the score table.
    notes: remarks for the user, such as which of several files was read, one phrase each.
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
        """The first missing file, images before references; None where all exist."""
        return next(iter(self.missing + self.missing_references), None)

    @property
    def has_references(self) -> bool:
        """Whether any image has its reference; without one, no generator can be trained."""
        return any(sample.reference is not None for sample in self.samples)

    @property
    def range_from_scores(self) -> bool:
        """Whether the nominal range is the lowest and highest score, as for a table without --range."""
        return math.isinf(self.scale.plausible_high)

    def coverage(self) -> str:
        """One line: number of images found and expected, the first missing file, the scale."""
        line = f"{self.name}: {len(self.samples):,} of {self.expected:,} images"
        if self.missing_references:
            found = self.references_expected - len(self.missing_references)
            line += f", {found:,} of {self.references_expected:,} references"
        if self.first_missing is not None:
            line += f", first missing {self.first_missing}"
        return f"{line}; {self.scale}"

    def rescaled(self, low: float, high: float) -> Dataset:
        """A copy with another nominal range, `low` < `high`, and the qualities that follow from it."""
        scale = replace(self.scale, low=low, high=high)
        samples = tuple(replace(sample, quality=scale.quality(sample.score)) for sample in self.samples)
        return replace(self, scale=scale, samples=samples)
