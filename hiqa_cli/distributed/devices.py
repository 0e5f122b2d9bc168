"""GPUs by number, as options name them. Imports nothing."""

from __future__ import annotations

import re

ALL_GPUS = "cuda:all"
_NUMBERED = re.compile(r"cuda:\d{1,4}")


def is_list_of_gpus(device: str) -> bool:
    """Whether a device is "cuda:all", or one or more different GPUs such as "cuda:0,cuda:1"."""
    names = device.split(",")
    numbered = all(_NUMBERED.fullmatch(name) for name in names) and len(set(names)) == len(names)
    return device == ALL_GPUS or numbered


def needs_workers(device: str, workers: int | None) -> bool:
    """Whether a run with these options uses processes: several, or one of a numbered GPU."""
    return is_list_of_gpus(device) or (workers or 1) > 1
