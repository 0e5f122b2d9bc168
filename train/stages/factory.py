"""Builds the stages of a run from its recipe: the networks, patches and objectives of each."""

from __future__ import annotations

from dataclasses import dataclass

from hiqa_cli.networks.generator import Generator
from hiqa_train.distributed import RunDevice
from hiqa_train.losses.objectives import FeatureNetworks
from hiqa_train.losses.perceptual import PerceptualFeatures
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import GeneratorStage, JointStage, PatchStage, RegressorStage, TrunkStage
from hiqa_train.sources.mixed import MixedSource
from hiqa_train.sources.protocol import DataSource, stage_seed
from hiqa_train.trainer.loop import TrainingStage

from .generator import GeneratorTraining
from .initialise import NetworkProvider
from .inputs import StageInputs
from .joint import JointTraining
from .plan import generator_stage
from .regressor import RegressorTraining
from .trunk.stage import TrunkTraining, views_of


@dataclass(frozen=True)
class StageFactory:
    """Builds the stages of one run.

    perceptual: phi of formula (4), None if no stage uses it.
    init_generator: the G that the generator stage starts from, None for random weights.
    init_regressor: the name of a stage, and the R that it starts from in place of the one that its recipe names.
    init_two_input: the R that the two-input R of formula (7) starts from, None for random weights.
    """

    recipe: Recipe
    data: DataSource
    run_device: RunDevice
    seed: int
    perceptual: PerceptualFeatures | None
    init_generator: Generator | None = None
    init_regressor: tuple[str, MappedRegressor] | None = None
    init_two_input: MappedRegressor | None = None

    def build(self, name: str, networks: NetworkProvider) -> TrainingStage:
        """Build the named stage of the recipe. networks: provides the networks of stages that it builds on."""
        recipe = self.recipe.stages[name]
        if isinstance(recipe, RegressorStage):
            return self._regressor(name, recipe, networks)
        if isinstance(recipe, GeneratorStage):
            return self._generator(name, recipe, networks)
        if isinstance(recipe, TrunkStage):
            return self._trunk(name, recipe)
        assert isinstance(recipe, JointStage)  # heads are trained without the loop: heads/stage.py
        return self._joint(name, recipe, networks)

    def _generator(self, name: str, recipe: GeneratorStage, networks: NetworkProvider) -> GeneratorTraining:
        return GeneratorTraining(
            self._inputs(name, with_references=True, validates_with=True),
            recipe,
            self.recipe.networks,
            features=self._features(recipe, networks),
            init_generator=self.init_generator,
            init_two_input=self.init_two_input,
        )

    def _trunk(self, name: str, recipe: TrunkStage) -> TrunkTraining:
        assert isinstance(self.data, MixedSource)  # the plan refuses other data
        seed, databases = stage_seed(self.seed, name), len(self.data.databases.names)
        views = views_of(self.data, recipe, seed, self.recipe.watch.validation_pictures)
        return TrunkTraining(name, recipe, *views, self.run_device, databases=databases, seed=seed)

    def _joint(self, name: str, recipe: JointStage, networks: NetworkProvider) -> JointTraining:
        generator_recipe, regressor_recipe = self.recipe.stages[recipe.generator], self.recipe.stages[recipe.regressor]
        assert isinstance(generator_recipe, GeneratorStage)
        assert isinstance(regressor_recipe, RegressorStage)
        return JointTraining(
            self._inputs(name, with_references=True, validates_with=self.with_references(regressor_recipe)),
            recipe,
            generator_recipe,
            regressor_recipe,
            generator=networks.generator(recipe.generator),
            regressor=networks.regressor(recipe.regressor),
            features=self._features(generator_recipe, networks),
        )

    def _regressor(self, name: str, recipe: RegressorStage, networks: NetworkProvider) -> RegressorTraining:
        uses_g = recipe.sees == "hallucination" or recipe.fusion
        with_references = self.with_references(recipe)
        return RegressorTraining(
            self._inputs(name, with_references=with_references, validates_with=with_references),
            recipe,
            self.recipe.networks,
            with_references=with_references,
            generator=networks.generator(generator_stage(self.recipe)) if uses_g else None,
            initial=self._initial(name, recipe, networks),
        )

    def _initial(self, name: str, recipe: RegressorStage, networks: NetworkProvider) -> MappedRegressor | None:
        if self.init_regressor is not None and self.init_regressor[0] == name:
            return self.init_regressor[1]
        return networks.regressor(recipe.begin) if recipe.begin else None

    def with_references(self, recipe: RegressorStage) -> bool:
        """Whether the batches of a stage hold references: if a loss or a target needs them and every image has one."""
        needed = recipe.local_weight > 0 or recipe.sees == "reference" or bool(recipe.shares)
        return needed and self.data.every_reference

    def _inputs(self, name: str, *, with_references: bool, validates_with: bool) -> StageInputs:
        """with_references, validates_with: whether patches to train on, and those to validate on, have references."""
        stage = self.recipe.stages[name]
        assert isinstance(stage, PatchStage)
        return StageInputs(
            name,
            self.data.training_patches(name, stage, with_references=with_references),
            self.data.validation(name, stage, self.run_device, with_references=validates_with),
            self.run_device,
            databases=len(self.data.names),
            seed=stage_seed(self.seed, name),
        )

    def _features(self, recipe: GeneratorStage, networks: NetworkProvider) -> FeatureNetworks:
        psi = networks.regressor(recipe.psi).regressor if recipe.psi_weight else None
        return FeatureNetworks(self.perceptual if recipe.vgg_weight else None, psi)
