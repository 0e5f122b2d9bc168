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


@dataclass(frozen=True)
class Version:
    """One version. name: as given. paths, scores: of its scored images, in order."""

    name: str
    paths: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """A version against the first one.

    losers: (name of the image, score before, score now), those that fell most, at most LOSERS.
    bytes: (of the first, of the second version) the mean size of the files of the pairs; None where they are not there.
    unmatched: number of images of both versions that have no pair.
    """

    name: str
    change: Change
    losers: tuple[tuple[str, float, float], ...]
    bytes: tuple[float, float] | None
    unmatched: int


def compare_versions(first: Version, second: Version) -> Comparison:
    """Match the images by their paths and measure the change. UsageError if none match."""
    matching = match_paths(first.paths, second.paths)
    if not matching.pairs:
        raise UsageError(
            f"{first.name} and {second.name} have no scored image in common",
            "images match if their paths below each version's common folder are equal, file suffix aside",
        )
    before = [first.scores[one] for _, one, _ in matching.pairs]
    now = [second.scores[other] for _, _, other in matching.pairs]
    order = np.argsort(np.subtract(now, before), kind="stable")
    losers = [(matching.pairs[n][0], before[n], now[n]) for n in order[:LOSERS] if now[n] < before[n]]
    sizes = (
        _mean_size([first.paths[one] for _, one, _ in matching.pairs]),
        _mean_size([second.paths[other] for _, _, other in matching.pairs]),
    )
    return Comparison(
        second.name,
        measure_change(before, now),
        tuple(losers),
        None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1]),
        len(matching.only_first) + len(matching.only_second),
    )


def _mean_size(paths: Sequence[str]) -> float | None:
    try:
        return sum(os.path.getsize(path) for path in paths) / len(paths)
    except (OSError, ValueError):
        return None
