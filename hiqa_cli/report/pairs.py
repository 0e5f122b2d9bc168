"""Which images of two runs belong together: by path below each run's root, without suffix.

The root of a run is the deepest folder above all its images, or, where that matches more, a folder above it: a run
over photos/trip alone still meets one over all of photos. Images of one folder that share a stem (a.jpg beside a.png)
are told apart by their suffix; what remains ambiguous is not matched.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Matching:
    """Places in the two lists. pairs: (name below the root, place in first, place in second), in first's order.
    only_first, only_second: what has no partner."""

    pairs: list[tuple[str, int, int]]
    only_first: list[int]
    only_second: list[int]


def match(first: Sequence[str], second: Sequence[str]) -> Matching:
    """Match two runs' paths. A path given twice counts once, where it stands first."""
    mine, theirs = _Run(first), _Run(second)
    raised = [(mine.below(steps), theirs.below(0)) for steps in range(len(mine.root) + 1)]
    raised += [(mine.below(0), theirs.below(steps)) for steps in range(1, len(theirs.root) + 1)]
    left, right = max(raised, key=lambda names: len(names[0].keys() & names[1].keys()))  # of equals, the deepest root
    pairs = [(name, place, right[name]) for name, place in left.items() if name in right]
    matched_first, matched_second = {place for _, place, _ in pairs}, {place for _, _, place in pairs}
    return Matching(
        pairs,
        [place for place in mine.places if place not in matched_first],
        [place for place in theirs.places if place not in matched_second],
    )


class _Run:
    """The paths of one run, split at folders."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.places = list({_plain(path): place for place, path in reversed(list(enumerate(paths)))}.values())[::-1]
        self._parts = [_plain(paths[place]).split("/") for place in self.places]
        folders = [parts[:-1] for parts in self._parts]
        self.root = _common_start(folders)

    def below(self, steps: int) -> dict[str, int]:
        """Name below the folder `steps` above the root -> place; names that fit several images are left out."""
        start = len(self.root) - steps
        names = ["/".join(parts[start:]) for parts in self._parts]
        stems = [posixpath.splitext(name)[0] for name in names]
        often = Counter(stems)
        chosen = [name if often[stem] > 1 else stem for name, stem in zip(names, stems, strict=True)]
        unique = Counter(chosen)
        return {name: place for name, place in zip(chosen, self.places, strict=True) if unique[name] == 1}


def _plain(path: str) -> str:
    """One way to write a path: forward slashes, no "." and no doubled slash."""
    return posixpath.normpath(path.replace("\\", "/") if "/" not in path else path)


def _common_start(folders: Sequence[list[str]]) -> list[str]:
    if not folders:
        return []
    low, high = min(folders), max(folders)
    count = 0
    while count < min(len(low), len(high)) and low[count] == high[count]:
        count += 1
    return low[:count]
