"""The one loop of all stages: its clock, batches, log, checkpoints, validation, and every way out of it."""

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
from hiqa_train.recipes.schema import OptimiserSettings, RunSettings

from .checkpoint import BEST, LAST, load_checkpoint, save_checkpoint
from .distributed import RunDevice
from .metrics_log import MetricsLog, ProgressListener
from .sample_grid import SampleGrid, write_sheet

WARMED_UP = 50  # steps before a loss can be said to diverge
DIVERGED = 10.0  # times the smallest smoothed loss so far
SMOOTHING = 0.95


class TrainingDivergedError(HiqaError):
    """A loss became NaN or Inf, or grew far beyond what it had been."""


def learning_rate(step: int, steps: int, learning: OptimiserSettings) -> float:
    """Rises over the warm-up, stays, falls linearly to a hundredth over the last `decay_share`; a tenth of it after
    every `drop_every` steps."""
    rate = learning.rate
    if learning.drop_every:
        rate *= 0.1 ** (step // learning.drop_every)
    if step < learning.warmup:
        return rate * (step + 1) / learning.warmup
    begin = steps * (1 - learning.decay_share)
    if step < begin:
        return rate
    return rate * max(0.01, (steps - step) / max(1.0, steps - begin))


class StopSignal:
    """The first SIGINT or SIGTERM asks the loop to checkpoint and leave; a second one does what it did before.

    A signal that is ignored (nohup, a background job) stays ignored.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        for one, handler in self._before.items():
            signal.signal(one, handler)


class TrainingStage(Protocol):
    """What the loop asks of a stage.

    learns: by name, everything with a state (`state()`, `load()`), in the order of its making. main: the loss that
    tells whether the stage diverges.
    """

    name: str
    kind: str
    steps: int
    batch: int
    source: PatchSource
    learns: dict[str, Any]
    main: str

    def describe(self) -> dict[str, Any]:
        """Recipe, networks and seed: a checkpoint of another description is refused."""

    def step(self, step: int, pieces: list[Batch]) -> dict[str, Tensor]:
        """One step; its losses, scalars."""

    def validate(self, step: int) -> dict[str, float]:
        """Measures on the validation part; `error` chooses the best."""

    def remarks(self) -> list[str]:
        """What a person should know of the time since the last call."""

    def sheet(self) -> SampleGrid:
        """Pictures of the present state."""


@dataclass
class DivergenceMonitor:
    """Watches a loss: a smoothed value, and the smallest of it so far."""

    smoothed: float = 0.0
    smallest: float = math.inf
    seen: int = 0

    def diverges(self, loss: float) -> bool:
        """Take one loss; whether it has grown out of all proportion to what was reached."""
        self.smoothed = loss if self.seen == 0 else SMOOTHING * self.smoothed + (1 - SMOOTHING) * loss
        self.seen += 1
        if self.seen < WARMED_UP:
            return False
        self.smallest = min(self.smallest, self.smoothed)
        return self.smoothed > DIVERGED * self.smallest > 0


def run_stage(
    stage: TrainingStage,
    folder: Path,
    watch: RunSettings,
    machine: RunDevice,
    watcher: ProgressListener,
    *,
    resume: bool,
    stop: StopSignal,
    tell: Callable[[str], None],
) -> bool:
    """Run a stage to its end, from its last checkpoint where `resume`; False where `stop` ended it early.

    Leaves `last.ckpt` and `best.ckpt` in `folder`. TrainingDivergedError names step and files; OutputError where a
    checkpoint cannot be written: the one before is then still there.
    """
    journal = MetricsLog(watcher.metrics, stage.name, machine.leads)
    pace, first, best = DivergenceMonitor(), 0, math.inf
    last_file, best_file = folder / LAST, folder / BEST
    if resume and last_file.exists():
        state = load_checkpoint(last_file, stage.describe())
        for name, learner in stage.learns.items():
            learner.load(state["learns"][name])
        first, best = state["step"], state["best"]
        pace = DivergenceMonitor(**state["pace"])
        journal.load(state["journal"], first)
        torch.set_rng_state(state["random"])
        tell(f"{stage.name}: goes on at step {first:,} of {stage.steps:,}")

    def keep(file: Path, step: int) -> None:
        if machine.leads:
            save_checkpoint(
                file,
                {
                    "stage": stage.name,
                    "step": step,
                    "describe": stage.describe(),
                    "best": best,
                    "epoch": step * stage.batch / stage.source.epoch_length,
                    "pace": vars(pace),
                    "journal": journal.state(),
                    "learns": {name: learner.state() for name, learner in stage.learns.items()},
                    "random": torch.get_rng_state(),
                },
            )

    batches = loader(stage, watch, machine, first)
    for step in range(first, stage.steps):
        begin = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - begin
        pieces = batch.to(machine.device).micro_batches(watch.pieces)
        losses = numbers(stage.step(step, pieces))
        bad = next((name for name, value in losses.items() if not math.isfinite(value)), None)
        grown = pace.diverges(losses[stage.main])
        asked, wrong = machine.largest([float(stop.asked), float(bad is not None or grown)])
        if wrong:
            raise diverged(stage, step, bad, losses, batch.files, last_file)
        journal.add(losses, stage.main, len(batch.files) * machine.world, waited)
        done = step + 1
        validated = done % watch.validate_every == 0 or done == stage.steps
        if done % watch.log_every == 0 or validated:
            journal.write(done, {"epoch": round(done * stage.batch / stage.source.epoch_length, 4)}, watcher)
        if validated:
            found = stage.validate(done)
            journal.note(done, {"validation": found}, watcher)
            better = found["error"] < best
            best = min(best, found["error"])
            tell(said(stage, done, found, better, journal))
            for remark in stage.remarks():
                tell(f"{stage.name}: {remark}")
            if better:
                keep(best_file, done)
        if machine.leads and (done % watch.pictures_every == 0 or done == stage.steps):
            write_sheet(folder / "pictures" / f"{done:07}.png", stage.sheet())
        if done % watch.checkpoint_every == 0 or done == stage.steps or asked:
            keep(last_file, done)
        watcher.advance(stage.name, done, stage.steps, journal)
        if asked and done < stage.steps:
            stop.asked = int(asked)
            machine.wait()
            return False
    machine.wait()
    return True


def loader(stage: TrainingStage, watch: RunSettings, machine: RunDevice, first: int) -> Iterator[Batch]:
    """The stage's batches from `first` on, as this process's share."""
    batches = BatchDataset(stage.source, stage.batch, first, stage.steps, machine.rank, machine.world)
    workers = min(watch.workers, os.cpu_count() or 1)  # more would only fight over the cores, and torch warns
    return iter(
        DataLoader(
            batches,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            pin_memory=machine.device.type == "cuda",
            worker_init_fn=ignore_signals,
            generator=torch.Generator(),  # leaves torch's own random state alone
        )
    )


def ignore_signals(worker: int) -> None:
    """A loader's worker leaves when its process does: a signal to the whole group must not take its batches away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def numbers(losses: dict[str, Tensor]) -> dict[str, float]:
    """All losses as floats, by one transfer from the device."""
    values = torch.stack([loss.detach().float() for loss in losses.values()]).tolist()
    return dict(zip(losses, values, strict=True))


def diverged(
    stage: TrainingStage, step: int, bad: str | None, losses: dict[str, float], files: tuple[str, ...], last: Path
) -> TrainingDivergedError:
    """The error that names step and files."""
    if bad is not None:
        what = f"the loss {bad!r} is {losses[bad]}"
    else:
        what = f"the loss {stage.main!r} has grown to {losses[stage.main]:.4g}, over {DIVERGED:g} times what it was"
    names = ", ".join(dict.fromkeys(files))
    ending = f"the checkpoint {last} is as it was" if last.exists() else "no checkpoint was written yet"
    return TrainingDivergedError(
        f"{stage.name}: {what} at step {step}; its batch: {names}", f"{ending}: lower the rate in the recipe"
    )


def said(stage: TrainingStage, done: int, found: dict[str, float], better: bool, journal: MetricsLog) -> str:
    """A line for a person after a validation."""
    measures = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
    rate = f"{journal.rate:.1f} patches/s" if journal.rate else ""
    best = ", the best" if better else ""
    return f"{stage.name}: step {done:,} of {stage.steps:,}, validation {measures}{best}, {rate}"


class Averaged:
    """An exponential moving average of a network's weights: what is validated and released."""

    def __init__(self, network: torch.nn.Module, decay: float) -> None:
        import copy

        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: torch.nn.Module, step: int) -> None:
        """Follow `network`; early on faster, so that its random beginning is forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for mine, theirs in zip(self.network.parameters(), network.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)
        for kept, current in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(current)
