"""A training run: the stages of a recipe in order, from data to weights.

    OUT/run.json            recipe, seed, data and the caller's record of it
    OUT/metrics.jsonl       losses, validation measures and rates
    OUT/STAGE/last.ckpt     last checkpoint; best.ckpt, the best on the validation part; pictures/
    OUT/weights/            weights for `hiqa score --weights`

A resumed run skips finished stages and continues a stopped one from its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from pathlib import Path

from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import claimed_folder
from hiqa_train.data.leakage import RUN_RECORD, all_trained_scenes, trained_scenes
from hiqa_train.data.training_split import DatabaseSplit
from hiqa_train.distributed import RunDevice, join_processes
from hiqa_train.losses.perceptual import load_perceptual
from hiqa_train.recipes.checks import check_recipe
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import HeadsStage, JointStage, RegressorStage
from hiqa_train.sources.mixed import MixedSource
from hiqa_train.sources.protocol import DataSource
from hiqa_train.stages.factory import StageFactory
from hiqa_train.stages.heads.stage import run_heads
from hiqa_train.stages.initialise import (
    TrainedNetworks,
    UntrainedNetworks,
    initial_trained_scenes,
    load_generator,
    load_regressor,
)
from hiqa_train.stages.plan import generator_stage, last_regressor, make_plan, missing_needs, trunk_stage, vgg_layers
from hiqa_train.trainer.loop import StopSignal, run_stage
from hiqa_train.trainer.metrics_log import ProgressListener
from hiqa_train.trainer.time_estimate import duration, estimate

from .options import RunOptions, RunStopped
from .release import ReleaseFacts, release, release_heads
from .run_record import PERCEPTUAL, check_out, check_record, recorded_perceptual, run_identity, write_record
from .sources import open_databases, open_mixed, open_photographs

Report = Callable[[str], None]


def train_databases(
    parts: Sequence[DatabaseSplit], recipe: Recipe, out: Path, options: RunOptions, stop: StopSignal, report: Report
) -> Path | None:
    """Run the recipe's remaining stages on the databases. Returns OUT/weights, or None if `stop` ended the run early.

    Returns the folder of the last stage if it leaves no weights: with `options.kinds`, or if the last R needs the true
    reference. Raises UsageError, DatasetError, TrainingDivergedError or OutputError.
    """
    return train(lambda: open_databases(parts, recipe, options, stop, report), recipe, out, options, stop, report)


def train_synthetic(
    folders: Sequence[Path], recipe: Recipe, out: Path, options: RunOptions, stop: StopSignal, report: Report
) -> Path | None:
    """As `train_databases`, on folders of undistorted photographs."""
    return train(lambda: open_photographs(folders, recipe, options, report), recipe, out, options, stop, report)


def train_mixed(
    parts: Sequence[DatabaseSplit],
    tested: Collection[str],
    folders: Sequence[Path],
    recipe: Recipe,
    out: Path,
    options: RunOptions,
    stop: StopSignal,
    report: Report,
) -> Path | None:
    """As `train_databases`, on databases and photographs. tested: scenes to exclude from both, kept for tests."""

    def open_data() -> DataSource:
        return open_mixed(parts, tested, folders, recipe, options, stop, report)

    return train(open_data, recipe, out, options, stop, report)


def train(
    open_data: Callable[[], DataSource],
    recipe: Recipe,
    out: Path,
    options: RunOptions,
    stop: StopSignal,
    report: Report,
) -> Path | None:
    """As `train_databases`, on any data source. Under torchrun, process 0 opens the data first and fills the cache."""
    with join_processes(options.device, options.precision) as run_device, ExitStack() as claim:
        check_recipe(recipe, run_device)
        if run_device.leads:
            check_out(out, resume=options.resume)
            claim.enter_context(claimed_folder("--out", out))
        run_device.wait()
        try:
            if run_device.leads:
                data = open_data()
            run_device.wait()
            if not run_device.leads:
                data = open_data()
        except RunStopped:
            return None
        return Run(data, recipe, out, options, run_device, stop, report if run_device.leads else silent).execute()


class Run:
    """One run on one device."""

    def __init__(
        self,
        data: DataSource,
        recipe: Recipe,
        out: Path,
        options: RunOptions,
        run_device: RunDevice,
        stop: StopSignal,
        report: Report,
    ) -> None:
        self.data, self.recipe, self.out, self.options = data, recipe, out, options
        self.weights = out / "weights"
        self.run_device, self.stop, self.report = run_device, stop, report
        self.plan = make_plan(recipe, data, has_generator=options.generator is not None, kinds=options.kinds)
        self.generator = load_generator(options.generator) if self.plan.has_generator else None
        self.finished = TrainedNetworks(out, self.generator)
        for name in missing_needs(recipe, self.plan, data):
            self.finished.state(name)
        init_generator = None if options.init_generator is None else load_generator(options.init_generator)
        init_regressor = None
        if options.init_regressor is not None:
            last = last_regressor(recipe)
            init_regressor = last, load_regressor(options.init_regressor, recipe.stages[last])
        layers = vgg_layers(recipe, self.plan.stages)
        perceptual = load_perceptual(options.vgg, layers) if layers else None
        # without one in this plan, the stages of an earlier call may have used one
        self.phi = recorded_perceptual(out) if perceptual is None else perceptual.identity
        self.trained_scenes = self._trained_scenes()
        self.factory = StageFactory(recipe, data, run_device, options.seed, perceptual, init_generator, init_regressor)

    def _trained_scenes(self) -> frozenset[str] | None:
        """All scenes that any network of the run was trained on, None if unknown."""
        options = self.options
        # without a generator stage of its own, the run uses the given G, or hiqa's
        uses_other_generator = self.plan.has_generator or not generator_stage(self.recipe)
        of_others = [trained_scenes(options.generator)] if uses_other_generator else []
        if options.init_generator is not None:
            of_others.append(trained_scenes(options.init_generator))
        if options.init_regressor is not None:
            of_others.append(initial_trained_scenes(options.init_regressor))
        scenes: frozenset[str] | None = self.data.scenes()
        for other in of_others:
            scenes = None if scenes is None else all_trained_scenes(scenes, other)
        return scenes

    def execute(self) -> Path | None:
        """Run the stages of the plan, then write the weights."""
        self._announce()
        leads = self.run_device.leads
        listener = ProgressListener(self.out, self.options.on_progress if leads else None, board=leads)
        try:
            for name in self.plan.stages:
                if isinstance(self.recipe.stages[name], HeadsStage):
                    continue  # trained without the loop: _release_heads()
                done = run_stage(
                    self.factory.build(name, self.finished),
                    self.out / name,
                    self.recipe.watch,
                    self.run_device,
                    listener,
                    resume=self.options.resume,
                    stop=self.stop,
                    report=self.report,
                )
                if not done:
                    return None
        finally:
            listener.close()
        heads = next((name for name in self.plan.stages if isinstance(self.recipe.stages[name], HeadsStage)), None)
        result = self._release() if heads is None else self._release_heads(heads)
        self.run_device.wait()
        return result

    def _release_heads(self, name: str) -> Path | None:
        """Train the heads of the stage `name`, and write the weights with the G of this run. Returns their folder, or
        None if a signal ended the run early."""
        stage = self.recipe.stages[name]
        assert isinstance(stage, HeadsStage)
        assert isinstance(self.data, MixedSource)
        if not self.run_device.leads:
            return self.weights
        generator = self.finished.generator(generator_stage(self.recipe))
        image_part = self.finished.image_part(trunk_stage(self.recipe))
        trained = run_heads(
            self.out / name,
            stage,
            name,
            generator,
            image_part,
            self.data,
            self.options.seed,
            precision=self.run_device.precision,
            stopped=lambda: bool(self.stop.signal),
            report=self.report,
        )
        if trained is None:
            return None
        facts = ReleaseFacts(self.data, {"recipe": self.recipe.to_dict(), "released_stage": name}, self.trained_scenes)
        growth = self.recipe.watch.half_width_growth
        return release_heads(self.weights, generator, trained, growth, facts, self.report)

    def _announce(self) -> None:
        """Report the plan with time estimates, and write run.json."""
        for name, reason in self.plan.left_out:
            self.report(f"skipping stage {name}: {reason}")
        self._write_record()
        untrained = UntrainedNetworks(self.recipe, len(self.data.names), self.generator)
        total = 0.0
        for name in self.plan.stages:
            if self._is_finished(name):
                self.report(f"{name}: already finished")
                continue
            stage = self.recipe.stages[name]
            if isinstance(stage, HeadsStage):
                continue  # run_heads() reports its number of images
            seconds = estimate(self.factory.build(name, untrained), self.run_device) * stage.steps
            total += seconds
            self.report(
                f"{name} ({stage.kind}): {stage.steps:,} steps of {stage.batch} patches of {stage.patch} px, "
                f"{stage.steps * stage.batch:,} patches, about {duration(seconds)} on this "
                f"{self.run_device.device.type} ({self.run_device.precision})"
            )
        self.report(f"about {duration(total)} in all; writing to {self.out}")

    def _is_finished(self, name: str) -> bool:
        try:
            self.finished.state(name)
        except UsageError:
            return False
        return True

    def _write_record(self) -> None:
        """Write run.json, or compare it on resume. Raises UsageError if OUT holds a different run."""
        if self.run_device.leads:
            identity = run_identity(self.recipe, self.options.seed, self.data.describe(), self.phi)
            path = self.out / RUN_RECORD
            if path.exists():
                check_record(path, identity)
            else:
                write_record(path, identity, self.trained_scenes, self.options)
                if self.options.on_start is not None:
                    self.options.on_start(self.out)
        self.run_device.wait()

    def _release(self) -> Path:
        """Write the weights of the final R or of the joint stage, whichever has the lower validation error.

        Returns the folder of the last stage if no stage of the plan trains an R that can be released.
        """
        scoring = [name for name in self.plan.stages if self._scores(name)]
        if not scoring:
            return self.out / self.plan.stages[-1]
        candidates = [scoring[-1]]
        last = self.recipe.stages[scoring[-1]]
        if isinstance(last, JointStage):
            candidates.append(last.regressor)
        errors = {name: float(self.finished.state(name)["best"]) for name in candidates}
        best = min(candidates, key=lambda name: errors[name])
        if len(candidates) > 1:
            listed = ", ".join(f"{name} {error:.4f}" for name, error in errors.items())
            self.report(f"validation errors: {listed}; releasing {best}")
        if not self.run_device.leads:
            return self.weights
        chosen = self.recipe.stages[best]
        is_joint = isinstance(chosen, JointStage)
        generator_name = best if is_joint else generator_stage(self.recipe)
        # an R on images alone has no G of its own: the weights get hiqa's, for hallucinations
        generator = self.finished.generator(generator_name) if generator_name else load_generator(None)
        measured = {"recipe": self.recipe.to_dict(), "released_stage": best, "validation_error": errors}
        facts = ReleaseFacts(self.data, {**measured, PERCEPTUAL: self.phi}, self.trained_scenes)
        return release(self.weights, generator, self.finished.regressor(best), facts, self.report)

    def _scores(self, name: str) -> bool:
        """Whether the R of a stage can be released: that of the last regressor stage, or of a joint stage."""
        stage = self.recipe.stages[name]
        if isinstance(stage, RegressorStage):
            return name == last_regressor(self.recipe) and stage.sees != "reference"
        return isinstance(stage, JointStage)


def silent(line: str) -> None:
    """Report nothing: only the first process prints."""
