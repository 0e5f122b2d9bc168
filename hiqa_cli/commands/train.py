"""`hiqa train`: train G and R on one's own undistorted photographs, without human scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .exit_codes import ExitCode
from .messages import Messages
from .options import Quiet, Threads


def train(
    pristine: Annotated[
        Path, typer.Option("--pristine", metavar="DIR", help="Undistorted photographs, at least 320 px a side.")
    ],
    vgg: Annotated[
        Path, typer.Option("--vgg", metavar="FILE", help="VGG19's convolutions (Oxford's, safetensors).")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Checkpoints, logs and weights.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what --out holds.")] = False,
    threads: Threads = None,
    quiet: Quiet = False,
) -> int:
    """Train G and R on undistorted photographs; distortions and their scores are made on the way.

    Takes hours on a processor; Ctrl-C keeps a checkpoint. Ends with DIR/weights, which `hiqa score
    --weights` takes.
    """
    import torch

    from hiqa_train.loop import StopSignal
    from hiqa_train.synthetic import SyntheticRecipe, train_synthetic

    if threads is not None:
        torch.set_num_threads(threads)
    say = Messages(quiet=quiet)
    stop = StopSignal()
    done = train_synthetic(pristine, vgg, out, SyntheticRecipe(), resume=resume, stop=stop, tell=say.warn)
    if done is None:
        say.warn(f"stopped; the checkpoint in {out} goes on with --resume")
        return 128 + stop.asked
    return ExitCode.OK
