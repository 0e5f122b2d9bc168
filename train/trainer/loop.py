"""The training loop of every stage: batches, metrics, validation, checkpoints, interruption and divergence."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor

from hiqa_cli.errors import HiqaError
from hiqa_train.data.batch import Batch, PatchSource
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.schema import RunSettings

from .batches import load_batches
from .checkpoint import BEST, LAST, load_checkpoint, save_checkpoint
from .loss_reader import LossReader, StepLosses
from .metrics_log import MetricsLog, ProgressListener
from .sample_grid import SampleGrid, write_sample_grid

WARMED_UP = 50  # steps before a loss can count as diverging
DIVERGED = 10.0  # times the smallest smoothed loss
SMOOTHING = 0.95


class TrainingDivergedError(HiqaError):
    """A loss became NaN or Inf, or grew far above its smallest value."""


class StopSignal:
    """Makes the loop save a checkpoint and end on the first SIGINT or SIGTERM; a second one acts as without it.

    signal: the number of the signal that arrived, 0 before. A signal that is ignored (nohup, a background job) stays
    ignored.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        for one, handler in self._before.items():
            signal.signal(one, handler)


class TrainingStage(Protocol):
    """A stage as the loop sees it.

    trainers: everything with a state (`state()`, `load()`), by name, in the order of creation. main_loss: the loss that
    is watched for divergence.
    """

    name: str
    kind: str
    steps: int
    batch: int
    source: PatchSource
    trainers: dict[str, Any]
    main_loss: str

    @property
    def cycle(self) -> int:
        """Number of steps after which the same losses recur: feature losses are computed at every n-th step only."""

    def describe(self) -> dict[str, Any]:
        """Recipe, networks and seed. A checkpoint with a different description is refused."""

    def step(self, step: int, pieces: list[Batch]) -> dict[str, Tensor]:
        """Train one step. Returns its losses, scalars."""

    def validate(self, step: int) -> dict[str, float]:
        """Measures on the validation part; `error` selects the best checkpoint."""

    def remarks(self) -> list[str]:
        """Messages to the user about the steps since the last call."""

    def samples(self) -> SampleGrid:
        """Sample images with the current weights."""


@dataclass
class DivergenceMonitor:
    """Watches a loss: its smoothed value, the smallest of these, and the number of steps."""

    smoothed: float = 0.0
    smallest: float = math.inf
    steps: int = 0

    def diverges(self, loss: float) -> bool:
        """Add one loss. Returns whether its smoothed value has grown beyond DIVERGED times the smallest."""
        self.smoothed = loss if self.steps == 0 else SMOOTHING * self.smoothed + (1 - SMOOTHING) * loss
        self.steps += 1
        if self.steps < WARMED_UP:
            return False
        self.smallest = min(self.smallest, self.smoothed)
        return self.smoothed > DIVERGED * self.smallest > 0

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        return {"smoothed": self.smoothed, "smallest": self.smallest, "seen": self.steps}

    def load(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.smoothed, self.smallest, self.steps = state["smoothed"], state["smallest"], state["seen"]


class _StageRun:
    """The state of one stage's training, beside that of its networks."""

    def __init__(
        self,
        stage: TrainingStage,
        folder: Path,
        settings: RunSettings,
        run_device: RunDevice,
        listener: ProgressListener,
        stop: StopSignal,
        report: Callable[[str], None],
    ) -> None:
        self.stage, self.folder, self.settings = stage, folder, settings
        self.run_device, self.listener, self.stop, self.report = run_device, listener, stop, report
        self.log = MetricsLog(listener.metrics, stage.name, run_device.leads)
        self.monitor, self.first, self.best = DivergenceMonitor(), 0, math.inf

    def resume(self) -> None:
        """Continue from the last checkpoint, if there is one."""
        if not (self.folder / LAST).exists():
            return
        state = load_checkpoint(self.folder / LAST, self.stage.describe())
        for name, trainer in self.stage.trainers.items():
            trainer.load(state["learns"][name])
        self.first, self.best = state["step"], state["best"]
        self.monitor.load(state["pace"])
        self.log.load(state["journal"], self.first)
        torch.set_rng_state(state["random"])
        self.report(f"{self.stage.name}: resuming at step {self.first:,} of {self.stage.steps:,}")

    def train(self) -> bool:
        """Run all steps from the first. Returns False if a signal ended it early."""
        stage, device = self.stage, self.run_device.device
        batches = load_batches(stage, self.settings, self.run_device, self.first)
        reader = LossReader(device)
        for step in range(self.first, stage.steps):
            begin = time.perf_counter()
            batch = next(batches)
            waited = time.perf_counter() - begin
            pieces = batch.to(device).micro_batches(self.settings.pieces)
            ready = reader.add(step, stage.step(step, pieces), batch.files, waited)
            signalled = self._finish_step(step + 1, ready, reader)
            if signalled and step + 1 < stage.steps:
                return False
        return True

    def _finish_step(self, done: int, ready: Iterable[StepLosses], reader: LossReader) -> bool:
        """After a step, check losses, log, validate and save as is due. Returns whether a process got a signal."""
        stage, settings = self.stage, self.settings

        def is_due(every: int) -> bool:
            return done % every == 0 or done == stage.steps

        validates, saves = is_due(settings.validate_every), is_due(settings.checkpoint_every)
        logs = validates or done % settings.log_every == 0
        signalled = False
        for losses in ready:
            signalled = self._check(losses) or signalled
        for losses in reader.flush() if signalled or logs or saves else ():
            signalled = self._check(losses) or signalled
        if logs:
            self.log.write(done, {"epoch": round(self._epoch(done), 4)}, self.listener)
        if validates:
            self._validate(done)
        if self.run_device.leads and is_due(settings.pictures_every):
            write_sample_grid(self.folder / "pictures" / f"{done:07}.png", stage.samples())
        if saves or signalled:
            self._save(LAST, done)
        self.listener.advance(stage.name, done, stage.steps, self.log)
        return signalled

    def _check(self, step: StepLosses) -> bool:
        """Log a step's losses. Returns whether a process got a signal. Raises TrainingDivergedError if the losses of
        any process diverge."""
        stage = self.stage
        not_finite = next((name for name, value in step.losses.items() if not math.isfinite(value)), None)
        diverges = self.monitor.diverges(step.losses[stage.main_loss])
        failing = float(not_finite is not None or diverges)
        signalled, failed = self.run_device.largest([float(self.stop.signal), failing])
        if failed:
            raise divergence_error(stage, step.step, not_finite, step.losses, step.files, self.folder / LAST)
        self.log.add(step.losses, stage.main_loss, len(step.files) * self.run_device.world, step.waited)
        if signalled:
            self.stop.signal = int(signalled)
        return bool(signalled)

    def _validate(self, done: int) -> None:
        """Measure, and keep the checkpoint if it is the best."""
        measures = self.stage.validate(done)
        self.log.write_values(done, {"validation": measures}, self.listener)
        improved = measures["error"] < self.best
        self.best = min(self.best, measures["error"])
        self.report(validation_line(self.stage, done, measures, improved, self.log))
        for remark in self.stage.remarks():
            self.report(f"{self.stage.name}: {remark}")
        if improved:
            self._save(BEST, done)

    def _save(self, file: str, done: int) -> None:
        """Write a checkpoint, in the process that leads."""
        if not self.run_device.leads:
            return
        state = {
            "stage": self.stage.name,
            "step": done,
            "describe": self.stage.describe(),
            "best": self.best,
            "epoch": self._epoch(done),
            "pace": self.monitor.state(),
            "journal": self.log.state(),
            "learns": {name: trainer.state() for name, trainer in self.stage.trainers.items()},
            "random": torch.get_rng_state(),
        }
        save_checkpoint(self.folder / file, state)

    def _epoch(self, done: int) -> float:
        return done * self.stage.batch / self.stage.source.epoch_length


def run_stage(
    stage: TrainingStage,
    folder: Path,
    settings: RunSettings,
    run_device: RunDevice,
    listener: ProgressListener,
    *,
    resume: bool,
    stop: StopSignal,
    report: Callable[[str], None],
) -> bool:
    """Train a stage to its last step, with `resume` from its last checkpoint. Returns False if `stop` ended it early.

    Leaves `last.ckpt` and `best.ckpt` in `folder`. Raises TrainingDivergedError, which names step and files, or
    OutputError if a checkpoint cannot be written; the previous one is kept.
    """
    run = _StageRun(stage, folder, settings, run_device, listener, stop, report)
    if resume:
        run.resume()
    is_finished = run.train()
    run_device.wait()
    return is_finished


def divergence_error(
    stage: TrainingStage,
    step: int,
    not_finite: str | None,
    losses: dict[str, float],
    files: tuple[str, ...],
    last: Path,
) -> TrainingDivergedError:
    """The error that names the loss, the step and the files of its batch."""
    if not_finite is not None:
        what = f"the loss {not_finite!r} is {losses[not_finite]}"
    else:
        value = losses[stage.main_loss]
        what = f"the loss {stage.main_loss!r} has grown to {value:.4g}, over {DIVERGED:g} times its smallest value"
    names = ", ".join(dict.fromkeys(files))
    kept = f"the checkpoint {last} is unchanged" if last.exists() else "no checkpoint was written yet"
    return TrainingDivergedError(
        f"{stage.name}: {what} at step {step}; its batch: {names}", f"{kept}: lower the rate in the recipe"
    )


def validation_line(
    stage: TrainingStage, done: int, measures: dict[str, float], improved: bool, log: MetricsLog
) -> str:
    """The message after a validation."""
    listed = ", ".join(f"{name} {value:.4f}" for name, value in measures.items())
    rate = f"{log.rate:.1f} patches/s" if log.rate else ""
    best = ", the best" if improved else ""
    return f"{stage.name}: step {done:,} of {stage.steps:,}, validation {listed}{best}, {rate}"
