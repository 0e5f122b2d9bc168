"""Checkpoints: the complete state of a stage, from which it resumes bit-exactly. Written atomically."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from hiqa_cli.errors import UsageError, cannot_write
from hiqa_cli.files.atomic import atomic_file

LAST, BEST = "last.ckpt", "best.ckpt"
RESUME_HINT = "checkpoints written before are complete: make room, then continue with --resume"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` atomically. Raises OutputError if that fails, as on a full disk; then the previous checkpoint is
    kept."""
    try:
        with atomic_file(path, temporary=path.with_name(path.name + ".part")) as file:
            torch.save(state, file)
    except (OSError, RuntimeError) as error:  # torch raises RuntimeError on a full disk
        cause = error if isinstance(error, OSError) else _disk_error(error)
        if cause is None:
            raise
        raise cannot_write(path, cause, RESUME_HINT) from error


def _disk_error(error: RuntimeError) -> OSError | None:
    """The OSError that caused torch's RuntimeError, or one made from its text; None for other errors."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError):
            return inner
        inner = inner.__cause__ or inner.__context__
    text = str(error)
    return OSError(None, "write failed") if "PytorchStreamWriter" in text or "write" in text else None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint. Raises UsageError if it is missing or broken."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UsageError(f"no checkpoint at {path}", "start without --resume") from None
    except Exception as error:
        raise UsageError(f"cannot read the checkpoint {path}: {type(error).__name__}") from error
    if not isinstance(state, dict) or "describe" not in state:
        raise UsageError(f"{path} is not a checkpoint of hiqa")
    return state


def load_checkpoint(path: Path, describe: Mapping[str, Any]) -> dict[str, Any]:
    """Read a checkpoint whose description (stage, recipe, networks, seed) is `describe`. Raises UsageError that names
    the first difference."""
    state = read_checkpoint(path)
    difference = first_difference(state["describe"], describe)
    if difference:
        raise UsageError(
            f"{path} is of another run: {difference}", "resume with what it was started with, or give another --out"
        )
    return state


def first_difference(found: Any, expected: Any, where: str = "") -> str:
    """ "generator.channels is 8, expected 24", or "" if both are equal."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in [*expected, *(key for key in found if key not in expected)]:
            name = f"{where}.{key}" if where else str(key)
            if key not in found or key not in expected:
                return f"{name} is {'missing' if key not in found else 'new'}"
            difference = first_difference(found[key], expected[key], name)
            if difference:
                return difference
        return ""
    same = (
        list(found) == list(expected)
        if isinstance(found, list | tuple) and isinstance(expected, list | tuple)
        else found == expected
    )
    return "" if same else f"{where} is {found!r}, expected {expected!r}"
