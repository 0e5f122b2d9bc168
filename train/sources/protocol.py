"""`DataSource`: provides the stages of a run with patches to train on and fixed patches to validate on."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from hiqa_train.data.batch import PatchSource
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.stages import PatchStage
from hiqa_train.trainer.validation import Validation
from hiqa_train.uncertainty.activations import ScoreFunction
from hiqa_train.uncertainty.coverage import IntervalCase

Item = TypeVar("Item")


class DataSource(Protocol):
    """Images to train and validate on.

    names: of the databases, or of the folders of clean images. every_reference, any_reference: whether all images, or
    some, have their reference.
    """

    names: tuple[str, ...]
    every_reference: bool
    any_reference: bool

    def training_patches(self, name: str, stage: PatchStage, *, with_references: bool) -> PatchSource:
        """The training patches of a stage."""

    def validation(self, name: str, stage: PatchStage, run_device: RunDevice, *, with_references: bool) -> Validation:
        """The validation patches of a stage."""

    def interval_cases(
        self, score: ScoreFunction, knots: list[list[float]], report: Callable[[str], None]
    ) -> list[IntervalCase]:
        """Scored validation images, to fit the uncertainty on. knots: of each database's score map."""

    def describe(self) -> dict[str, Any]:
        """The identity of the data, as plain values: a run resumes with the same data only."""

    def terms(self) -> list[dict[str, str]]:
        """The manifest's list of training data."""

    def scenes(self) -> frozenset[str]:
        """All scenes of the training and validation parts."""


def stage_seed(seed: int, name: str) -> int:
    """The seed of a stage, derived from the run's."""
    return (seed << 32 | zlib.crc32(name.encode())) % 2**62


VALIDATION_SEED = stage_seed(0, "validation")  # of validation patches: the same in every stage and run


def evenly_spaced(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` items of a list, evenly spaced."""
    count = min(most, len(items))
    return [items[n * len(items) // count] for n in range(count)]
