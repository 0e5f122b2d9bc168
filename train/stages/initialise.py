"""Networks that stages have trained, or that came ready: what later stages and the release build on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch

from hiqa_cli.engine.manifest import MANIFEST
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.regressor import Regressor, RegressorConfig
from hiqa_train.data.leakage import TrainedScenes, trained_scenes
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.recipes.schema import JointStage, Networks, Recipe, RegressorStage, Stage
from hiqa_train.trainer.checkpoint import BEST, LAST, read_checkpoint


def result_of(described: dict[str, Any]) -> str:
    """Which checkpoint of a finished stage later stages and the release take: the best on validation patches, or the
    last. G's losses join on the way; and an error in which a level counts that is left open (`relative_share`) says
    nothing about the rest: errors of different times do not compare."""
    leaves_open = described["kind"] == "generator" or bool(described["recipe"].get("relative_share"))
    return LAST if leaves_open else BEST


class NetworkProvider(Protocol):
    """Gives the networks of stages, on the CPU, frozen, in evaluation mode; each call gives a copy of its own."""

    def regressor(self, stage: str) -> MappedRegressor:
        """R of a stage of the kind regressor or joint."""

    def generator(self, stage: str) -> Generator:
        """G of a stage of the kind generator or joint, or the ready one where no such stage is run."""


class TrainedNetworks:
    """Networks from the checkpoints in OUT. ready: a G that stands in for the generator stage's."""

    def __init__(self, out: Path, ready: Generator | None) -> None:
        self.out, self.ready = out, ready

    def state(self, stage: str) -> dict[str, Any]:
        """The checkpoint that a finished stage gives on; UsageError where it is not finished."""
        last = self.out / stage / LAST
        if not last.exists():
            raise UsageError(f"{self.out} has no finished stage {stage}", "train it first, or give --generator for a G")
        state = read_checkpoint(last)
        if state["step"] < state["describe"]["recipe"]["steps"]:
            raise UsageError(f"the stage {stage} in {self.out} is not finished", "go on with it first, by --resume")
        file = result_of(state["describe"])
        return state if file == LAST else read_checkpoint(self.out / stage / file)

    def regressor(self, stage: str) -> MappedRegressor:
        state = self.state(stage)
        config = RegressorConfig.from_dict(state["describe"]["regressor"])
        network = MappedRegressor(Regressor(config), state["describe"]["databases"])
        network.load_state_dict(state["learns"]["regressor"]["averaged"])
        network.eval().requires_grad_(False)
        recipe = state["describe"]["recipe"]
        if recipe.get("mean_with"):
            other = self.regressor(recipe["mean_with"]).regressor
            for own, first in zip(network.regressor.parameters(), other.parameters(), strict=True):
                own.lerp_(first, 0.5)
        if recipe.get("kept_share", 1.0) != 1.0:  # stages of before it do not name it
            network.regressor.head.score.weight.mul_(recipe["kept_share"])
            network.regressor.head.score.bias.mul_(recipe["kept_share"])
        return network

    def generator(self, stage: str) -> Generator:
        if self.ready is not None and not (self.out / stage / LAST).exists():
            return copy_of(self.ready)
        return generator_of(self.state(stage))


def generator_of(state: dict[str, Any]) -> Generator:
    """G of a checkpoint, its averaged weights."""
    network = Generator(GeneratorConfig.from_dict(state["describe"]["generator"]))
    network.load_state_dict(state["learns"]["generator"]["averaged"])
    return network.eval().requires_grad_(False)


def copy_of(generator: Generator) -> Generator:
    """A copy that a stage may move and change."""
    twin = Generator(generator.config)
    twin.load_state_dict(generator.state_dict())
    return twin.eval().requires_grad_(False)


def load_generator(where: Path | None) -> Generator:
    """G of a folder of weights, or of the finished generator stage in another run's OUT; None: hiqa's own.

    UsageError or WeightsError where there is none.
    """
    if where is None or (where / MANIFEST).exists():
        return load_weights(where).generator.requires_grad_(False)
    found = sorted(where.glob(f"*/{LAST}"))
    states = [read_checkpoint(path) for path in found]
    for path, state in zip(found, states, strict=True):
        if state["describe"]["kind"] == "generator":
            return TrainedNetworks(where, None).generator(path.parent.name)
    raise UsageError(f"--generator {where}: neither a folder of weights nor a run with a trained G")


def load_regressor(where: Path, stage: Stage) -> MappedRegressor:
    """R for a stage to begin with, of a folder of weights, of a finished regressor stage's folder, or of the stage of a
    run that is shown the same; where there is none, of one that looks at the image alone.

    UsageError where there is none, or none that the stage can take over; WeightsError.
    """
    assert isinstance(stage, RegressorStage)
    if (where / MANIFEST).exists():
        network = MappedRegressor(load_weights(where).regressor, 1)
        shown = (network.regressor.config.discrepancy, network.regressor.config.semantic)
        if not all(has or not had for has, had in zip(_inputs(stage), shown, strict=True)):
            raise UsageError(f"--init-from {where}: its R is shown more than the stage is", "give an R on images alone")
        return network.eval().requires_grad_(False)
    folders = [where] if (where / LAST).exists() else [path.parent for path in sorted(where.glob(f"*/{LAST}"))]
    found: dict[tuple[bool, bool], Path] = {}
    for folder in folders:
        described = read_checkpoint(folder / LAST)["describe"]
        if described["kind"] == "regressor":
            found[described["regressor"]["discrepancy"], described["regressor"]["semantic"]] = folder
    chosen = found.get(_inputs(stage), found.get((False, False)))
    if chosen is None:
        raise UsageError(f"--init-from {where}: neither weights nor a run with an R that this stage can begin with")
    return TrainedNetworks(chosen.parent, None).regressor(chosen.name)


def _inputs(stage: RegressorStage) -> tuple[bool, bool]:
    """Whether R is shown a discrepancy map, and G's features."""
    return stage.sees != "image", stage.fusion


def initial_trained_scenes(where: Path) -> TrainedScenes:
    """What an R to begin with has seen: as seen_by, for a stage's folder too."""
    return trained_scenes(where.parent if (where / LAST).exists() else where)


class UntrainedNetworks:
    """Random networks of the right sizes: to time stages before anything is trained."""

    def __init__(self, recipe: Recipe, databases: int, ready: Generator | None) -> None:
        self.recipe, self.databases, self.ready = recipe, databases, ready

    @property
    def _networks(self) -> Networks:
        return self.recipe.networks

    def regressor(self, stage: str) -> MappedRegressor:
        recipe = self.recipe.stages[stage]
        if isinstance(recipe, JointStage):
            return self.regressor(recipe.regressor)
        assert isinstance(recipe, RegressorStage)
        channels = self.generator(stage).config.channels[-1]
        config = self._networks.regressor_of(recipe, channels)
        return MappedRegressor(Regressor(config), self.databases).eval().requires_grad_(False)

    def generator(self, stage: str) -> Generator:
        if self.ready is not None:
            return copy_of(self.ready)
        torch.manual_seed(0)
        return Generator(self._networks.generator).eval().requires_grad_(False)
