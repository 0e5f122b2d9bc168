"""What is written down while a stage runs: one file of JSON lines a run, TensorBoard where it is installed, and whoever
watches."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiqa_cli.atomic import write_bytes
from hiqa_cli.errors import cannot_write

from .checkpoint import RESUME_HINT

EVERY = 0.2  # s between two looks of whoever watches


@dataclass(frozen=True)
class Progress:
    """How far a stage is: steps done of all, patches a second, mean losses of late."""

    stage: str
    step: int
    steps: int
    rate: float
    seconds_a_step: float
    losses: dict[str, float]


class ProgressListener:
    """Where a run's numbers go."""

    def __init__(self, out: Path, watch: Callable[[Progress], None] | None, *, board: bool = True) -> None:
        self.metrics = out / "metrics.jsonl"
        self._watch = watch
        self._looked = 0.0
        self._board: Any = None
        if board and importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(out / "tensorboard"))

    def advance(self, stage: str, step: int, steps: int, journal: MetricsLog) -> None:
        """Tell whoever watches, not too often."""
        now = time.monotonic()
        if self._watch is not None and (now - self._looked > EVERY or step == steps):
            self._looked = now
            self._watch(Progress(stage, step, steps, journal.rate, journal.seconds_a_step, journal.latest))

    def board(self, stage: str, step: int, values: dict[str, Any]) -> None:
        """The same numbers for TensorBoard."""
        for name, value in values.items() if self._board is not None else ():
            if isinstance(value, dict):
                self.board(f"{stage}/{name}", step, value)
            elif isinstance(value, int | float):
                self._board.add_scalar(f"{stage}/{name}", value, step)

    def close(self) -> None:
        """Write what TensorBoard still holds."""
        if self._board is not None:
            self._board.close()


class MetricsLog:
    """One stage's lines in the run's metrics: means since the last line, rate, share of the time spent waiting."""

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
        """Take one step's losses, of which `main` is also written as `loss`; waited: seconds until its batch came."""
        losses = {"loss": losses[main], **losses}
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.steps += 1
        self.patches += patches
        self.waited += waited

    def write(self, step: int, more: dict[str, Any], watcher: ProgressListener) -> None:
        """A line with everything since the last one."""
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
        self.note(step, line, watcher)
        self.sums, self.counts, self.steps, self.patches, self.waited = {}, {}, 0, 0, 0.0
        self.since = time.monotonic()

    def note(self, step: int, values: dict[str, Any], watcher: ProgressListener) -> None:
        """A line of other values."""
        if not self.writes:
            return
        line = {"stage": self.stage, "step": step, **values}
        try:
            with open(self.file, "a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
        except OSError as error:
            raise cannot_write(self.file, error, RESUME_HINT) from error
        watcher.board(self.stage, step, values)

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs, so that a resumed run writes what the other would have."""
        return {"sums": dict(self.sums), "counts": dict(self.counts), "steps": self.steps, "patches": self.patches}

    def load(self, state: dict[str, Any], step: int) -> None:
        """Go on from there: lines of this stage that were written after that step are taken back."""
        self.sums, self.counts = dict(state["sums"]), dict(state["counts"])
        self.steps, self.patches = state["steps"], state["patches"]
        if self.writes and self.file.exists():
            kept = [line for line in self.file.read_text(encoding="utf-8").splitlines() if self._stays(line, step)]
            write_bytes(self.file, "".join(line + "\n" for line in kept).encode())

    def _stays(self, text: str, step: int) -> bool:
        try:
            line = json.loads(text)
        except ValueError:  # half a line, cut by a kill
            return False
        return line.get("stage") != self.stage or line["step"] <= step
