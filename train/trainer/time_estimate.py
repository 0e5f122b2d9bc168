"""How long a stage will take here: a few of its steps, timed on networks that are thrown away."""

from __future__ import annotations

import time

from hiqa_train.data.distortion_groups import GROUP

from .distributed import RunDevice
from .loop import TrainingStage

TIMED = 2  # steps, after one to warm up
MOST = GROUP  # patches: the time of a batch is told from so many


def estimate(stage: TrainingStage, machine: RunDevice) -> float:
    """Seconds a step; this changes the stage's networks."""
    share = min(stage.batch // machine.world, max(MOST, stage.batch // machine.world // 8))
    share = max(GROUP, share // GROUP * GROUP) if stage.batch >= GROUP else stage.batch
    seconds = []
    for step in range(TIMED + 1):
        begin = time.perf_counter()
        batch = stage.source.draw(range(step * share, (step + 1) * share)).to(machine.device)
        losses = stage.step(step, [batch])
        sum(float(loss) for loss in losses.values())  # waits for the device
        seconds.append(time.perf_counter() - begin)
    return min(seconds[1:]) * stage.batch / machine.world / share
