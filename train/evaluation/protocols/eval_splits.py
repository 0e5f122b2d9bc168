"""Who is trained on what and tested on what: ten splits by scene, a database's own division, or across databases.

However it is divided, no scene that is tested, and none that may be the same picture, is in what is trained on or
chosen by: a Fold cannot be made otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hiqa_cli.errors import UsageError
from hiqa_train.data.leakage import exclude_scenes, shared_scenes
from hiqa_train.data.splits import SceneSplit, SceneSplits, draw_splits, split_samples
from hiqa_train.data.training_split import DatabaseSplit, apply_split
from hiqa_train.datasets.sample import Dataset, Sample
from hiqa_train.evaluation.correlation import FEWEST
from hiqa_train.evaluation.images import of_types


@dataclass(frozen=True)
class Test:
    """The images of one database that are tested. left_out: scenes that are not, since they are trained on."""

    __test__ = False  # not for pytest

    reading: Dataset
    samples: tuple[Sample, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluationSplit:
    """One training and its test. UsageError where a tested scene is, or may be, among those trained on or chosen by."""

    number: int
    parts: tuple[DatabaseSplit, ...]
    tests: tuple[Test, ...]

    def __post_init__(self) -> None:
        shared = shared_scenes(self.known_scenes, self.tested_scenes)
        if shared:
            where = f"split {self.number}: the scene {shared[0]}"
            raise UsageError(f"{where} is trained on and tested", "a scene must be on one side only")

    @property
    def known_scenes(self) -> frozenset[str]:
        """All scenes of the training and validation parts."""
        return frozenset(s.scene for part in self.parts for s in (*part.training, *part.validation))

    @property
    def tested_scenes(self) -> frozenset[str]:
        return frozenset(sample.scene for test in self.tests for sample in test.samples)


@dataclass(frozen=True)
class Study:
    """What is trained on (sources) and what is tested (targets): the same databases, or others.

    types, source_types: distortion types that are tested and trained on; all where none is named.
    """

    sources: tuple[Dataset, ...]
    targets: tuple[Dataset, ...]
    types: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()

    @property
    def readings(self) -> tuple[Dataset, ...]:
        """Every database once."""
        return tuple({reading.name: reading for reading in (*self.sources, *self.targets)}.values())

    @property
    def across(self) -> bool:
        return {r.name for r in self.sources} != {r.name for r in self.targets}


def evaluation_splits(study: Study, splits: SceneSplits) -> list[EvaluationSplit]:
    """A fold for each division: trained on the sources' training parts, chosen by their validation parts, tested on the
    targets' test parts. UsageError for a scene that the splits do not know, or a part without images."""
    return [_evaluation_split(number, study, division) for number, division in enumerate(splits.splits)]


def _evaluation_split(number: int, study: Study, division: SceneSplit) -> EvaluationSplit:
    parts = tuple(_training_part(reading, division, study.source_types) for reading in study.sources)
    where = f"split {number}"
    tests = tuple(_test(r, split_samples(division, r.samples).test, study.types, where) for r in study.targets)
    return EvaluationSplit(number, parts, tests)


def _training_part(reading: Dataset, division: SceneSplit, types: Sequence[str]) -> DatabaseSplit:
    part, _ = apply_split(reading, division)
    return DatabaseSplit(
        part.name, of_types(part.training, types, reading.name), of_types(part.validation, types, reading.name)
    )


def _test(
    reading: Dataset, samples: tuple[Sample, ...], types: Sequence[str], where: str, left_out: tuple[str, ...] = ()
) -> Test:
    samples = of_types(samples, types, reading.name) if samples else samples
    if len(samples) < FEWEST:
        without = f", without the {len(left_out)} scenes that are trained on" if left_out else ""
        raise UsageError(
            f"{where}: {reading.name} has {len(samples)} images to test{without}, expected at least {FEWEST}",
            "give more scenes, or fewer splits",
        )
    return Test(reading, samples, left_out)


def cross_database_split(study: Study, seed: int) -> EvaluationSplit:
    """Trained on whole databases, but for an eighth of their scenes to choose by; tested on whole others, but for the
    scenes that the trained ones show or may show.

    UsageError where a database is on both sides, or too little of a target is left.
    """
    both = sorted({r.name for r in study.sources} & {r.name for r in study.targets})
    if both:
        raise UsageError(f"{both[0]} is trained on and tested", "across databases these differ")
    drawn = draw_splits(study.sources, seed=seed, count=1).splits[0]
    # nothing of the sources is tested: what would be their test part is trained on
    division = SceneSplit(tuple(sorted((*drawn.training, *drawn.test))), drawn.validation, ())
    parts = tuple(_training_part(reading, division, study.source_types) for reading in study.sources)
    known = [sample for part in parts for sample in (*part.training, *part.validation)]
    tests = []
    for reading in study.targets:
        kept = exclude_scenes(reading.samples, (sample.scene for sample in known))
        left_out = {s.scene for s in reading.samples} - {s.scene for s in kept}
        tests.append(_test(reading, kept, study.types, "across databases", tuple(sorted(left_out))))
    return EvaluationSplit(0, parts, tuple(tests))
