"""Check that a recipe's sizes fit one another and the processes of the run."""

from __future__ import annotations

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.regressor import NO_PRIOR, RegressorConfig
from hiqa_train.data.distortion_groups import GROUP
from hiqa_train.data.feature_cache import CELL
from hiqa_train.data.whole_image import TILES
from hiqa_train.distributed import RunDevice

from .schema import GeneratorStage, Recipe, RegressorStage, Stage


def check_recipe(recipe: Recipe, run_device: RunDevice) -> None:
    """Raise UsageError for a batch that cannot be divided among processes, micro-batches and groups, for a patch size
    that R cannot take, and for settings of R that contradict one another."""
    for name, stage in recipe.stages.items():
        if isinstance(stage, RegressorStage):
            check_learns(name, stage, recipe)
            check_mean(name, stage, recipe)
            if stage.order_weight and (stage.relative_share or stage.local_weight):
                raise UsageError(
                    f"{name}: order_weight excludes other losses on clean images",
                    "set relative_share = 0.0 and local_weight = 0.0",
                )
        if stage.patch % CELL or stage.patch < 2 * CELL:
            raise UsageError(
                f"{name}: expected a patch of a multiple of {CELL} px, at least {2 * CELL}, found {stage.patch}"
            )
        patches, reason = indivisible_unit(stage)
        unit = recipe.watch.pieces * run_device.world * patches
        if stage.batch % unit:
            raise UsageError(
                f"{name}: expected a batch of a multiple of {unit}, found {stage.batch}",
                f"{run_device.world} processes, each with {recipe.watch.pieces} micro-batches (pieces){reason}",
            )


def check_learns(name: str, stage: RegressorStage, recipe: Recipe) -> None:
    """Raise UsageError where `learns` or `kept_share` does not fit the stage's R."""
    learns_addition = stage.learns == "distortions"
    if not 0 < stage.kept_share <= 1 or (stage.kept_share != 1 and not learns_addition):
        raise UsageError(
            f"{name}: kept_share = {stage.kept_share}",
            'expected 1.0, or a value from 0 to 1 with learns = "distortions"',
        )
    if stage.learns == "all":
        return
    if recipe.networks.regressor_prior == NO_PRIOR:
        raise UsageError(
            f"{name}: learns = {stage.learns!r} needs a prior, and the recipe's R has none",
            'set learns = "all", or [networks] regressor_prior',
        )
    if stage.learns == "prior" and (stage.sees != "image" or stage.fusion):
        raise UsageError(f"{name}: the input of a prior is the image only", 'set sees = "image" and fusion = false')
    if stage.learns == "distortions" and not stage.begin:
        raise UsageError(
            f'{name}: learns = "distortions" needs a trained prior',
            "set begin to the stage that trains the prior",
        )


def check_mean(name: str, stage: RegressorStage, recipe: Recipe) -> None:
    """Raise UsageError unless `mean_with` names an earlier stage of the same network, without batch norms."""
    if not stage.mean_with:
        return
    order = list(recipe.stages)
    other = recipe.stages.get(stage.mean_with)
    earlier = other is not None and order.index(stage.mean_with) < order.index(name)
    alike = isinstance(other, RegressorStage) and regressor_config(other, recipe) == regressor_config(stage, recipe)
    if not earlier or not alike or recipe.networks.batch_norm:
        raise UsageError(
            f"{name}: mean_with = {stage.mean_with!r}",
            "expected an earlier stage of the same network, without batch norms",
        )


def regressor_config(stage: RegressorStage, recipe: Recipe) -> RegressorConfig:
    """The configuration of a stage's R, with the recipe's G."""
    return recipe.networks.regressor_of(stage, recipe.networks.generator_channels[-1])


def indivisible_unit(stage: Stage) -> tuple[int, str]:
    """The number of consecutive patches of a stage that must stay together, and why."""
    mix = stage.mix if isinstance(stage, RegressorStage) else {}
    if mix:
        return sum(mix.values()), f" of complete mixes of {sum(mix.values())} patches"
    if isinstance(stage, RegressorStage) and stage.squares:
        return TILES, f" of complete squares of {TILES} patches"
    if stage.shares and not isinstance(stage, GeneratorStage):
        return GROUP, f" of complete groups of {GROUP} versions"
    return 1, ""
