"""How many workers, on which devices, with how many threads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hiqa_cli.distributed.devices import ALL_GPUS, is_list_of_gpus
from hiqa_cli.engine.backends.devices import usable_processors
from hiqa_cli.engine.loading import LoadSettings
from hiqa_cli.errors import DeviceError, UsageError

from .pool import WorkerPool

VISIBLE = "CUDA_VISIBLE_DEVICES"


def start_workers(settings: LoadSettings, workers: int | None, images: int) -> WorkerPool:
    """A pool for so many images.

    settings: `device` may also be "cuda:all" or a list such as "cuda:0,cuda:1": the workers use them in turn. `threads`
        are those of each worker; None: an equal share of the processors.
    workers: None: one a device. There are never more workers than images.

    Raises what WorkerPool raises; UsageError for fewer workers than devices, DeviceError for a GPU that is not there.
    """
    environments: Sequence[Mapping[str, str]] = ({},)
    if is_list_of_gpus(settings.device):
        environments = [{VISIBLE: name} for name in visible_names(settings.device)]
        settings = replace(settings, device="cuda")
    count = len(environments) if workers is None else workers
    if count < len(environments):
        raise UsageError(
            f"--workers {count} are fewer than the {len(environments)} devices", "give each device one, or leave it out"
        )
    count = max(1, min(count, images))
    threads = settings.threads or max(1, usable_processors() // count)
    return WorkerPool(replace(settings, threads=threads), count, environments)


def visible_names(device: str) -> list[str]:
    """What CUDA_VISIBLE_DEVICES must be for each of the GPUs in "cuda:all" or "cuda:0,cuda:1"."""
    import torch

    found = torch.cuda.device_count()
    numbers = range(found) if device == ALL_GPUS else [int(one.partition(":")[2]) for one in device.split(",")]
    missing = [number for number in numbers if number >= found]
    if missing or not found:
        wanted = f"cuda:{missing[0]}" if missing else ALL_GPUS
        raise DeviceError(f"device {wanted} is not available: torch finds {found} CUDA devices", "use --device auto")
    # Numbers count what the caller's own CUDA_VISIBLE_DEVICES leaves.
    names = [name for name in os.environ.get(VISIBLE, "").split(",") if name] or [str(n) for n in range(found)]
    return [names[number] for number in numbers]
