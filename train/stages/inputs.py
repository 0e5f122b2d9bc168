"""What every stage that trains on patches is given."""

from __future__ import annotations

from dataclasses import dataclass

from hiqa_train.data.batch import PatchSource
from hiqa_train.distributed import RunDevice
from hiqa_train.trainer.validation import Validation


@dataclass(frozen=True)
class StageInputs:
    """name: the stage's, in the recipe. source, validation: patches to train and to validate on. databases: how many
    there are. seed: the stage's own."""

    name: str
    source: PatchSource
    validation: Validation
    run_device: RunDevice
    databases: int
    seed: int
