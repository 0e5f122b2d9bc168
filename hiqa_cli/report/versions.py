"""Several versions of the same images, such as one folder for each setting of a codec: their scores side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hiqa_cli.errors import UsageError

from .change import Change, measure_change
from .pairs import match_paths

LOSERS = 5  # images that a comparison names
HOW_IMAGES_MATCH = "images match if their paths below each version's common folder are equal, file suffix aside"


@dataclass(frozen=True)
class Version:
    """One version. name: as given. paths, scores: of its images, in order; None for one without a score."""

    name: str
    paths: tuple[str, ...]
    scores: tuple[float | None, ...]


@dataclass(frozen=True)
class Comparison:
    """A version against the first one.

    losers: (name of the image, score before, score now), those that fell most, at most LOSERS.
    bytes: (of the first, of the second version) the mean size of the files of the pairs; None where they are not there.
    unmatched: number of scored images of both versions that have no scored match.
    """

    name: str
    change: Change
    losers: tuple[tuple[str, float, float], ...]
    bytes: tuple[float, float] | None
    unmatched: int


@dataclass(frozen=True)
class ScoredPairs:
    """The images that two versions have with a score, in the order of the first: names, scores and paths of both."""

    names: list[str]
    before: list[float]
    now: list[float]
    paths: list[tuple[str, str]]


def scored_pairs(first: Version, second: Version) -> ScoredPairs:
    """Match the images by their paths. UsageError if none match."""
    matching = match_paths(first.paths, second.paths)
    found = ScoredPairs([], [], [], [])
    for name, one, other in matching.pairs:
        before, now = first.scores[one], second.scores[other]
        if before is not None and now is not None:
            found.names.append(name)
            found.before.append(before)
            found.now.append(now)
            found.paths.append((first.paths[one], second.paths[other]))
    if not found.names:
        raise UsageError(f"{first.name} and {second.name} have no scored image in common", HOW_IMAGES_MATCH)
    return found


def compare_versions(first: Version, second: Version) -> Comparison:
    """Match the images by their paths and measure the change. UsageError if none match."""
    pairs = scored_pairs(first, second)
    before, now = pairs.before, pairs.now
    order = np.argsort(np.subtract(now, before), kind="stable")
    losers = [(pairs.names[n], before[n], now[n]) for n in order[:LOSERS] if now[n] < before[n]]
    sizes = _mean_size([path for path, _ in pairs.paths]), _mean_size([path for _, path in pairs.paths])
    scored = sum(score is not None for version in (first, second) for score in version.scores)
    return Comparison(
        second.name,
        measure_change(before, now),
        tuple(losers),
        None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1]),
        scored - 2 * len(pairs.names),
    )


def _mean_size(paths: Sequence[str]) -> float | None:
    try:
        return sum(os.path.getsize(path) for path in paths) / len(paths)
    except (OSError, ValueError):
        return None
