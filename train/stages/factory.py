"""From a recipe's stage to the stage that the loop runs: its networks, its patches, its objectives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator
from hiqa_train.data.sources.database import DatabaseSource
from hiqa_train.data.sources.protocol import DataSource, stage_seed
from hiqa_train.losses.objectives import FeatureNetworks
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.losses.vgg import Vgg19Features
from hiqa_train.recipes.schema import GeneratorStage, Recipe, RegressorStage
from hiqa_train.runs.plan import generator_stage
from hiqa_train.trainer.distributed import RunDevice
from hiqa_train.trainer.loop import TrainingStage as Training
from hiqa_train.trainer.validation import Validation

from .generator import GeneratorTraining
from .initialise import NetworkProvider
from .joint import JointTraining
from .regressor import RegressorTraining

OF_PHOTOGRAPHS = ("relative_share", "order_weight")  # fields of a regressor stage


@dataclass(frozen=True)
class StageFactory:
    """Builds stages of one run.

    vgg: phi of formula (4), None where no stage asks for it. first_generator: what the training of G begins with, None
    for a random one. begin: a stage and the trained R that it begins with, in place of what its recipe names; where
    that has a prior which stays, the R is the rest's beginning; if it has a prior itself, it is also that of the stages
    that learn one from the start.
    first_judge: what the two-input R of formula (7) begins as, None for a random one.
    """

    recipe: Recipe
    material: DataSource
    machine: RunDevice
    seed: int
    vgg: Vgg19Features | None
    first_generator: Generator | None = None
    begin: tuple[str, MappedRegressor] | None = None
    first_judge: MappedRegressor | None = None

    def check(self, names: Iterable[str]) -> None:
        """UsageError where one of the stages asks something of photographs, and there are none."""
        for name in names:
            asked = [field for field in OF_PHOTOGRAPHS if getattr(self.recipe.stages[name], field, 0.0)]
            if asked and isinstance(self.material, DatabaseSource):
                problem = f"the stage {name} has {asked[0]}, which is of photographs that are distorted on the way"
                raise UsageError(problem, f"give --clean-images too, or {asked[0]} = 0.0")

    def build(self, name: str, networks: NetworkProvider) -> Training:
        """The stage of that name. networks: gives what it builds on."""
        recipe = self.recipe.stages[name]
        if isinstance(recipe, RegressorStage):
            return self._regressor(name, recipe, networks)
        if isinstance(recipe, GeneratorStage):
            source = self.material.training_patches(name, recipe, with_references=True)
            return GeneratorTraining(
                name,
                recipe,
                self.recipe.networks,
                source,
                self._validation(name, True),
                self.machine,
                databases=len(self.material.names),
                seed=stage_seed(self.seed, name),
                features=self._features(recipe, networks),
                begin=self.first_generator,
                first_judge=self.first_judge,
            )
        of_generator, of_regressor = self.recipe.stages[recipe.generator], self.recipe.stages[recipe.regressor]
        assert isinstance(of_generator, GeneratorStage)
        assert isinstance(of_regressor, RegressorStage)
        return JointTraining(
            name,
            recipe,
            of_generator,
            of_regressor,
            self.material.training_patches(name, recipe, with_references=True),
            self._validation(name, self.with_references(of_regressor)),
            self.machine,
            seed=stage_seed(self.seed, name),
            generator=networks.generator(recipe.generator),
            regressor=networks.regressor(recipe.regressor),
            features=self._features(of_generator, networks),
        )

    def _regressor(self, name: str, recipe: RegressorStage, networks: NetworkProvider) -> RegressorTraining:
        looks = recipe.sees == "hallucination" or recipe.fusion
        with_references = self.with_references(recipe)
        return RegressorTraining(
            name,
            recipe,
            self.recipe.networks,
            self.material.training_patches(name, recipe, with_references=with_references),
            self._validation(name, with_references),
            self.machine,
            databases=len(self.material.names),
            seed=stage_seed(self.seed, name),
            with_references=with_references,
            generator=networks.generator(generator_stage(self.recipe)) if looks else None,
            begins=self._begins(name, recipe, networks),
        )

    def _begins(self, name: str, recipe: RegressorStage, networks: NetworkProvider) -> list[MappedRegressor]:
        given = [self.begin[1]] if self.begin is not None and self.begin[0] == name else []
        if self.begin is not None and recipe.learns == "prior" and not recipe.begin:
            given = [self.begin[1]] if self.begin[1].regressor.prior is not None else []
        if recipe.begin and (not given or recipe.learns == "distortions"):
            return [*given, networks.regressor(recipe.begin)]
        return given

    def with_references(self, recipe: RegressorStage) -> bool:
        """Whether R's batches hold references: where something is told from them, and every image has its own, or it is
        marked which have.

        A photograph's quality is always told from it.
        """
        if self.material.marks_references:
            return recipe.local_weight > 0
        told = recipe.local_weight > 0 or recipe.sees == "reference" or bool(recipe.shares)
        return told and self.material.every_reference

    def _validation(self, name: str, with_references: bool) -> Validation:
        stage = self.recipe.stages[name]
        return self.material.validation(name, stage, self.machine, with_references=with_references)

    def _features(self, recipe: GeneratorStage, networks: NetworkProvider) -> FeatureNetworks:
        psi = networks.regressor(recipe.psi).regressor if recipe.psi_weight else None
        return FeatureNetworks(self.vgg if recipe.vgg_weight else None, psi)
