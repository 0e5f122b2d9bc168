"""The training loop of every stage: batches, metrics, validation, checkpoints, and the ways in which it can end."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from hiqa_cli.errors import HiqaError
from hiqa_train.data.batch import Batch, BatchDataset, PatchSource
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.schema import RunSettings

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
    """On the first SIGINT or SIGTERM the loop saves a checkpoint and ends; a second signal acts as before.

    signal: its number, 0 before. A signal that is ignored (nohup, a background job) stays ignored.
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
        """Steps after which the same losses are computed again: those of features, at every n-th step only."""

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
    log = MetricsLog(listener.metrics, stage.name, run_device.leads)
    monitor, first, best = DivergenceMonitor(), 0, math.inf
    last_file, best_file = folder / LAST, folder / BEST
    if resume and last_file.exists():
        state = load_checkpoint(last_file, stage.describe())
        for name, trainer in stage.trainers.items():
            trainer.load(state["learns"][name])
        first, best = state["step"], state["best"]
        monitor.load(state["pace"])
        log.load(state["journal"], first)
        torch.set_rng_state(state["random"])
        report(f"{stage.name}: resuming at step {first:,} of {stage.steps:,}")

    def save(file: Path, step: int) -> None:
        if run_device.leads:
            save_checkpoint(
                file,
                {
                    "stage": stage.name,
                    "step": step,
                    "describe": stage.describe(),
                    "best": best,
                    "epoch": step * stage.batch / stage.source.epoch_length,
                    "pace": monitor.state(),
                    "journal": log.state(),
                    "learns": {name: trainer.state() for name, trainer in stage.trainers.items()},
                    "random": torch.get_rng_state(),
                },
            )

    def check(found: StepLosses) -> bool:
        """Log a step's losses. Returns whether a process was told to stop; raises if the losses of one diverge."""
        not_finite = next((name for name, value in found.losses.items() if not math.isfinite(value)), None)
        diverges = monitor.diverges(found.losses[stage.main_loss])
        signalled, failed = run_device.largest([float(stop.signal), float(not_finite is not None or diverges)])
        if failed:
            raise divergence_error(stage, found.step, not_finite, found.losses, found.files, last_file)
        log.add(found.losses, stage.main_loss, len(found.files) * run_device.world, found.waited)
        if signalled:
            stop.signal = int(signalled)
        return bool(signalled)

    batches = load_batches(stage, settings, run_device, first)
    reader = LossReader(run_device.device)
    for step in range(first, stage.steps):
        begin = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - begin
        pieces = batch.to(run_device.device).micro_batches(settings.pieces)
        ready = reader.add(step, stage.step(step, pieces), batch.files, waited)
        done = step + 1
        validates = done % settings.validate_every == 0 or done == stage.steps
        logs = validates or done % settings.log_every == 0
        saves = done % settings.checkpoint_every == 0 or done == stage.steps
        signalled = False
        for found in ready:
            signalled = check(found) or signalled
        for found in reader.flush() if signalled or logs or saves else ():
            signalled = check(found) or signalled
        if logs:
            log.write(done, {"epoch": round(done * stage.batch / stage.source.epoch_length, 4)}, listener)
        if validates:
            measures = stage.validate(done)
            log.write_values(done, {"validation": measures}, listener)
            improved = measures["error"] < best
            best = min(best, measures["error"])
            report(validation_line(stage, done, measures, improved, log))
            for remark in stage.remarks():
                report(f"{stage.name}: {remark}")
            if improved:
                save(best_file, done)
        if run_device.leads and (done % settings.pictures_every == 0 or done == stage.steps):
            write_sample_grid(folder / "pictures" / f"{done:07}.png", stage.samples())
        if saves or signalled:
            save(last_file, done)
        listener.advance(stage.name, done, stage.steps, log)
        if signalled and done < stage.steps:
            run_device.wait()
            return False
    run_device.wait()
    return True


def load_batches(
    stage: TrainingStage, settings: RunSettings, run_device: RunDevice, first: int, last: int | None = None
) -> Iterator[Batch]:
    """This process's share of the stage's batches, from step `first` to before `last`; None: to the stage's end."""
    last = stage.steps if last is None else last
    batches = BatchDataset(stage.source, stage.batch, first, last, run_device.rank, run_device.world)
    workers = loader_workers(settings.workers, run_device)
    return iter(
        DataLoader(
            batches,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            pin_memory=run_device.device.type == "cuda",
            worker_init_fn=ignore_signals,
            generator=torch.Generator(),  # keeps torch's global random state unchanged
        )
    )


def loader_workers(wanted: int, run_device: RunDevice) -> int:
    """Processes that draw batches: as many as the recipe has, at most one a core; beside a GPU, which takes patches
    much faster than a core draws them, every core but one of this process's share."""
    cores = os.cpu_count() or 1  # torch warns of more than there are
    if run_device.device.type != "cuda":
        return min(wanted, cores)
    return max(wanted, cores // run_device.world - 1, 1)


def ignore_signals(worker: int) -> None:
    """Ignore signals in a loader's worker, which ends with its process: a signal to the group must not lose batches."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


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
