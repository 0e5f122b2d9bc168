"""The batches of a stage, drawn by worker processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Protocol

import torch
from torch.utils.data import DataLoader

from hiqa_train.data.batch import Batch, BatchDataset, PatchSource
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.schema import RunSettings


class Batched(Protocol):
    """The part of a stage that its batches depend on."""

    steps: int
    batch: int
    source: PatchSource


def load_batches(
    stage: Batched, settings: RunSettings, run_device: RunDevice, first: int, last: int | None = None
) -> Iterator[Batch]:
    """This process's share of the stage's batches, from step `first` up to but not including `last`; None for the
    stage's end."""
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
    """The number of processes that draw batches: `wanted`, at most one per core. Beside a GPU, which trains much faster
    than a core draws patches, at least all cores of this process's share but one."""
    cores = os.cpu_count() or 1  # torch warns of more than there are
    if run_device.device.type != "cuda":
        return min(wanted, cores)
    return max(wanted, cores // run_device.world - 1, 1)


def ignore_signals(worker: int) -> None:
    """Ignore signals in a loader's worker, since a signal to the process group must not lose batches. The worker ends
    with the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
