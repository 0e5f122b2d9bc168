"""Splits of databases into training, validation and test parts by scene, and the file that stores them.

A scene is in one part only, in whichever database it appears: the scenes of all databases are split together, and
scenes that may be the same (see datasets/scenes.py) stay together. The part of a scene depends only on the sha256 of
seed, number of the split and name, so that every machine draws the same splits.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiqa_cli.errors import UsageError, os_reason
from hiqa_cli.files.atomic import write_json
from hiqa_train.datasets.sample import Dataset, Sample
from hiqa_train.datasets.scenes import scene_groups

FORMAT = 1
COUNT = 10
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.125  # of what is not tested: a tenth of everything
MIN_SCENES = 3  # one for each part
PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class SceneSplit:
    """One split: the scenes of each part, sorted; no two parts share one."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class SceneSplits:
    """Splits drawn from one seed. databases: the names of those they were drawn for."""

    seed: int
    databases: tuple[str, ...]
    splits: tuple[SceneSplit, ...]


@dataclass(frozen=True)
class SampleSplit:
    """One split of samples: the images of each part."""

    training: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]


def draw_splits(datasets: Sequence[Dataset], *, seed: int = 0, count: int = COUNT) -> SceneSplits:
    """Draw splits of one or several databases: 20 % test, and of the rest an eighth for validation.

    The shares hold within every set of databases that show the same scenes, as far as whole scenes allow.
    Raises UsageError for fewer than three distinguishable scenes.
    """
    databases_of: dict[str, set[str]] = defaultdict(set)
    for dataset in datasets:
        for sample in dataset.samples:
            databases_of[sample.scene].add(dataset.name)
    groups: dict[str, list[str]] = defaultdict(list)
    for scene, group in scene_groups(databases_of).items():
        groups[group].append(scene)
    if len(groups) < MIN_SCENES:
        raise UsageError(f"{len(groups)} scenes cannot be split into training, validation and test parts")
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for group, scenes in groups.items():
        strata[tuple(sorted(set().union(*(databases_of[scene] for scene in scenes))))].append(group)
    splits = tuple(_draw_split(groups, strata, f"{seed}/{number}") for number in range(count))
    return SceneSplits(seed, tuple(dataset.name for dataset in datasets), splits)


def _draw_split(groups: dict[str, list[str]], strata: dict[tuple[str, ...], list[str]], key: str) -> SceneSplit:
    def order(group: str) -> str:
        return hashlib.sha256(f"{key}/{group}".encode()).hexdigest()

    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    owed = {"test": 0.0, "validation": 0.0}  # carried over between strata, so that rounding does not add up
    for stratum in sorted(strata):
        remaining = sorted(strata[stratum], key=order)
        owed["test"] += TEST_SHARE * len(remaining)
        owed["validation"] += VALIDATION_SHARE * (1 - TEST_SHARE) * len(remaining)
        for part in owed:
            number = min(round(owed[part]), len(remaining))
            owed[part] -= number
            parts[part] += remaining[:number]
            remaining = remaining[number:]
        parts["training"] += remaining
    for part in ("test", "validation"):  # with few scenes, a share may round to none
        if not parts[part]:
            parts[part].append(parts["training"].pop())
    scenes = {part: sorted(scene for group in parts[part] for scene in groups[group]) for part in PARTS}
    return SceneSplit(**{part: tuple(scenes[part]) for part in PARTS})


def split_samples(split: SceneSplit, samples: Iterable[Sample]) -> SampleSplit:
    """The samples of each part, in their order. Raises UsageError for a scene that the split does not contain."""
    part_of_scene = {scene: part for part in PARTS for scene in getattr(split, part)}
    parts: dict[str, list[Sample]] = {part: [] for part in PARTS}
    for sample in samples:
        if sample.scene not in part_of_scene:
            raise UsageError(
                f"the scene {sample.scene} of {sample.path.name} is in no part of this split",
                "the split was drawn for other databases: draw a new one",
            )
        parts[part_of_scene[sample.scene]].append(sample)
    return SampleSplit(**{part: tuple(parts[part]) for part in PARTS})


def write_splits(path: Path, splits: SceneSplits, datasets: Sequence[Dataset]) -> None:
    """Write the JSON file: the scenes of each part, and the images of each scene, for use without hiqa.

    An existing file is kept if it holds the same splits; otherwise it is never replaced (UsageError).
    Raises OutputError if the file cannot be written.
    """
    images: dict[str, list[str]] = defaultdict(list)
    for dataset in datasets:
        for sample in dataset.samples:
            images[sample.scene].append(f"{dataset.name}/{Path(os.path.relpath(sample.path, dataset.root)).as_posix()}")
    data = {
        "format": FORMAT,
        "seed": splits.seed,
        "databases": list(splits.databases),
        "splits": [{part: list(getattr(split, part)) for part in PARTS} for split in splits.splits],
        "images": dict(sorted(images.items())),
    }
    if path.exists():
        if read_splits(path) != splits:
            raise UsageError(f"{path} holds other splits", "give another file, or remove it")
        return
    write_json(path, data)  # ASCII: file names that are not UTF-8 are escaped, not refused


def read_splits(path: Path) -> SceneSplits:
    """Read a file of splits. Raises UsageError for any other file, and for a scene that is in two parts."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {os_reason(error)}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not a JSON file of splits: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise UsageError(f"{path} is not a file of splits that hiqa can read: expected format {FORMAT}, found {found}")
    try:
        found_splits = tuple(_parse_split(one) for one in data["splits"])
        splits = SceneSplits(int(data["seed"]), tuple(map(str, data["databases"])), found_splits)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is not a file of splits: {type(error).__name__} {error}") from error
    for number, split in enumerate(splits.splits):
        _check_disjoint(path, number, split)
    return splits


def _parse_split(parts: Any) -> SceneSplit:
    return SceneSplit(**{part: tuple(map(str, parts[part])) for part in PARTS})


def _check_disjoint(path: Path, number: int, split: SceneSplit) -> None:
    groups = scene_groups([*split.training, *split.validation, *split.test])
    part_of_group: dict[str, str] = {}
    for part in PARTS:
        for scene in getattr(split, part):
            other = part_of_group.setdefault(groups[scene], part)
            if other != part:
                raise UsageError(
                    f"{path}: in split {number} the scene {scene} is in the {part} part and in the {other} part",
                    "a scene must be in one part only",
                )
