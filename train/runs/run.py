"""A whole run: the stages of a recipe, in order, from images with human scores, or from undistorted photographs, to
weights that score.

    OUT/run.json            recipe, seed, material and what the caller knows of it
    OUT/metrics.jsonl       everything that was measured on the way
    OUT/STAGE/last.ckpt     and best.ckpt, pictures/
    OUT/weights/            what hiqa score --weights takes

A stage that is finished is not run again; a stopped one goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from hiqa_cli._version import __version__
from hiqa_cli.atomic import write_json
from hiqa_cli.engine.backends.devices import place
from hiqa_cli.errors import UsageError
from hiqa_train.data.feature_cache import FeatureCache
from hiqa_train.data.image_cache import default_cache_folder
from hiqa_train.data.leakage import RUN_RECORD, all_trained_scenes, trained_scenes
from hiqa_train.data.sources.cached_features import CachedFeatureSource
from hiqa_train.data.sources.database import DatabaseSource
from hiqa_train.data.sources.protocol import DataSource
from hiqa_train.data.training_split import DatabaseSplit
from hiqa_train.losses.vgg import Vgg19Features
from hiqa_train.recipes.checks import check_recipe
from hiqa_train.recipes.schema import GeneratorStage, JointStage, Recipe, RegressorStage
from hiqa_train.stages.factory import StageFactory
from hiqa_train.stages.initialise import (
    TrainedNetworks,
    UntrainedNetworks,
    initial_trained_scenes,
    load_generator,
    load_regressor,
)
from hiqa_train.trainer.checkpoint import LAST, first_difference
from hiqa_train.trainer.distributed import RunDevice, join_processes
from hiqa_train.trainer.loop import StopSignal, run_stage
from hiqa_train.trainer.metrics_log import Progress, ProgressListener
from hiqa_train.trainer.time_estimate import estimate

from .plan import generator_stage, last_regressor, make_plan, missing_needs
from .release import release

RECORD = RUN_RECORD


@dataclass(frozen=True)
class RunOptions:
    """What a run is told beside its recipe; nothing here changes what the recipe means.

    device: "auto", "cpu", "cuda" or "mps". precision: "auto" (autocast to bf16 where the hardware multiplies in it),
        "fp32" or "bf16". seed: of networks, patches and orders. resume: go on with what OUT holds.
    first_generator: what `generator` may name, whose G the training of G begins with; of the size in the recipe.
    generator: a ready G in place of the stage that trains one: a folder of weights, or the OUT of another run. Where a
        database has no references and none is given, hiqa's own weights' G is taken.
    whole_views: the ready G is asked once about each whole image, not patch by patch; see whole_views.py.
    begin: trained R that the last regressor stage begins with: see `trained.load_regressor`.
    vgg: a file with VGG19's convolutions, None where the recipe's VGG term is off.
    kinds: of the stages to run now ("generator", "regressor", "joint"), None for all; what they build on must be in
        OUT, finished.
    cache: the folder of decoded pictures, None for hiqa's own in the user's cache.
    record: what the caller knows of the data (coverage, split, versions), kept with the run.
    begun: called once with OUT, when a run has begun in it. watch: is told how far a stage is, several times a second
        at most.
    """

    device: str = "auto"
    precision: str = "auto"
    seed: int = 1
    resume: bool = False
    first_generator: Path | None = None
    generator: Path | None = None
    whole_views: bool = False
    begin: Path | None = None
    vgg: Path | None = None
    kinds: tuple[str, ...] | None = None
    cache: Path | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    begun: Callable[[Path], None] | None = None
    watch: Callable[[Progress], None] | None = None


class RunStopped(Exception):
    """A signal came before the first step."""


def train_databases(
    parts: Sequence[DatabaseSplit],
    recipe: Recipe,
    out: Path,
    options: RunOptions,
    stop: StopSignal,
    tell: Callable[[str], None],
) -> Path | None:
    """Run what is left of the recipe's stages on the parts; OUT/weights, or None where `stop` ended it early.

    With `options.kinds`, or a recipe whose last R needs the true reference, there may be no weights: then the folder of
    the last stage. UsageError, DatasetError for what is wrong with call or images; TrainingDivergedError; OutputError.
    """

    try:
        return train(lambda: open_databases(parts, recipe, options, stop, tell), recipe, out, options, stop, tell)
    except RunStopped:
        return None


def open_databases(
    parts: Sequence[DatabaseSplit], recipe: Recipe, options: RunOptions, stop: StopSignal, tell: Callable[[str], None]
) -> DatabaseSource:
    """The images of the parts, decoded. Raises Stopped where a signal comes meanwhile."""

    def go_on() -> None:
        if stop.asked:
            raise RunStopped

    folder = options.cache or default_cache_folder()
    images = sum(len(part.training) + len(part.validation) for part in parts)
    tell(f"{images:,} images and their references are decoded once into {folder}")
    if not options.whole_views:
        return DatabaseSource(parts, recipe.watch, options.seed, folder, go_on)
    placed = place(options.device, options.precision)
    machine = RunDevice(torch.device(placed.device), placed.precision)
    views = FeatureCache(load_generator(options.generator), folder, machine)
    tell(f"G is asked about each whole image once, kept in {views.folder}")
    return CachedFeatureSource(parts, recipe.watch, options.seed, folder, go_on, views)


def train(
    open_material: Callable[[], DataSource],
    recipe: Recipe,
    out: Path,
    options: RunOptions,
    stop: StopSignal,
    tell: Callable[[str], None],
) -> Path | None:
    """As train_databases, on any material."""
    with join_processes(options.device, options.precision) as machine:
        check_recipe(recipe, machine)
        say = tell if machine.leads else silent
        check_out(out, options.resume, machine)
        if machine.leads:  # what is decoded by one is there for all
            material = open_material()
        machine.wait()
        if not machine.leads:
            material = open_material()
        return Run(material, recipe, out, options, machine, stop, say).go()


class Run:
    """One run on its machine."""

    def __init__(
        self,
        material: DataSource,
        recipe: Recipe,
        out: Path,
        options: RunOptions,
        machine: RunDevice,
        stop: StopSignal,
        tell: Callable[[str], None],
    ) -> None:
        self.material, self.recipe, self.out, self.options = material, recipe, out, options
        self.machine, self.stop, self.tell = machine, stop, tell
        self.plan = make_plan(recipe, material, ready=options.generator is not None, kinds=options.kinds)
        self.ready = load_generator(options.generator) if self.plan.ready else None
        self.finished = TrainedNetworks(out, self.ready)
        self.seen = all_trained_scenes(
            material.scenes(), trained_scenes(options.generator) if self._takes_ready else None
        )
        if options.first_generator is not None:
            self.seen = (
                None if self.seen is None else all_trained_scenes(self.seen, trained_scenes(options.first_generator))
            )
        for name in missing_needs(recipe, self.plan, material):
            self.finished.state(name)
        first = None if options.first_generator is None else load_generator(options.first_generator)
        begin = None
        if options.begin is not None:
            last = last_regressor(recipe)
            begin = last, load_regressor(options.begin, recipe.stages[last])
            known = initial_trained_scenes(options.begin).scenes
            self.seen = None if self.seen is None or known is None else self.seen | known
        self.builder = StageFactory(recipe, material, machine, options.seed, self._vgg(), first, begin)
        self.builder.check(self.plan.stages)  # before anything is written

    @property
    def _takes_ready(self) -> bool:
        """Whether a G that this run does not train is among its networks: given, or hiqa's own."""
        return self.plan.ready or not generator_stage(self.recipe)

    def _vgg(self) -> Vgg19Features | None:
        layers = vgg_layers(self.recipe, self.plan.stages)
        if not layers:
            return None
        if self.options.vgg is None:
            how = "give --vgg FILE, --vgg download or --vgg off"
            raise UsageError("the recipe's VGG term needs VGG19's weights", how)
        return Vgg19Features(self.options.vgg, layers)

    def go(self) -> Path | None:
        """All stages of the plan, then the release."""
        self._announce()
        leads = self.machine.leads
        watcher = ProgressListener(self.out, self.options.watch if leads else None, board=leads)
        try:
            for name in self.plan.stages:
                stage = self.builder.build(name, self.finished)
                done = run_stage(
                    stage,
                    self.out / name,
                    self.recipe.watch,
                    self.machine,
                    watcher,
                    resume=self.options.resume,
                    stop=self.stop,
                    tell=self.tell,
                )
                if not done:
                    return None
        finally:
            watcher.close()
        found = self._release()
        self.machine.wait()
        return found

    def _announce(self) -> None:
        """What is going to happen, before the first step; written to run.json too."""
        for name, why in self.plan.left_out:
            self.tell(f"the stage {name} is left out: {why}")
        self._record()
        untrained = UntrainedNetworks(self.recipe, len(self.material.names), self.ready)
        hours = 0.0
        for name in self.plan.stages:
            if self._is_finished(name):
                self.tell(f"{name}: finished already")
                continue
            recipe = self.recipe.stages[name]
            seconds = estimate(self.builder.build(name, untrained), self.machine) * recipe.steps
            hours += seconds / 3600
            patches = recipe.steps * recipe.batch
            self.tell(
                f"{name} ({recipe.kind}): {recipe.steps:,} steps of {recipe.batch} patches of {recipe.patch} px, "
                f"{patches:,} patches, about {time_of(seconds)} on this {self.machine.device.type} "
                f"({self.machine.precision})"
            )
        self.tell(f"about {time_of(hours * 3600)} in all; writes to {self.out}")

    def _is_finished(self, name: str) -> bool:
        try:
            self.finished.state(name)
        except UsageError:
            return False
        return True

    def _record(self) -> None:
        """run.json: written when a run begins, and compared when it goes on. UsageError where it is of another one."""
        if self.machine.leads:
            material = self.material.describe()
            identity = {"recipe": self.recipe.to_dict(), "seed": self.options.seed, "material": material}
            identity = json.loads(json.dumps(identity))
            path = self.out / RECORD
            if path.exists():
                found = json.loads(path.read_text(encoding="utf-8"))
                difference = first_difference({key: found.get(key) for key in identity}, identity)
                if difference:
                    raise UsageError(f"{path} is of another run: {difference}", "give another --out")
            else:
                versions = {"hiqa": __version__, "torch": str(torch.__version__)}
                seen = None if self.seen is None else sorted(self.seen)
                record = {"versions": versions, "seen_scenes": seen, "record": dict(self.options.record)}
                write_json(path, {**identity, **record})
                if self.options.begun is not None:
                    self.options.begun(self.out)
        self.machine.wait()

    def _release(self) -> Path:
        """The better of final R and joint stage, by validation, with its G; the last stage's folder where that is no R
        that scores by itself."""
        last = self.out / self.plan.stages[-1]
        scoring = [name for name in self.plan.stages if self._scores(name)]
        if not scoring:
            return last
        candidates = [scoring[-1]]
        stage = self.recipe.stages[scoring[-1]]
        if isinstance(stage, JointStage):
            candidates.append(stage.regressor)
        errors = {name: float(self.finished.state(name)["best"]) for name in candidates}
        best = min(candidates, key=lambda name: errors[name])
        if len(candidates) > 1:
            self.tell(f"validation errors: {', '.join(f'{n} {e:.4f}' for n, e in errors.items())}; {best} is released")
        if not self.machine.leads:
            return self.out / "weights"
        chosen = self.recipe.stages[best]
        joint = isinstance(chosen, JointStage)
        of_regressor = self.recipe.stages[chosen.regressor] if isinstance(chosen, JointStage) else chosen
        of_generator = best if joint else generator_stage(self.recipe)
        # an R that looks at the image alone has no G of its own: hallucinations are then those of hiqa's
        generator = self.finished.generator(of_generator) if of_generator else load_generator(None)
        measured = {"recipe": self.recipe.to_dict(), "released_stage": best, "validation_error": errors}
        network = self.finished.regressor(best)
        return release(
            self.out / "weights",
            generator,
            network,
            self.material,
            measured,
            self.seen,
            self.tell,
            anchored=isinstance(of_regressor, RegressorStage) and of_regressor.relative_share > 0,
        )

    def _scores(self, name: str) -> bool:
        """Whether a stage gives an R that is released: the recipe's last one, or the joint stage's."""
        stage = self.recipe.stages[name]
        if isinstance(stage, RegressorStage):
            return name == last_regressor(self.recipe) and stage.sees != "reference"
        return isinstance(stage, JointStage)


def check_out(out: Path, resume: bool, machine: RunDevice) -> None:
    """UsageError where OUT holds something that is not to be gone on with."""
    if machine.leads:
        if not resume and out.exists() and any(out.iterdir()):
            raise UsageError(f"{out} is not empty", "give --resume to go on with it, or another --out")
        if resume and not (out / RECORD).exists() and not any(out.glob(f"*/{LAST}")):
            raise UsageError(f"--resume: no run in {out}", "start without --resume")
    machine.wait()


def vgg_layers(recipe: Recipe, stages: Sequence[str]) -> tuple[str, ...]:
    """VGG19's layers that the stages ask for; none where its term is off."""
    for name in stages:
        stage = recipe.stages[name]
        if isinstance(stage, JointStage):
            of_generator = recipe.stages[stage.generator]
            stage = of_generator if isinstance(of_generator, GeneratorStage) else stage
        if isinstance(stage, GeneratorStage) and stage.vgg_weight:
            return stage.vgg_layers
    return ()


def time_of(seconds: float) -> str:
    """ "3.2 hours", "4 minutes" or "12 s"."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s"


def silent(line: str) -> None:
    """Processes other than the first say nothing."""
