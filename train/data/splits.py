"""Ten divisions of databases into training, validation and test parts, by scene, and the file they are kept in.

A scene is never on two sides, in whichever database it is shown: the scenes of all databases are divided together, and
those that may be the same (see datasets/scenes.py) stay together. Which part a scene falls into hangs on the sha256 of
seed, division and name alone, so that every machine and every version of Python draws the same.
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

from hiqa_cli.atomic import write_json
from hiqa_cli.errors import UsageError, os_reason
from hiqa_train.datasets.sample import Dataset, Sample
from hiqa_train.datasets.scenes import scene_groups

FORMAT = 1
COUNT = 10
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.125  # of what is not tested: a tenth of everything
FEWEST = 3  # scenes: one for each part
PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class SceneSplit:
    """The scenes of each part, sorted; no two parts share one."""

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class SceneSplits:
    """Divisions drawn from one seed. databases: the names they were drawn for."""

    seed: int
    databases: tuple[str, ...]
    divisions: tuple[SceneSplit, ...]


@dataclass(frozen=True)
class SampleSplit:
    """The images of each part."""

    training: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]


def draw_splits(readings: Sequence[Dataset], *, seed: int = 0, count: int = COUNT) -> SceneSplits:
    """Divide the scenes of one or several databases, 80 to 20, with an eighth of the 80 for validation.

    Each share is kept within every set of databases that show the same scenes, as far as whole scenes allow.
    UsageError where there are fewer than three scenes that can be told apart.
    """
    shown: dict[str, set[str]] = defaultdict(set)
    for reading in readings:
        for sample in reading.samples:
            shown[sample.scene].add(reading.name)
    groups: dict[str, list[str]] = defaultdict(list)
    for scene, group in scene_groups(shown).items():
        groups[group].append(scene)
    if len(groups) < FEWEST:
        raise UsageError(f"{len(groups)} scenes cannot be divided into training, validation and test part")
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for group, scenes in groups.items():
        strata[tuple(sorted(set().union(*(shown[scene] for scene in scenes))))].append(group)
    divisions = tuple(_divide(groups, strata, f"{seed}/{number}") for number in range(count))
    return SceneSplits(seed, tuple(reading.name for reading in readings), divisions)


def _divide(groups: dict[str, list[str]], strata: dict[tuple[str, ...], list[str]], word: str) -> SceneSplit:
    def order(group: str) -> str:
        return hashlib.sha256(f"{word}/{group}".encode()).hexdigest()

    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    owed = {"test": 0.0, "validation": 0.0}
    for key in sorted(strata):
        waiting = sorted(strata[key], key=order)
        owed["test"] += TEST_SHARE * len(waiting)
        owed["validation"] += VALIDATION_SHARE * (1 - TEST_SHARE) * len(waiting)
        for part in owed:
            number = min(round(owed[part]), len(waiting))
            owed[part] -= number
            parts[part] += waiting[:number]
            waiting = waiting[number:]
        parts["training"] += waiting
    for part in ("test", "validation"):  # of a handful of scenes a share may round to none
        if not parts[part]:
            parts[part].append(parts["training"].pop())
    scenes = {part: sorted(scene for group in parts[part] for scene in groups[group]) for part in PARTS}
    return SceneSplit(**{part: tuple(scenes[part]) for part in PARTS})


def split_samples(division: SceneSplit, samples: Iterable[Sample]) -> SampleSplit:
    """The samples of each part, in their order. UsageError for a scene that the division does not know."""
    where = {scene: part for part in PARTS for scene in getattr(division, part)}
    parts: dict[str, list[Sample]] = {part: [] for part in PARTS}
    for sample in samples:
        if sample.scene not in where:
            raise UsageError(
                f"the scene {sample.scene} of {sample.path.name} is in no part of this division",
                "it was drawn for other databases: draw a new one",
            )
        parts[where[sample.scene]].append(sample)
    return SampleSplit(**{part: tuple(parts[part]) for part in PARTS})


def exclude_scenes_of(samples: Iterable[Sample], tested: Iterable[Sample]) -> tuple[Sample, ...]:
    """The samples whose scenes are not, and cannot be, among those of `tested`: for training on one database and
    testing on another that shares scenes with it."""
    held, others = tuple(samples), tuple(tested)
    groups = scene_groups({sample.scene for sample in (*held, *others)})
    forbidden = {groups[sample.scene] for sample in others}
    return tuple(sample for sample in held if groups[sample.scene] not in forbidden)


def write_splits(path: Path, splits: SceneSplits, readings: Sequence[Dataset]) -> None:
    """Write the JSON file: the parts by scene, and which images show each scene, for whoever has no hiqa.

    A file that is there already is left alone where it says the same, and never replaced by another division
    (UsageError). OutputError where it cannot be written.
    """
    images: dict[str, list[str]] = defaultdict(list)
    for reading in readings:
        for sample in reading.samples:
            images[sample.scene].append(f"{reading.name}/{Path(os.path.relpath(sample.path, reading.root)).as_posix()}")
    data = {
        "format": FORMAT,
        "seed": splits.seed,
        "databases": list(splits.databases),
        "splits": [{part: list(getattr(division, part)) for part in PARTS} for division in splits.divisions],
        "images": dict(sorted(images.items())),
    }
    if path.exists():
        if read_splits(path) != splits:
            raise UsageError(f"{path} holds other splits", "give another file, or remove it")
        return
    # names of files that are not UTF-8 are escaped, not refused
    write_json(path, data)


def read_splits(path: Path) -> SceneSplits:
    """The splits in such a file. UsageError where it is none, or a scene is on two sides in it."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {os_reason(error)}") from error
    except ValueError as error:
        raise UsageError(f"{path} is no JSON file of splits: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise UsageError(f"{path} is no file of splits that this hiqa reads: expected format {FORMAT}, found {found}")
    try:
        divisions = tuple(_division(one) for one in data["splits"])
        splits = SceneSplits(int(data["seed"]), tuple(map(str, data["databases"])), divisions)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is no file of splits: {type(error).__name__} {error}") from error
    for number, division in enumerate(divisions):
        _check_apart(path, number, division)
    return splits


def _division(one: Any) -> SceneSplit:
    return SceneSplit(**{part: tuple(map(str, one[part])) for part in PARTS})


def _check_apart(path: Path, number: int, division: SceneSplit) -> None:
    groups = scene_groups([*division.training, *division.validation, *division.test])
    side: dict[str, str] = {}
    for part in PARTS:
        for scene in getattr(division, part):
            if side.setdefault(groups[scene], part) != part:
                raise UsageError(
                    f"{path}: in split {number} the scene {scene} is in the {part} part and in the "
                    f"{side[groups[scene]]} part",
                    "a scene must be on one side only",
                )
