"""Match the images of two runs by their paths below each run's root, without suffix.

The root of a run is the deepest folder that contains all its images, or a folder above it if that gives more matches:
a run over photos/trip alone can be compared with one over all of photos. If images in one folder share a stem (a.jpg
and a.png), their suffixes tell them apart; images that are still ambiguous stay unmatched.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Matching:
    """Indices into two lists of paths.

    pairs: (name below the root, index in first, index in second), in the order of first. only_first, only_second:
    indices of unmatched images.
    """

    pairs: list[tuple[str, int, int]]
    only_first: list[int]
    only_second: list[int]


def match_paths(first: Sequence[str], second: Sequence[str]) -> Matching:
    """Match the paths of two runs. A path given twice counts once, at its first position."""
    one, two = _RunPaths(first), _RunPaths(second)
    candidates = [(one.names_below(levels), two.names_below(0)) for levels in range(len(one.root) + 1)]
    candidates += [(one.names_below(0), two.names_below(levels)) for levels in range(1, len(two.root) + 1)]
    # max() takes the first of equals, so the deepest root
    left, right = max(candidates, key=lambda names: len(names[0].keys() & names[1].keys()))
    pairs = [(name, index, right[name]) for name, index in left.items() if name in right]
    matched_first, matched_second = {index for _, index, _ in pairs}, {index for _, _, index in pairs}
    return Matching(
        pairs,
        [index for index in one.indices if index not in matched_first],
        [index for index in two.indices if index not in matched_second],
    )


@dataclass(frozen=True)
class ImageVersions:
    """An image and where its versions are.

    name: path below the roots, without suffix; the full path of an image that only one version has. indices: into the
    list of paths of each version, None where a version lacks it.
    """

    name: str
    indices: tuple[int | None, ...]

    @property
    def is_matched(self) -> bool:
        """Whether two versions have it, or more."""
        return len(self.indices) - self.indices.count(None) > 1


def align_paths(versions: Sequence[Sequence[str]]) -> list[ImageVersions]:
    """The images of several versions, each version matched with the first.

    The images of the first version that another has come first, in its order; then, version by version, those that have
    no match.
    """
    first, *others = versions
    matchings = [match_paths(first, other) for other in others]
    found: dict[int, tuple[str, list[int | None]]] = {}
    for number, matching in enumerate(matchings):
        for name, index, other in matching.pairs:
            found.setdefault(index, (name, [index] + [None] * len(others)))[1][1 + number] = other
    alone = [(0, index) for index in matchings[0].only_first if index not in found]
    alone += [(1 + number, index) for number, matching in enumerate(matchings) for index in matching.only_second]
    images = [ImageVersions(name, tuple(indices)) for _, (name, indices) in sorted(found.items())]
    for version, index in alone:
        indices = tuple(index if number == version else None for number in range(len(versions)))
        images.append(ImageVersions(versions[version][index], indices))
    return images


class _RunPaths:
    """The paths of one run, split into folders."""

    def __init__(self, paths: Sequence[str]) -> None:
        first_index: dict[str, int] = {}
        for index, path in enumerate(paths):
            first_index.setdefault(_normal(path), index)
        self.indices = list(first_index.values())
        self._parts = [path.split("/") for path in first_index]
        self.root = _common_folders([parts[:-1] for parts in self._parts])

    def names_below(self, levels: int) -> dict[str, int]:
        """Name below the folder `levels` above the root -> index; ambiguous names are left out."""
        start = len(self.root) - levels
        names = ["/".join(parts[start:]) for parts in self._parts]
        stems = [posixpath.splitext(name)[0] for name in names]
        stem_counts = Counter(stems)
        chosen = [name if stem_counts[stem] > 1 else stem for name, stem in zip(names, stems, strict=True)]
        name_counts = Counter(chosen)
        return {name: index for name, index in zip(chosen, self.indices, strict=True) if name_counts[name] == 1}


def _normal(path: str) -> str:
    """A path with forward slashes, without "." and doubled slashes."""
    return posixpath.normpath(path.replace("\\", "/") if "/" not in path else path)


def _common_folders(folders: Sequence[list[str]]) -> list[str]:
    """The leading folders that all paths share."""
    if not folders:
        return []
    low, high = min(folders), max(folders)
    length = 0
    while length < min(len(low), len(high)) and low[length] == high[length]:
        length += 1
    return low[:length]
