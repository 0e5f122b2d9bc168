"""The plan of a run: the stages of its recipe that it trains with the given data, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hiqa_cli.errors import UsageError
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import GeneratorStage, HeadsStage, JointStage, RegressorStage, TrunkStage
from hiqa_train.sources.mixed import MixedSource
from hiqa_train.sources.protocol import DataSource


@dataclass(frozen=True)
class StagePlan:
    """stages: to run, in order. left_out: stages to skip, each with the reason. has_generator: whether a trained G
    replaces the generator stage."""

    stages: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    has_generator: bool


def make_plan(recipe: Recipe, data: DataSource, *, has_generator: bool, kinds: tuple[str, ...] | None) -> StagePlan:
    """Plan a run. Raises UsageError if no stage is left, or if the data lack what a stage needs.

    has_generator: whether the caller gives a trained G. kinds: the kinds of stages to run, together with the regressor
    stages that they build on; None for all.
    """
    trains_g = data.any_reference and not has_generator
    left_out: list[tuple[str, str]] = []
    kept: list[str] = []
    for name, stage in recipe.stages.items():
        if isinstance(stage, GeneratorStage) and not trains_g:
            reason = "a trained G is given" if has_generator else "no references; using the G of hiqa's weights"
            left_out.append((name, reason))
        elif isinstance(stage, JointStage) and not data.any_reference:
            left_out.append((name, "it needs references"))
        elif isinstance(stage, TrunkStage | HeadsStage) and not isinstance(data, MixedSource):
            raise UsageError(f"the stage {name} needs databases and clean images", "give --dataset and --clean-images")
        elif isinstance(stage, RegressorStage) and stage.sees == "reference" and not data.every_reference:
            raise UsageError(f"the stage {name} needs the true references, which this database does not have")
        else:
            kept.append(name)
    needed = {need for name in kept for need in builds_on(recipe, name, trains_g)}
    last = next((name for name in reversed(kept) if isinstance(recipe.stages[name], RegressorStage)), None)
    for name in list(kept):
        unused = isinstance(recipe.stages[name], RegressorStage) and name not in needed and name != last
        if unused and not trains_g:
            kept.remove(name)
            left_out.append((name, "only skipped stages build on it"))
    if kinds is not None:
        wanted = [name for name in kept if recipe.stages[name].kind in kinds]
        if "regressor" not in kinds:
            wanted += [need for name in wanted for need in builds_on(recipe, name, trains_g) if "generator" in kinds]
        kept = [name for name in kept if name in wanted]
    if not kept:
        raise UsageError("no stage is left to run", "; ".join(f"{name}: {reason}" for name, reason in left_out))
    return StagePlan(tuple(kept), tuple(left_out), has_generator or not data.any_reference)


def builds_on(recipe: Recipe, name: str, trains_g: bool) -> list[str]:
    """The stages whose R, or whose trunk and image head, a stage uses."""
    stage = recipe.stages[name]
    if isinstance(stage, RegressorStage):
        return [stage.begin] if stage.begin else []
    if isinstance(stage, TrunkStage):
        return []
    if isinstance(stage, HeadsStage):
        return [trunk_stage(recipe)]
    if isinstance(stage, GeneratorStage):
        return [stage.psi] if stage.psi_weight and trains_g else []
    generator = recipe.stages[stage.generator]
    assert isinstance(generator, GeneratorStage)
    return [stage.regressor, *([generator.psi] if generator.psi_weight else [])]


def missing_needs(recipe: Recipe, plan: StagePlan, data: DataSource) -> list[str]:
    """Stages that the plan builds on but does not run: they must be finished."""
    trains_g = data.any_reference and not plan.has_generator
    needed: list[str] = []
    for name in plan.stages:
        stage = recipe.stages[name]
        needed += builds_on(recipe, name, trains_g)
        uses_g = isinstance(stage, RegressorStage) and (stage.fusion or stage.sees == "hallucination")
        uses_g = uses_g or isinstance(stage, HeadsStage)
        if (uses_g or isinstance(stage, JointStage)) and trains_g:
            needed.append(generator_stage(recipe))
    return [name for name in dict.fromkeys(needed) if name and name not in plan.stages]


def last_regressor(recipe: Recipe) -> str:
    """The name of the last regressor stage, whose R is released unless a joint stage follows. UsageError without
    one."""
    names = [name for name, stage in recipe.stages.items() if isinstance(stage, RegressorStage)]
    if not names:
        raise UsageError(f"the recipe {recipe.name} has no regressor stage")
    return names[-1]


def generator_stage(recipe: Recipe) -> str:
    """The name of the generator stage, "" without one."""
    return next((name for name, stage in recipe.stages.items() if isinstance(stage, GeneratorStage)), "")


def trunk_stage(recipe: Recipe) -> str:
    """The name of the trunk stage. UsageError without one."""
    trunk = next((name for name, stage in recipe.stages.items() if isinstance(stage, TrunkStage)), None)
    if trunk is None:
        raise UsageError(
            f"the recipe {recipe.name} has a stage of kind heads and none of kind trunk", "add one before it"
        )
    return trunk


def vgg_layers(recipe: Recipe, stages: Sequence[str]) -> tuple[str, ...]:
    """The layers of the perceptual loss that the stages use; none if it is off."""
    for name in stages:
        stage = recipe.stages[name]
        if isinstance(stage, JointStage):
            generator = recipe.stages[stage.generator]
            stage = generator if isinstance(generator, GeneratorStage) else stage
        if isinstance(stage, GeneratorStage) and stage.vgg_weight:
            return stage.vgg_layers
    return ()
