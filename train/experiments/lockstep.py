"""Trains several Rs in lockstep on the same patches; they differ in their other inputs.

Distorting patches takes longer than a training step on them, so that all networks share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from hiqa_train.data.batch import Batch
from hiqa_train.stages.regressor import RegressorTraining
from hiqa_train.trainer.checkpoint import BEST, LAST, read_checkpoint, save_checkpoint
from hiqa_train.trainer.sample_grid import SampleGrid

NAME = "abreast"  # of the stage, and of its folder


class LockstepTraining:
    """See `loop.TrainingStage`. stages: with equal steps, batch and patch size; all use the patches of the first."""

    kind = "abreast"

    def __init__(self, stages: Sequence[RegressorTraining]) -> None:
        """Raises ValueError if the stages do not train on the same patches."""
        first = stages[0]
        for other in stages[1:]:
            if (other.steps, other.batch, other.recipe.patch) != (first.steps, first.batch, first.recipe.patch):
                raise ValueError(f"{other.name} and {first.name} differ in steps, batch or patch")
        self.stages = stages
        self.name, self.steps, self.batch, self.source = NAME, first.steps, first.batch, first.source
        self.main_loss = f"{first.name}_{first.main_loss}"
        self.cycle = first.cycle
        self.trainers = {f"{stage.name}.{name}": one for stage in stages for name, one in stage.trainers.items()}

    def describe(self) -> dict[str, Any]:
        return {"kind": self.kind, **{stage.name: stage.describe() for stage in self.stages}}

    def step(self, step: int, pieces: list[Batch]) -> dict[str, Tensor]:
        of_stages = {stage.name: stage.step(step, pieces) for stage in self.stages}
        return {f"{name}_{loss}": value for name, losses in of_stages.items() for loss, value in losses.items()}

    def validate(self, step: int) -> dict[str, float]:
        """The measures of all stages; `error` is the mean of their errors."""
        measures = {stage.name: stage.validate(step) for stage in self.stages}
        error = sum(found["error"] for found in measures.values()) / len(measures)
        return {"error": error, **{f"{n}_{key}": v for n, found in measures.items() for key, v in found.items()}}

    def remarks(self) -> list[str]:
        return [remark for stage in self.stages for remark in stage.remarks()]

    def samples(self) -> SampleGrid:
        return self.stages[-1].samples()


def split_checkpoint(folder: Path, stages: Sequence[RegressorTraining]) -> None:
    """Split the checkpoint of the finished stage into those that each R would have if it had been trained by itself, in
    a folder named after its stage. All are of the last step. Raises OutputError.
    """
    state = read_checkpoint(folder / NAME / LAST)
    for stage in stages:
        trainers = {name: state["learns"][f"{stage.name}.{name}"] for name in stage.trainers}
        alone = {**state, "stage": stage.name, "describe": stage.describe(), "learns": trainers}
        for file in (BEST, LAST):
            save_checkpoint(folder / stage.name / file, alone)
