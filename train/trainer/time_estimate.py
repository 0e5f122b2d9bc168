"""Estimates how long a training stage takes on this device, by timing a few steps on networks that are discarded."""

from __future__ import annotations

from itertools import count

from hiqa_cli.engine.speed.timing import median_seconds, seconds_of
from hiqa_train.data.distortion_groups import GROUP
from hiqa_train.distributed import RunDevice

from .loop import TrainingStage

TIMED_STEPS = 2  # after one step of warm-up
MAX_PATCHES = GROUP  # timed per step; the time of a whole batch is proportional


def estimate(stage: TrainingStage, run_device: RunDevice) -> float:
    """Seconds per step. Trains the networks of `stage`: give a stage that is built for this only."""
    share = min(stage.batch // run_device.world, max(MAX_PATCHES, stage.batch // run_device.world // 8))
    share = max(GROUP, share // GROUP * GROUP) if stage.batch >= GROUP else stage.batch
    steps = count()

    def step() -> None:
        number = next(steps)
        batch = stage.source.draw(range(number * share, (number + 1) * share)).to(run_device.device)
        losses = stage.step(number, [batch])
        sum(float(loss) for loss in losses.values())  # waits for the device

    seconds = median_seconds({"step": lambda: seconds_of(step)}, TIMED_STEPS)["step"]
    return seconds * stage.batch / run_device.world / share


def duration(seconds: float) -> str:
    """ "3.2 hours", "4 minutes" or "12 s"."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} s"
