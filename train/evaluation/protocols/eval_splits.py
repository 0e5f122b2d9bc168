"""The splits of a protocol: ten splits by scene, a database's official one, or one across databases.

No tested scene, and none that may show the same photograph, is in a training or validation part: an `EvaluationSplit`
cannot be created otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hiqa_cli.errors import UsageError
from hiqa_train.data.leakage import exclude_scenes, shared_scenes
from hiqa_train.data.splits import SceneSplit, SceneSplits, draw_splits, split_samples
from hiqa_train.data.training_split import DatabaseSplit, apply_split
from hiqa_train.datasets.sample import Dataset, Sample
from hiqa_train.evaluation.correlation import MIN_IMAGES
from hiqa_train.evaluation.images import of_types


@dataclass(frozen=True)
class Test:
    """The test images of one database. left_out: scenes that are not tested because they are trained on."""

    __test__ = False  # not for pytest

    dataset: Dataset
    samples: tuple[Sample, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluationSplit:
    """One training with its tests. UsageError if a tested scene is, or may be, in a training or validation part."""

    number: int
    parts: tuple[DatabaseSplit, ...]
    tests: tuple[Test, ...]

    def __post_init__(self) -> None:
        shared = shared_scenes(self.known_scenes, self.tested_scenes)
        if shared:
            where = f"split {self.number}: the scene {shared[0]}"
            raise UsageError(f"{where} is trained on and tested", "a scene must be in one part only")

    @property
    def known_scenes(self) -> frozenset[str]:
        """All scenes of the training and validation parts."""
        return frozenset(s.scene for part in self.parts for s in (*part.training, *part.validation))

    @property
    def tested_scenes(self) -> frozenset[str]:
        """All scenes of the test parts."""
        return frozenset(sample.scene for test in self.tests for sample in test.samples)


@dataclass(frozen=True)
class Study:
    """The databases to train on (sources) and to test (targets), which may be the same.

    types, source_types: distortion types to test and to train on; empty for all.
    """

    sources: tuple[Dataset, ...]
    targets: tuple[Dataset, ...]
    types: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """Every database once."""
        return tuple({dataset.name: dataset for dataset in (*self.sources, *self.targets)}.values())

    @property
    def across(self) -> bool:
        """Whether other databases are tested than those trained on."""
        return {r.name for r in self.sources} != {r.name for r in self.targets}


def evaluation_splits(study: Study, splits: SceneSplits) -> list[EvaluationSplit]:
    """One evaluation split per split by scene: train and validate on these parts of the sources, test on the test parts
    of the targets. UsageError for a scene that the splits lack, or a part without images."""
    return [_evaluation_split(number, study, split) for number, split in enumerate(splits.splits)]


def _evaluation_split(number: int, study: Study, split: SceneSplit) -> EvaluationSplit:
    parts = tuple(_training_part(dataset, split, study.source_types) for dataset in study.sources)
    where = f"split {number}"
    tests = tuple(_test(r, split_samples(split, r.samples).test, study.types, where) for r in study.targets)
    return EvaluationSplit(number, parts, tests)


def _training_part(dataset: Dataset, split: SceneSplit, types: Sequence[str]) -> DatabaseSplit:
    part, _ = apply_split(dataset, split)
    return DatabaseSplit(
        part.name, of_types(part.training, types, dataset.name), of_types(part.validation, types, dataset.name)
    )


def _test(
    dataset: Dataset, samples: tuple[Sample, ...], types: Sequence[str], where: str, left_out: tuple[str, ...] = ()
) -> Test:
    samples = of_types(samples, types, dataset.name) if samples else samples
    if len(samples) < MIN_IMAGES:
        without = f", without the {len(left_out)} scenes that are trained on" if left_out else ""
        raise UsageError(
            f"{where}: {dataset.name} has {len(samples)} images to test{without}, expected at least {MIN_IMAGES}",
            "give more scenes, or fewer splits",
        )
    return Test(dataset, samples, left_out)


def cross_database_split(study: Study, seed: int) -> EvaluationSplit:
    """Train on all scenes of the sources, with an eighth for validation; test on all scenes of the targets that the
    sources do not show.

    UsageError if a database is on both sides, or too few images of a target are left.
    """
    both = sorted({r.name for r in study.sources} & {r.name for r in study.targets})
    if both:
        raise UsageError(f"{both[0]} is trained on and tested", "give different databases")
    drawn = draw_splits(study.sources, seed=seed, count=1).splits[0]
    # the sources are not tested: add their test part to the training part
    split = SceneSplit(tuple(sorted((*drawn.training, *drawn.test))), drawn.validation, ())
    parts = tuple(_training_part(dataset, split, study.source_types) for dataset in study.sources)
    known = [sample for part in parts for sample in (*part.training, *part.validation)]
    tests = []
    for dataset in study.targets:
        kept = exclude_scenes(dataset.samples, (sample.scene for sample in known))
        left_out = {s.scene for s in dataset.samples} - {s.scene for s in kept}
        tests.append(_test(dataset, kept, study.types, "across databases", tuple(sorted(left_out))))
    return EvaluationSplit(0, parts, tuple(tests))
