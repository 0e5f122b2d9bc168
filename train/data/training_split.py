"""What a training run may see of a database: its training and its validation images, and nothing else.

The test part is dropped here, before anything is trained: no later step has a way to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hiqa_cli.errors import UsageError
from hiqa_train.datasets.sample import Dataset, Sample

from .leakage import shared_scenes, without_trained_scenes
from .splits import PARTS, SceneSplit, SceneSplits, draw_splits, split_samples


@dataclass(frozen=True)
class DatabaseSplit:
    """The images of one database that a run trains on, and those that its choices are made by.

    No scene is in both, and none of the test part's is in either. Qualities are on the database's own scale,
    0 bad to 1 good.
    """

    name: str
    training: tuple[Sample, ...]
    validation: tuple[Sample, ...]


def apply_split(reading: Dataset, division: SceneSplit) -> tuple[DatabaseSplit, Dataset]:
    """The part that a division leaves for training, and the reading with the range that follows from it.

    A table without a given range gets the extremes of its training images as its nominal range: those of the images to
    be tested must not be looked at. UsageError where training or validation part is empty, or all its scores are equal.
    """
    if reading.range_is_found:
        scores = [sample.score for sample in split_samples(division, reading.samples).training]
        if not scores or min(scores) == max(scores):
            raise UsageError(f"{reading.name}: the training part has no two different scores", "give --range LO HI")
        reading = reading.rescaled(min(scores), max(scores))
    parts = split_samples(division, reading.samples)
    for name, samples in (("training", parts.training), ("validation", parts.validation)):
        if not samples:
            raise UsageError(f"{reading.name}: no image is in the {name} part", "give more scenes, or another --seed")
    return DatabaseSplit(reading.name, parts.training, parts.validation), reading


def split_databases(
    readings: Sequence[Dataset], seed: int, keep_out: Collection[str] = ()
) -> tuple[list[DatabaseSplit], list[Dataset], SceneSplits]:
    """Divide databases for one run: by their own split where each image has one, else by the first drawn division.

    A database that names training and test images but none for validation (BIQ2021) gives an eighth of its training
    images for it. keep_out: scenes to be tested, wherever they are shown: in place of drawn ones, beside those of a
    database's own split; UsageError for one that no database shows. Gives the parts, the readings (see
    `apply_split`) and the division, as splits of one.
    """
    own = [reading for reading in readings if all(sample.split for sample in reading.samples)]
    others = [reading for reading in readings if reading not in own]
    check_scenes_exist(readings, keep_out)
    divisions = [_official(reading, seed, frozenset(keep_out)) for reading in own]
    if others and keep_out:
        divisions.append(_without(others, frozenset(keep_out), seed))
    elif others:
        divisions.append(draw_splits(others, seed=seed, count=1).divisions[0])
    whole = SceneSplit(*(tuple(sorted({s for d in divisions for s in getattr(d, part)})) for part in PARTS))
    found = [apply_split(reading, whole) for reading in readings]
    names = tuple(reading.name for reading in readings)
    return [part for part, _ in found], [reading for _, reading in found], SceneSplits(seed, names, (whole,))


def check_scenes_exist(readings: Sequence[Dataset], keep_out: Collection[str]) -> None:
    """UsageError for a scene that no database shows: a slip of the pen would let it be trained on."""
    shown = {sample.scene for reading in readings for sample in reading.samples}
    unknown = sorted(set(keep_out) - shown)
    if unknown:
        raise UsageError(
            f"--test-scenes: no database shows the scene {unknown[0]}",
            f"scenes are named as {', '.join(sorted(shown)[:3])}",
        )


def _without(readings: Sequence[Dataset], tested: frozenset[str], seed: int) -> SceneSplit:
    """The division whose test part is given: a drawn validation part, and all the rest to train on."""
    shown = {sample.scene for reading in readings for sample in reading.samples}
    kept = [
        dataclasses.replace(reading, samples=without_trained_scenes(reading.samples, tested)) for reading in readings
    ]
    left = {sample.scene for reading in kept for sample in reading.samples}
    validation = set(draw_splits(kept, seed=seed, count=1).divisions[0].validation)
    return SceneSplit(*(tuple(sorted(scenes)) for scenes in (left - validation, validation, shown - left)))


def _official(reading: Dataset, seed: int, kept_out: frozenset[str]) -> SceneSplit:
    scenes = {part: {s.scene for s in reading.samples if s.split == part} for part in PARTS}
    for one, other in (("training", "test"), ("training", "validation"), ("validation", "test")):
        shared = sorted(scenes[one] & scenes[other])
        if shared:
            raise UsageError(
                f"{reading.name}: the scene {shared[0]} is in its {one} part and in its {other} part",
                "a scene must be on one side only: correct the column split",
            )
    if not scenes["validation"]:
        kept = dataclasses.replace(reading, samples=tuple(s for s in reading.samples if s.split == "training"))
        drawn = draw_splits([kept], seed=seed, count=1).divisions[0]
        # a drawn division has a test part of its own: here all but the validation part is trained on
        scenes["validation"] = set(drawn.validation)
        scenes["training"] -= scenes["validation"]
    moved = set(shared_scenes(kept_out, scenes["training"] | scenes["validation"]))
    scenes = {part: found | moved if part == "test" else found - moved for part, found in scenes.items()}
    return SceneSplit(*(tuple(sorted(scenes[part])) for part in PARTS))
