"""Several versions of the same images, such as one folder for each setting of a codec: their scores side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

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

    @property
    def scored_paths(self) -> set[str]:
        """The paths of images with a score; one that a table has twice counts once."""
        return {path for path, score in zip(self.paths, self.scores, strict=True) if score is not None}


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
class PairScores:
    """An image that two versions have with a score. paths: in both versions."""

    name: str
    before: float
    now: float
    paths: tuple[str, str]

    @property
    def drop(self) -> float:
        """By how many points the score fell; negative where it rose."""
        return self.before - self.now


def scored_pairs(first: Version, second: Version) -> list[PairScores]:
    """The images of two versions by their paths, in the order of the first. UsageError if none match."""
    found = []
    for name, one, other in match_paths(first.paths, second.paths).pairs:
        before, now = first.scores[one], second.scores[other]
        if before is not None and now is not None:
            found.append(PairScores(name, before, now, (first.paths[one], second.paths[other])))
    if not found:
        raise UsageError(f"{first.name} and {second.name} have no scored image in common", HOW_IMAGES_MATCH)
    return found


def compare_versions(first: Version, second: Version, pairs: Sequence[PairScores]) -> Comparison:
    """Measure the change over the pairs that scored_pairs() found."""
    losers = sorted((pair for pair in pairs if pair.drop > 0), key=lambda pair: -pair.drop)[:LOSERS]
    sizes = [_mean_size([pair.paths[version] for pair in pairs]) for version in (0, 1)]
    scored = [path for version in (first, second) for path in version.scored_paths]
    return Comparison(
        second.name,
        measure_change([pair.before for pair in pairs], [pair.now for pair in pairs]),
        tuple((pair.name, pair.before, pair.now) for pair in losers),
        None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1]),
        len(scored) - 2 * len(pairs),
    )


def _mean_size(paths: Sequence[str]) -> float | None:
    try:
        return sum(os.path.getsize(path) for path in paths) / len(paths)
    except (OSError, ValueError):
        return None
