"""`hiqa train reasons`: gives weights a head that says what is wrong with an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.errors import UsageError

from .options import TrainingData

if TYPE_CHECKING:
    from hiqa_train.runs.options import RunOptions
    from hiqa_train.trainer.loop import StopSignal


def add_reasons(
    data: TrainingData, weights: Path | None, out: Path, options: RunOptions, stop: StopSignal, say: Messages
) -> int:
    """Fit a head to clean images, or without any give the weights that of the installed ones; the exit code."""
    from hiqa_train.runs.reasons import copy_reasons, train_reasons

    if data.databases.names:
        raise UsageError("hiqa train reasons needs no human scores", "give --clean-images alone")
    if not data.clean_images:
        if weights is None:
            raise UsageError("no clean images to fit a head of reasons to", "give --clean-images")
        copy_reasons(weights, out, say.warn)
        return ExitCode.OK
    folders, stopped = data.clean_images, lambda: bool(stop.signal)
    if train_reasons(folders, weights, out, options, stopped, say.warn) is None:
        say.warn(f"stopped; resume in {out} with --resume")
        return 128 + stop.signal
    return ExitCode.OK
