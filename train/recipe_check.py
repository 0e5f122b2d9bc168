"""Whether a recipe's sizes go together, and with the machine that it is to run on."""

from __future__ import annotations

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.regressor import LITE

from .machine import Machine
from .recipe import GeneratorStage, Recipe, RegressorStage, Stage
from .versions import GROUP
from .whole_views import CELL


def check_recipe(recipe: Recipe, machine: Machine) -> None:
    """UsageError where batches cannot be divided into processes, pieces and groups, or patches be taken by R, or where
    R's networks do not go together."""
    if recipe.networks.regressor_backbone == LITE and recipe.networks.batch_norm:
        raise UsageError(f"the recipe's networks: {LITE} has no batch norms of its own", "give batch_norm = false")
    for name, stage in recipe.stages.items():
        if stage.patch % CELL or stage.patch < 2 * CELL:
            raise UsageError(f"{name}: expected patches of a multiple of {CELL} px, at least {2 * CELL}, "
                             f"found {stage.patch}")  # fmt: skip
        whole, what = whole_part(stage)
        unit = recipe.watch.pieces * machine.world * whole
        if stage.batch % unit:
            raise UsageError(
                f"{name}: a batch of {stage.batch} is no multiple of {unit}",
                f"{machine.world} processes, each with {recipe.watch.pieces} pieces{what}",
            )


def whole_part(stage: Stage) -> tuple[int, str]:
    """The number of patches of a stage that must not be torn apart, and what they are."""
    mix = stage.mix if isinstance(stage, RegressorStage) else {}
    if mix:
        return sum(mix.values()), f" of a whole mix of {sum(mix.values())} patches"
    if stage.shares and not isinstance(stage, GeneratorStage):
        return GROUP, f" of whole groups of {GROUP} versions"
    return 1, ""
