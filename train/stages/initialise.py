"""Initial networks of stages and of the release: from finished stages, from weights, or random ones for timing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch

from hiqa_cli.engine.manifest import MANIFEST
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.pair_regressor import PairRegressor
from hiqa_cli.networks.regressor import Regressor, RegressorConfig
from hiqa_train.data.leakage import TrainedScenes, trained_scenes
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import JointStage, RegressorStage, Stage
from hiqa_train.trainer.checkpoint import BEST, LAST, read_checkpoint

from .trunk.stage import trained_image_part


def result_of(described: dict[str, Any]) -> str:
    """The checkpoint of a finished stage that later stages and the release use: BEST on the validation part, but LAST
    for two kinds. A generator stage adds losses over time, so that its validation errors at different steps are not
    comparable. The validation part of a trunk stage does not show how well it generalises to other sources."""
    return LAST if described["kind"] in ("generator", "trunk") else BEST


class NetworkProvider(Protocol):
    """Provides the networks of stages, on the CPU, frozen, in evaluation mode. Each call returns a new copy."""

    def regressor(self, stage: str) -> MappedRegressor:
        """R of a regressor or joint stage."""

    def generator(self, stage: str) -> Generator:
        """G of a generator or joint stage, or the given one if no such stage is run."""


class TrainedNetworks:
    """Networks from the checkpoints in OUT. given: a G that replaces the generator stage's."""

    def __init__(self, out: Path, given: Generator | None) -> None:
        self.out, self.given = out, given

    def state(self, stage: str) -> dict[str, Any]:
        """The checkpoint of a finished stage that others use. Raises UsageError if the stage is not finished."""
        last = self.out / stage / LAST
        if not last.exists():
            raise UsageError(f"{self.out} has no finished stage {stage}", "train it first, or give --generator for a G")
        state = read_checkpoint(last)
        if state["step"] < state["describe"]["recipe"]["steps"]:
            raise UsageError(f"the stage {stage} in {self.out} is not finished", "finish it first, with --resume")
        file = result_of(state["describe"])
        return state if file == LAST else read_checkpoint(self.out / stage / file)

    def regressor(self, stage: str) -> MappedRegressor:
        state = self.state(stage)
        config = RegressorConfig.from_dict(state["describe"]["regressor"])
        network = MappedRegressor(Regressor(config), state["describe"]["databases"])
        network.load_state_dict(state["learns"]["regressor"]["averaged"])
        return network.eval().requires_grad_(False)

    def image_part(self, stage: str) -> PairRegressor:
        """The R on images alone of a finished trunk stage."""
        return trained_image_part(self.state(stage))

    def generator(self, stage: str) -> Generator:
        if self.given is not None and not (self.out / stage / LAST).exists():
            return copy_of(self.given)
        return generator_of(self.state(stage))


def generator_of(state: dict[str, Any]) -> Generator:
    """G of a checkpoint, with averaged weights."""
    network = Generator(GeneratorConfig.from_dict(state["describe"]["generator"]))
    network.load_state_dict(state["learns"]["generator"]["averaged"])
    return network.eval().requires_grad_(False)


def copy_of(generator: Generator) -> Generator:
    """A copy that a stage may move to its device and change."""
    twin = Generator(generator.config)
    twin.load_state_dict(generator.state_dict())
    return twin.eval().requires_grad_(False)


def load_generator(where: Path | None) -> Generator:
    """G of a folder of weights, or of the finished generator stage in another run's OUT; None for hiqa's own weights.

    UsageError or WeightsError if there is none.
    """
    if where is None or (where / MANIFEST).exists():
        return load_weights(where).generator.requires_grad_(False)
    for path in sorted(where.glob(f"*/{LAST}")):
        if read_checkpoint(path)["describe"]["kind"] == "generator":
            return TrainedNetworks(where, None).generator(path.parent.name)
    raise UsageError(f"--generator {where}: neither a folder of weights nor a run with a trained G")


def load_regressor(where: Path, stage: Stage) -> MappedRegressor:
    """The R that a stage starts from. where: a folder of weights, the folder of a finished regressor stage, or the OUT
    of a run, whose stage with the same inputs is taken, else the one on images alone.

    Raises UsageError if there is none, or if it has inputs that the stage's R lacks, and WeightsError.
    """
    assert isinstance(stage, RegressorStage)
    if (where / MANIFEST).exists():
        regressor = load_weights(where).regressor
        if not isinstance(regressor, Regressor):
            kinds = f"its R is a {regressor.traits.kind}, the stage's is the paper's"
            raise UsageError(f"--init-from {where}: {kinds}", "give weights whose R such a stage has trained")
        network = MappedRegressor(regressor, 1)
        inputs = (network.regressor.config.discrepancy, network.regressor.config.semantic)
        if not all(has or not had for has, had in zip(_inputs(stage), inputs, strict=True)):
            raise UsageError(f"--init-from {where}: its R has inputs that the stage lacks", "give an R on images only")
        return network.eval().requires_grad_(False)
    folders = [where] if (where / LAST).exists() else [path.parent for path in sorted(where.glob(f"*/{LAST}"))]
    by_inputs: dict[tuple[bool, bool], Path] = {}
    for folder in folders:
        described = read_checkpoint(folder / LAST)["describe"]
        if described["kind"] == "regressor":
            by_inputs[described["regressor"]["discrepancy"], described["regressor"]["semantic"]] = folder
    chosen = by_inputs.get(_inputs(stage), by_inputs.get((False, False)))
    if chosen is None:
        raise UsageError(f"--init-from {where}: neither weights nor a run with an R that this stage can start from")
    return TrainedNetworks(chosen.parent, None).regressor(chosen.name)


def _inputs(stage: RegressorStage) -> tuple[bool, bool]:
    """Whether R takes a discrepancy map, and G's features."""
    return stage.sees != "image", stage.fusion


def initial_trained_scenes(where: Path) -> TrainedScenes:
    """The scenes that an initial R was trained on, also for the folder of a stage."""
    return trained_scenes(where.parent if (where / LAST).exists() else where)


class UntrainedNetworks:
    """A `NetworkProvider` of random networks of the right sizes, to time stages before anything is trained."""

    def __init__(self, recipe: Recipe, databases: int, given: Generator | None) -> None:
        self.recipe, self.databases, self.given = recipe, databases, given

    def regressor(self, stage: str) -> MappedRegressor:
        recipe = self.recipe.stages[stage]
        if isinstance(recipe, JointStage):
            return self.regressor(recipe.regressor)
        assert isinstance(recipe, RegressorStage)
        channels = self.generator(stage).config.channels[-1]
        config = self.recipe.networks.regressor_of(recipe, channels)
        return MappedRegressor(Regressor(config), self.databases).eval().requires_grad_(False)

    def generator(self, stage: str) -> Generator:
        if self.given is not None:
            return copy_of(self.given)
        torch.manual_seed(0)
        return Generator(self.recipe.networks.generator).eval().requires_grad_(False)
