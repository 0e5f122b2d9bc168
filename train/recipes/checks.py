"""Whether a recipe's sizes go together, and with the machine that it is to run on."""

from __future__ import annotations

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.regressor import NO_PRIOR, RegressorConfig
from hiqa_train.data.distortion_groups import GROUP
from hiqa_train.data.feature_cache import CELL
from hiqa_train.data.whole_image import TILES
from hiqa_train.trainer.distributed import RunDevice

from .schema import GeneratorStage, Recipe, RegressorStage, Stage


def check_recipe(recipe: Recipe, machine: RunDevice) -> None:
    """UsageError where batches cannot be divided into processes, pieces and groups, or patches be taken by R, or where
    R's networks do not go together."""
    for name, stage in recipe.stages.items():
        if isinstance(stage, RegressorStage):
            check_learns(name, stage, recipe)
            check_mean(name, stage, recipe)
            if stage.order_weight and (stage.relative_share or stage.local_weight):
                raise UsageError(
                    f"{name}: with an order_weight nothing else is asked of photographs",
                    "give relative_share = 0.0 and local_weight = 0.0",
                )
        if stage.patch % CELL or stage.patch < 2 * CELL:
            raise UsageError(
                f"{name}: expected patches of a multiple of {CELL} px, at least {2 * CELL}, found {stage.patch}"
            )
        whole, what = indivisible_unit(stage)
        unit = recipe.watch.pieces * machine.world * whole
        if stage.batch % unit:
            raise UsageError(
                f"{name}: a batch of {stage.batch} is no multiple of {unit}",
                f"{machine.world} processes, each with {recipe.watch.pieces} pieces{what}",
            )


def check_learns(name: str, stage: RegressorStage, recipe: Recipe) -> None:
    """UsageError where a stage learns a part of R that there is not, or that nothing was left for, or keeps a share of
    what is all that there is."""
    adds = stage.learns == "distortions"
    if not 0 < stage.kept_share <= 1 or (stage.kept_share != 1 and not adds):
        raise UsageError(
            f"{name}: kept_share = {stage.kept_share}", 'expected 1.0, or from 0 to 1 where it learns = "distortions"'
        )
    if stage.learns == "all":
        return
    if recipe.networks.regressor_prior == NO_PRIOR:
        raise UsageError(
            f"{name}: learns {stage.learns!r}, but the recipe's R has no prior",
            'give learns = "all", or [networks] regressor_prior',
        )
    if stage.learns == "prior" and (stage.sees != "image" or stage.fusion):
        raise UsageError(f"{name}: a prior looks at the image alone", 'give sees = "image" and fusion = false')
    if stage.learns == "distortions" and not stage.begin:
        raise UsageError(
            f"{name}: learns distortions beside a prior that no stage has left",
            "give begin = the stage that learns the prior",
        )


def check_mean(name: str, stage: RegressorStage, recipe: Recipe) -> None:
    """UsageError where a stage's weights are to be averaged with none, with a later one's or another network's."""
    if not stage.mean_with:
        return
    order = list(recipe.stages)
    other = recipe.stages.get(stage.mean_with)
    earlier = other is not None and order.index(stage.mean_with) < order.index(name)
    alike = isinstance(other, RegressorStage) and regressor_config(other, recipe) == regressor_config(stage, recipe)
    if not earlier or not alike or recipe.networks.batch_norm:
        needs = "expected an earlier stage of the same network, without batch norms"
        raise UsageError(f"{name}: mean_with = {stage.mean_with!r}", needs)


def regressor_config(stage: RegressorStage, recipe: Recipe) -> RegressorConfig:
    """A stage's R, beside any G."""
    return recipe.networks.regressor_of(stage, recipe.networks.generator_channels[-1])


def indivisible_unit(stage: Stage) -> tuple[int, str]:
    """The number of patches of a stage that must not be torn apart, and what they are."""
    mix = stage.mix if isinstance(stage, RegressorStage) else {}
    if mix:
        return sum(mix.values()), f" of a whole mix of {sum(mix.values())} patches"
    if isinstance(stage, RegressorStage) and stage.squares:
        return TILES, f" of whole squares of {TILES} patches"
    if stage.shares and not isinstance(stage, GeneratorStage):
        return GROUP, f" of whole groups of {GROUP} versions"
    return 1, ""
