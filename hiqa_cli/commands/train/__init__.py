"""`hiqa train`: train G and R on databases, on tables of your own, or on photographs without scores."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.commands.options import Device, Precision, Quiet, Threads
from hiqa_cli.commands.usage.help import ADVANCED, OUTPUT, TRAINING
from hiqa_cli.commands.usage.values import one_of
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import StageProgress
from hiqa_cli.errors import UsageError
from hiqa_cli.scoring.options import BackendOptions

from .actions import Training
from .options import Data, Start
from .reasons import add_reasons

STAGES = ("generator", "regressor", "joint")
ABLATION = "ablation"
REASONS = "reasons"
WORDS = (*STAGES, ABLATION, REASONS)
RUNS_FOLDER = "runs"

StageName = Annotated[
    str | None,
    typer.Argument(
        metavar="|".join(WORDS),
        parser=one_of("STAGE", WORDS),
        show_default=False,
        help="Train one stage of the recipe, run the paper's ablation, or give weights a head of reasons.",
        rich_help_panel=TRAINING,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        show_default=f"{RUNS_FOLDER}/NAME-DATE",
        help="Folder for checkpoints, metrics and weights.",
        rich_help_panel=OUTPUT,
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Resume the run in --out.", rich_help_panel=OUTPUT)]
Profile = Annotated[
    bool,
    typer.Option(
        "--profile", help="Do not train: print the speed of each stage and where time goes.", rich_help_panel=OUTPUT
    ),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        metavar="DIR",
        show_default="the user's cache",
        help="Folder for decoded images.",
        rich_help_panel=ADVANCED,
    ),
]


def train(
    *,
    stage: StageName = None,
    data: Data,
    out: Out = None,
    resume: Resume = False,
    profile: Profile = False,
    start: Start,
    device: Device = BackendOptions.device,
    precision: Precision = BackendOptions.precision,
    threads: Threads = BackendOptions.threads,
    cache_dir: CacheDir = None,
    quiet: Quiet = False,
) -> int:
    """Train G and R on databases, tables or photographs.

    Writes weights for hiqa score --weights to --out. Ctrl-C keeps a checkpoint
    that --resume continues from.

    \b
    hiqa train --dataset tid2013 --out runs/tid2013
    hiqa train --dataset my.csv --higher-is-better --range 1 5
    hiqa train --clean-images photos/
    hiqa train reasons --clean-images photos/ --init-from weights/

    Exit codes: 0 trained; 1 training or output failed; 2 wrong usage, or nothing could start; 130 stopped by Ctrl-C.
    """
    import torch

    from hiqa_train.distributed import is_leader
    from hiqa_train.recipes.loader import load_recipe
    from hiqa_train.runs.options import RunOptions
    from hiqa_train.trainer.loop import StopSignal

    if threads is not None:
        torch.set_num_threads(threads)
    leads = is_leader()
    progress = StageProgress(enabled=leads and not quiet)
    say = Messages(quiet=quiet or not leads, clear=progress.cleared)
    if stage == REASONS:
        given = (start.init_from, out or default_out((REASONS,), resume))
        return add_reasons(data, *given, RunOptions(seed=start.seed, resume=resume), StopSignal(), say)
    data.check()
    recipe = load_recipe(start.recipe or data.default_recipe)
    folder = out or default_out(data.names, resume)
    options = RunOptions(
        device=device,
        precision=precision,
        seed=start.seed,
        resume=resume,
        generator=start.generator,
        init_generator=start.initial_generator(),
        kinds=(stage,) if stage in STAGES else None,
        cache=cache_dir,
        on_progress=progress.advance,
    )
    stop = StopSignal()
    try:
        run = Training(data, recipe, start.vgg, folder, options, stop, say)
        if profile:
            return run.profile()
        result = run.ablation() if stage == ABLATION else run.train()
    finally:
        progress.close()
    if result is None:
        checkpoint = f"stopped; resume from the checkpoint in {folder} with --resume"
        say.warn(checkpoint if folder.exists() else "stopped before the first step")
        return 128 + stop.signal
    return ExitCode.OK


def default_out(names: Sequence[str], resume: bool) -> Path:
    """runs/NAME-DATE; UsageError if the folder must be given."""
    if resume:
        raise UsageError("--resume: the run is not known", "give its --out")
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError("under torchrun all processes must write to the same folder", "give --out")
    name = "+".join(Path(name).stem for name in names)
    return Path(RUNS_FOLDER) / f"{name}-{time.strftime('%Y-%m-%d-%H%M%S')}"
