"""The split of one training run: its training and validation images. The test part is dropped before training."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hiqa_cli.errors import UsageError
from hiqa_train.datasets.sample import Dataset, Sample

from .leakage import exclude_scenes, shared_scenes
from .splits import PARTS, SceneSplit, SceneSplits, draw_splits, split_samples


@dataclass(frozen=True)
class DatabaseSplit:
    """The images of one database that a run is trained on, and those that its choices are made by.

    No scene is in both, and no scene of the test part is in either. Qualities are on the database's own scale, 0 bad to
    1 good.
    """

    name: str
    training: tuple[Sample, ...]
    validation: tuple[Sample, ...]


def apply_split(dataset: Dataset, split: SceneSplit) -> tuple[DatabaseSplit, Dataset]:
    """The training and validation images of a database, and the dataset with the score range that follows from them.

    A table without a given range takes the lowest and highest score of its training images as its nominal range: the
    scores of the test part must not be used. Raises UsageError for an empty training or validation part, or one without
    two different scores.
    """
    if dataset.range_from_scores:
        scores = [sample.score for sample in split_samples(split, dataset.samples).training]
        if not scores or min(scores) == max(scores):
            raise UsageError(f"{dataset.name}: the training part has no two different scores", "give --range LOW HIGH")
        dataset = dataset.rescaled(min(scores), max(scores))
    parts = split_samples(split, dataset.samples)
    for name, samples in (("training", parts.training), ("validation", parts.validation)):
        if not samples:
            raise UsageError(
                f"{dataset.name}: the {name} part has no images", "give a table with more scenes, or another --seed"
            )
    return DatabaseSplit(dataset.name, parts.training, parts.validation), dataset


def split_databases(
    datasets: Sequence[Dataset], seed: int, test_scenes: Collection[str] = ()
) -> tuple[list[DatabaseSplit], list[Dataset], SceneSplits]:
    """Split databases for one run: by their official split where every image has a part, else by a drawn split.

    A database with official training and test parts but no validation part (BIQ2021) gives an eighth of its training
    images for validation. test_scenes: scenes to keep for tests, in whichever database they appear; they replace a
    drawn test part and are added to an official one. Raises UsageError for a scene that no database shows.
    Returns the split databases, the datasets (see `apply_split`) and the one split of all.
    """
    official = [dataset for dataset in datasets if all(sample.split for sample in dataset.samples)]
    others = [dataset for dataset in datasets if dataset not in official]
    check_scenes_exist(datasets, test_scenes)
    splits = [_official_split(dataset, seed, frozenset(test_scenes)) for dataset in official]
    if others and test_scenes:
        splits.append(_split_with_test_scenes(others, frozenset(test_scenes), seed))
    elif others:
        splits.append(draw_splits(others, seed=seed, count=1).splits[0])
    union = SceneSplit(*(tuple(sorted({s for split in splits for s in getattr(split, part)})) for part in PARTS))
    applied = [apply_split(dataset, union) for dataset in datasets]
    names = tuple(dataset.name for dataset in datasets)
    return [part for part, _ in applied], [dataset for _, dataset in applied], SceneSplits(seed, names, (union,))


def check_scenes_exist(datasets: Sequence[Dataset], test_scenes: Collection[str]) -> None:
    """Raise UsageError for a scene that no database shows: a misspelled one would be trained on."""
    scenes = {sample.scene for dataset in datasets for sample in dataset.samples}
    unknown = sorted(set(test_scenes) - scenes)
    if unknown:
        raise UsageError(
            f"--test-scenes: no database shows the scene {unknown[0]}",
            f"scenes have names such as {', '.join(sorted(scenes)[:3])}",
        )


def _split_with_test_scenes(datasets: Sequence[Dataset], tested: frozenset[str], seed: int) -> SceneSplit:
    """The split with a given test part: a drawn validation part, and all the rest for training."""
    scenes = {sample.scene for dataset in datasets for sample in dataset.samples}
    kept = [dataclasses.replace(dataset, samples=exclude_scenes(dataset.samples, tested)) for dataset in datasets]
    kept_scenes = {sample.scene for dataset in kept for sample in dataset.samples}
    validation = set(draw_splits(kept, seed=seed, count=1).splits[0].validation)
    parts = (kept_scenes - validation, validation, scenes - kept_scenes)
    return SceneSplit(*(tuple(sorted(part)) for part in parts))


def _official_split(dataset: Dataset, seed: int, tested: frozenset[str]) -> SceneSplit:
    scenes = {part: {s.scene for s in dataset.samples if s.split == part} for part in PARTS}
    for one, other in (("training", "test"), ("training", "validation"), ("validation", "test")):
        shared = sorted(scenes[one] & scenes[other])
        if shared:
            raise UsageError(
                f"{dataset.name}: the scene {shared[0]} is in its {one} part and in its {other} part",
                "a scene must be in one part only: correct the column split",
            )
    if not scenes["validation"]:
        kept = dataclasses.replace(dataset, samples=tuple(s for s in dataset.samples if s.split == "training"))
        # of the drawn split only the validation part is used: its test part is trained on
        scenes["validation"] = set(draw_splits([kept], seed=seed, count=1).splits[0].validation)
        scenes["training"] -= scenes["validation"]
    moved = set(shared_scenes(tested, scenes["training"] | scenes["validation"]))
    scenes = {part: found | moved if part == "test" else found - moved for part, found in scenes.items()}
    return SceneSplit(*(tuple(sorted(scenes[part])) for part in PARTS))
