"""Which stages a run has: those of its recipe, without those that its material does not allow, in order."""

from __future__ import annotations

from dataclasses import dataclass

from hiqa_cli.errors import UsageError
from hiqa_train.data.sources.protocol import DataSource
from hiqa_train.recipes.schema import GeneratorStage, JointStage, Recipe, RegressorStage


@dataclass(frozen=True)
class StagePlan:
    """stages: to be run, in order. left_out: stage and why. ready: whether a G that is there already is used."""

    stages: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    ready: bool


def make_plan(recipe: Recipe, material: DataSource, *, ready: bool, kinds: tuple[str, ...] | None) -> StagePlan:
    """ready: a G was given. kinds: of the stages to run, with the regressors that they build on; None for all.

    UsageError where nothing is left.
    """
    trains = material.any_reference and not ready
    left_out: list[tuple[str, str]] = []
    kept: list[str] = []
    for name, stage in recipe.stages.items():
        if isinstance(stage, GeneratorStage) and not trains:
            why = "G is given" if ready else "the database has no references, so that the G of hiqa's weights is taken"
            left_out.append((name, why))
        elif isinstance(stage, JointStage) and not material.any_reference:
            left_out.append((name, "it needs references"))
        elif isinstance(stage, RegressorStage) and stage.sees == "reference" and not material.every_reference:
            raise UsageError(f"the stage {name} is given the true references, which this database does not have")
        else:
            kept.append(name)
    needed = {need for name in kept for need in builds_on(recipe, name, trains)}
    last = next((name for name in reversed(kept) if isinstance(recipe.stages[name], RegressorStage)), None)
    for name in list(kept):
        unused = isinstance(recipe.stages[name], RegressorStage) and name not in needed and name != last
        if unused and not trains:
            kept.remove(name)
            left_out.append((name, "only the stages that are left out build on it"))
    if kinds is not None:
        wanted = [name for name in kept if recipe.stages[name].kind in kinds]
        if "regressor" not in kinds:
            wanted += [need for name in wanted for need in builds_on(recipe, name, trains) if "generator" in kinds]
        kept = [name for name in kept if name in wanted]
    if not kept:
        raise UsageError("no stage is left to run", "; ".join(f"{name}: {why}" for name, why in left_out))
    return StagePlan(tuple(kept), tuple(left_out), ready or not material.any_reference)


def builds_on(recipe: Recipe, name: str, trains: bool) -> list[str]:
    """The regressor stages whose R a stage takes."""
    stage = recipe.stages[name]
    if isinstance(stage, RegressorStage):
        return [stage.begin] if stage.begin else []
    if isinstance(stage, GeneratorStage):
        return [stage.psi] if stage.psi_weight and trains else []
    of_generator = recipe.stages[stage.generator]
    assert isinstance(of_generator, GeneratorStage)
    return [stage.regressor, *([of_generator.psi] if of_generator.psi_weight else [])]


def missing_needs(recipe: Recipe, plan: StagePlan, material: DataSource) -> list[str]:
    """Stages that the plan builds on and does not run: they must be finished already."""
    trains = material.any_reference and not plan.ready
    needed: list[str] = []
    for name in plan.stages:
        stage = recipe.stages[name]
        needed += builds_on(recipe, name, trains)
        looks = isinstance(stage, RegressorStage) and (stage.fusion or stage.sees == "hallucination")
        if (looks or isinstance(stage, JointStage)) and trains:
            needed.append(generator_stage(recipe))
    return [name for name in dict.fromkeys(needed) if name and name not in plan.stages]


def last_regressor(recipe: Recipe) -> str:
    """The name of the last stage of the kind regressor: the R that is released, unless a joint stage follows.

    UsageError where there is none.
    """
    names = [name for name, stage in recipe.stages.items() if isinstance(stage, RegressorStage)]
    if not names:
        raise UsageError(f"the recipe {recipe.name} has no regressor stage")
    return names[-1]


def goes_on_from_r(recipe: Recipe) -> bool:
    """Whether the last regressor stage learns a part of R, a prior or what is beside it: it may begin with a whole."""
    stages = [stage for stage in recipe.stages.values() if isinstance(stage, RegressorStage)]
    return bool(stages) and stages[-1].learns != "all"


def generator_stage(recipe: Recipe) -> str:
    """The name of the stage that trains G; "" where there is none."""
    return next((name for name, stage in recipe.stages.items() if isinstance(stage, GeneratorStage)), "")
