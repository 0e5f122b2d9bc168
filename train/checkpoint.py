"""Checkpoints: everything that a run needs to go on as if nothing had happened, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from hiqa_cli.errors import UsageError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` beside `path` and rename: a kill leaves the old checkpoint or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    with open(beside, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load_checkpoint(path: Path, kind: str) -> dict[str, Any]:
    """A checkpoint of the stage `kind`; UsageError where it is missing, broken or of another stage."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UsageError(f"no checkpoint at {path}", "start without --resume") from None
    except Exception as error:
        raise UsageError(f"cannot read the checkpoint {path}: {type(error).__name__}") from error
    if state.get("kind") != kind:
        raise UsageError(f"{path} is a checkpoint of the stage {state.get('kind')!r}, expected {kind!r}")
    return state
