"""Verification of a database on disk: decode every file and compare every count with the published one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hiqa_cli.errors import ImageError

from .database import DatabaseInfo
from .sample import Dataset


@dataclass(frozen=True)
class CountCheck:
    """One count: `found` of `expected`. problem: the first fault, in words."""

    what: str
    found: int
    expected: int
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether all are there, and sound."""
        return self.found == self.expected and not self.problem


@dataclass(frozen=True)
class Decoded:
    """The size of one file as (width, height), or why it cannot be read."""

    size: tuple[int, int] | None
    problem: str = ""


def files_of(dataset: Dataset) -> list[Path]:
    """Every existing image and reference, each once."""
    paths = [sample.path for sample in dataset.samples]
    paths += [sample.reference for sample in dataset.samples if sample.reference is not None]
    return list(dict.fromkeys(paths))


@dataclass(frozen=True)
class Verification:
    """All checks, and the sizes of the images as ("512x384", how many), the most frequent first."""

    checks: tuple[CountCheck, ...]
    sizes: tuple[tuple[str, int], ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)


def verify(dataset: Dataset, database: DatabaseInfo | None, advance: Callable[[], None]) -> Verification:
    """Decode all files of a dataset and count them.

    database: the facts about a published one. advance: called after each file.
    """
    decoded = dict(_decode_all(files_of(dataset), advance))
    checks = [
        CountCheck("images", len(dataset.samples), dataset.expected, _first(dataset.missing, "missing")),
        # a score that is not a number or is out of range has already been refused by the reader
        CountCheck("scores", dataset.expected, database.images if database else dataset.expected),
        _readable(decoded, dataset.root),
    ]
    if dataset.references_expected:
        checks += _references(dataset, decoded, every=database is not None)
    for split, expected in (database.splits if database else {}).items():
        found = sum(sample.split == split for sample in dataset.samples)
        if any(sample.split for sample in dataset.samples):
            checks.append(CountCheck(f"{split} part", found, expected))
    images = (decoded[sample.path] for sample in dataset.samples)
    counted = Counter(f"{one.size[0]}x{one.size[1]}" for one in images if one.size)
    return Verification(tuple(checks), tuple(counted.most_common()))


def _first(names: tuple[str, ...], problem: str) -> str:
    return f"{problem}: {names[0]}" + (f" and {len(names) - 1:,} more" if len(names) > 1 else "") if names else ""


def _readable(decoded: dict[Path, Decoded], root: Path) -> CountCheck:
    bad = tuple(f"{_below(path, root)} ({one.problem})" for path, one in decoded.items() if one.size is None)
    return CountCheck("readable files", len(decoded) - len(bad), len(decoded), _first(bad, "unreadable"))


def _below(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _references(dataset: Dataset, decoded: dict[Path, Decoded], every: bool) -> list[CountCheck]:
    """Count references, and images whose reference has the same size.

    every: whether every image must have one; rows of a table need not.
    """
    found = dataset.references_expected - len(dataset.missing_references)
    named = [sample for sample in dataset.samples if sample.reference is not None]
    unequal = tuple(
        f"{_below(sample.path, dataset.root)} is {_size(decoded[sample.path])}, "
        f"{_below(sample.reference, dataset.root)} {_size(decoded[sample.reference])}"
        for sample in named
        if sample.reference is not None
        and decoded[sample.path].size
        and decoded[sample.reference].size
        and decoded[sample.path].size != decoded[sample.reference].size
    )
    return [
        CountCheck("references", found, dataset.references_expected, _first(dataset.missing_references, "missing")),
        CountCheck(
            "images with their reference",
            len(named) - len(unequal),
            len(dataset.samples) if every else len(named),
            _first(unequal, "size"),
        ),
    ]


def _size(one: Decoded) -> str:
    return f"{one.size[0]}x{one.size[1]}" if one.size else "unreadable"


def _decode(path: Path) -> Decoded:
    from hiqa_cli.images.read import read_picture

    try:
        picture = read_picture(path)
    except ImageError as error:
        return Decoded(None, error.message)
    return Decoded((picture.width, picture.height))


def _decode_all(paths: list[Path], advance: Callable[[], None]) -> Iterator[tuple[Path, Decoded]]:
    """Each path with its result, in order; only a few are in memory at a time."""
    workers = max(1, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[tuple[Path, Future[Decoded]]] = []
        rest = iter(paths)
        while True:
            waiting += [(path, pool.submit(_decode, path)) for path in islice(rest, 2 * workers - len(waiting))]
            if not waiting:
                return
            path, future = waiting.pop(0)
            yield path, future.result()
            advance()
