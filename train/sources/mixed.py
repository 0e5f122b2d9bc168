"""Databases with human scores and clean images together, as a data source; G gets its pairs from the clean images.

The clean images come first in its names: their quality, computed from the reference, defines hiqa's scale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hiqa_cli.errors import UsageError
from hiqa_train.data.batch import PatchSource
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.stages import JointStage, PatchStage, RegressorStage, Stage
from hiqa_train.trainer.validation import Validation
from hiqa_train.uncertainty.activations import ScoreFunction
from hiqa_train.uncertainty.coverage import IntervalCase

from .database import DatabaseSource
from .synthetic import SyntheticSource

PHOTOGRAPHS = "photographs"  # the name of the clean images
CLEAN = 0  # the number of the clean images among the sources; database k of the run is source k + 1


class MixedSource:
    """A `DataSource` of clean images and databases. Its patches are cut from the clean images; the stages trunk and
    heads read the images of both themselves."""

    every_reference = False
    any_reference = True  # the clean images are references

    def __init__(self, photographs: SyntheticSource, databases: DatabaseSource) -> None:
        self.photographs, self.databases = photographs, databases
        self.names = (PHOTOGRAPHS, *databases.names)

    def training_patches(self, name: str, stage: PatchStage, *, with_references: bool) -> PatchSource:
        check_patches(name, stage)
        return self.photographs.training_patches(name, stage, with_references=with_references)

    def validation(self, name: str, stage: PatchStage, run_device: RunDevice, *, with_references: bool) -> Validation:
        check_patches(name, stage)
        return self.photographs.validation(name, stage, run_device, with_references=with_references)

    def interval_cases(
        self, score: ScoreFunction, knots: list[list[float]], report: Callable[[str], None]
    ) -> list[IntervalCase]:
        of_photographs = self.photographs.interval_cases(score, knots, report)
        return of_photographs + self.databases.interval_cases(score, knots[1:], report)

    def describe(self) -> dict[str, Any]:
        return {**self.photographs.describe(), **self.databases.describe()}

    def terms(self) -> list[dict[str, str]]:
        return self.photographs.terms() + self.databases.terms()

    def scenes(self) -> frozenset[str]:
        return self.photographs.scenes() | self.databases.scenes()


def check_patches(name: str, stage: Stage) -> None:
    """Raise UsageError for a stage that needs patches of one kind only, of databases or of clean images."""
    if isinstance(stage, RegressorStage | JointStage):
        raise UsageError(
            f"the recipe's stage {name}, of kind {stage.kind}, trains on databases or on clean images, not on both",
            "give --dataset or --clean-images, or --recipe release",
        )
