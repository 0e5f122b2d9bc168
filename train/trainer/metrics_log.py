"""Metrics of a run: metrics.jsonl, TensorBoard if it is installed, and the caller's progress display."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiqa_cli.errors import cannot_write
from hiqa_cli.files.atomic import write_bytes

from .checkpoint import RESUME_HINT

EVERY = 0.2  # s between two calls of the progress display


@dataclass(frozen=True)
class Progress:
    """The progress of a stage: finished steps of all, patches per second, mean losses since the last line of
    metrics."""

    stage: str
    step: int
    steps: int
    rate: float
    seconds_a_step: float
    losses: dict[str, float]


class ProgressListener:
    """Sends metrics to TensorBoard, and progress to the caller."""

    def __init__(self, out: Path, on_progress: Callable[[Progress], None] | None, *, board: bool = True) -> None:
        self.metrics = out / "metrics.jsonl"
        self._on_progress = on_progress
        self._last_call = 0.0
        self._board: Any = None
        if board and importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(out / "tensorboard"))

    def advance(self, stage: str, step: int, steps: int, log: MetricsLog) -> None:
        """Call `on_progress`, at most every EVERY seconds and after the last step."""
        now = time.monotonic()
        if self._on_progress is not None and (now - self._last_call > EVERY or step == steps):
            self._last_call = now
            self._on_progress(Progress(stage, step, steps, log.rate, log.seconds_a_step, log.latest))

    def board(self, stage: str, step: int, values: dict[str, Any]) -> None:
        """Write values to TensorBoard."""
        for name, value in values.items() if self._board is not None else ():
            if isinstance(value, dict):
                self.board(f"{stage}/{name}", step, value)
            elif isinstance(value, int | float):
                self._board.add_scalar(f"{stage}/{name}", value, step)

    def close(self) -> None:
        """Flush TensorBoard."""
        if self._board is not None:
            self._board.close()


class MetricsLog:
    """Writes the lines of one stage in metrics.jsonl: mean losses since the last line, rate, and the share of time
    spent waiting for batches."""

    def __init__(self, file: Path, stage: str, writes: bool) -> None:
        self.file, self.stage, self.writes = file, stage, writes
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.steps = self.patches = 0
        self.waited = 0.0
        self.since = time.monotonic()
        self.rate = self.seconds_a_step = 0.0
        self.latest: dict[str, float] = {}

    def add(self, losses: dict[str, float], main: str, patches: int, waited: float) -> None:
        """Add the losses of one step; `main` is also written as `loss`. waited: seconds until the batch arrived."""
        losses = {"loss": losses[main], **losses}
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.steps += 1
        self.patches += patches
        self.waited += waited

    def write(self, step: int, more: dict[str, Any], listener: ProgressListener) -> None:
        """Write a line with the means since the last one."""
        seconds = max(1e-9, time.monotonic() - self.since)
        self.rate, self.seconds_a_step = self.patches / seconds, seconds / max(1, self.steps)
        self.latest = {name: total / self.counts[name] for name, total in self.sums.items()}
        line = {
            "patches_a_second": self.rate,
            "seconds_a_step": self.seconds_a_step,
            "waiting_share": self.waited / seconds,
            **more,
            **self.latest,
        }
        self.write_values(step, line, listener)
        self.sums, self.counts, self.steps, self.patches, self.waited = {}, {}, 0, 0, 0.0
        self.since = time.monotonic()

    def write_values(self, step: int, values: dict[str, Any], listener: ProgressListener) -> None:
        """Write a line with the given values. Raises OutputError."""
        if not self.writes:
            return
        line = {"stage": self.stage, "step": step, **values}
        try:
            with open(self.file, "a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
        except OSError as error:
            raise cannot_write(self.file, error, RESUME_HINT) from error
        listener.board(self.stage, step, values)

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint: a resumed run writes the same lines as an uninterrupted one."""
        return {"sums": dict(self.sums), "counts": dict(self.counts), "steps": self.steps, "patches": self.patches}

    def load(self, state: dict[str, Any], step: int) -> None:
        """Restore a state, and delete lines of this stage that were written after that step."""
        self.sums, self.counts = dict(state["sums"]), dict(state["counts"])
        self.steps, self.patches = state["steps"], state["patches"]
        if self.writes and self.file.exists():
            kept = [line for line in self.file.read_text(encoding="utf-8").splitlines() if self._stays(line, step)]
            write_bytes(self.file, "".join(line + "\n" for line in kept).encode())

    def _stays(self, text: str, step: int) -> bool:
        try:
            line = json.loads(text)
        except ValueError:  # a line that a kill cut short
            return False
        return line.get("stage") != self.stage or line["step"] <= step
