"""Checks that a recipe's sizes fit one another and the processes of the run."""

from __future__ import annotations

from hiqa_cli.errors import UsageError
from hiqa_train.data.distortion_groups import GROUP
from hiqa_train.data.feature_cache import CELL
from hiqa_train.distributed import RunDevice

from .schema import Recipe
from .stages import HeadsStage, JointStage, RegressorStage, Stage


def check_recipe(recipe: Recipe, run_device: RunDevice) -> None:
    """Raise UsageError for a batch that cannot be divided among processes, micro-batches and groups, and for a patch
    size that R cannot take."""
    for name, stage in recipe.stages.items():
        for patch in stage.patches if isinstance(stage, HeadsStage) else (stage.patch,):
            if patch % CELL or patch < 2 * CELL:
                raise UsageError(
                    f"{name}: expected a patch of a multiple of {CELL} px, at least {2 * CELL}, found {patch}"
                )
        patches, reason = indivisible_unit(stage)
        unit = recipe.watch.pieces * run_device.world * patches
        if stage.batch % unit:
            raise UsageError(
                f"{name}: expected a batch of a multiple of {unit}, found {stage.batch}",
                f"{run_device.world} processes, each with {recipe.watch.pieces} micro-batches (pieces){reason}",
            )


def indivisible_unit(stage: Stage) -> tuple[int, str]:
    """The number of consecutive patches of a stage that must stay together, and why."""
    if stage.shares and isinstance(stage, RegressorStage | JointStage):
        return GROUP, f" of complete groups of {GROUP} versions"
    return 1, ""
