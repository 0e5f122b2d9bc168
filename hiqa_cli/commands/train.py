"""`hiqa train`: train G and R on databases, on tables of your own, or on photographs without scores."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import StageProgress
from hiqa_cli.errors import UsageError
from hiqa_cli.scoring.options import BackendOptions
from hiqa_cli.scoring.row_printer import write

from .datasets.options import AllowMissing, DatasetNames, DatasetOptions, HigherIsBetter, NominalRange, Roots
from .options import Device, Precision, Quiet, Threads
from .train_setup import choose_vgg, open_databases
from .usage.help import ADVANCED, INPUT, OUTPUT, TRAINING
from .usage.values import one_of, whole_number

if TYPE_CHECKING:
    from hiqa_train.data.sources.protocol import DataSource
    from hiqa_train.recipes.schema import Recipe
    from hiqa_train.runs.options import RunOptions
    from hiqa_train.trainer.loop import StopSignal

STAGES = ("generator", "regressor", "joint", "ablation")
RUNS_FOLDER = "runs"


def train(
    stage: Annotated[
        str | None,
        typer.Argument(
            metavar="|".join(STAGES),
            parser=one_of("STAGE", STAGES),
            show_default=False,
            help="Train one stage of the recipe, or run the paper's ablation, instead of all stages.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    dataset: DatasetNames = None,
    clean_images: Annotated[
        list[Path] | None,
        typer.Option(
            "--clean-images",
            metavar="DIR",
            help="Folder of undistorted photographs of at least 320x320 px, to distort; may be repeated.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    root: Roots = None,
    higher_is_better: HigherIsBetter = None,
    nominal: NominalRange = None,
    allow_missing: AllowMissing = False,
    test_scenes: Annotated[
        str | None,
        typer.Option(
            "--test-scenes",
            metavar="SCENE,...",
            show_default="drawn",
            help="Scenes to keep for tests in every database and folder, such as kodim04,kodim08.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            show_default=f"{RUNS_FOLDER}/NAME-DATE",
            help="Folder for checkpoints, metrics and weights.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run in --out.", rich_help_panel=OUTPUT)] = False,
    profile: Annotated[
        bool,
        typer.Option(
            "--profile", help="Do not train: print the speed of each stage and where time goes.", rich_help_panel=OUTPUT
        ),
    ] = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME|TOML",
            show_default="best; synthetic with --clean-images, release with both",
            help="paper, best, smoke, synthetic, release, or a file.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    init_from: Annotated[
        Path | None,
        typer.Option(
            "--init-from",
            metavar="DIR",
            help="Weights, or a finished run, whose G initialises the one in training.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    generator: Annotated[
        Path | None,
        typer.Option(
            "--generator",
            metavar="DIR",
            help="Weights, or a finished run, whose G is used without training.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    vgg: Annotated[
        str | None,
        typer.Option(
            "--vgg",
            metavar="FILE|download|trunk|off",
            show_default="VGG-19 where it is in the cache, else trunk",
            help="Network of the perceptual loss: VGG-19, or the trunk of hiqa's weights.",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="N",
            parser=whole_number("--seed", 0, 2**31),
            help="Random seed.",
            rich_help_panel=TRAINING,
        ),
    ] = 1,
    device: Device = BackendOptions.device,
    precision: Precision = BackendOptions.precision,
    threads: Threads = BackendOptions.threads,
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            "--cache-dir",
            metavar="DIR",
            show_default="the user's cache",
            help="Folder for decoded images.",
            rich_help_panel=ADVANCED,
        ),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Train G and R on databases, tables or photographs.

    Writes weights for hiqa score --weights to --out. Ctrl-C keeps a checkpoint
    that --resume continues from.

    \b
    hiqa train --dataset tid2013 --out runs/tid2013
    hiqa train --dataset my.csv --higher-is-better --range 1 5
    hiqa train --clean-images photos/

    Exit codes: 0 trained; 1 training or output failed; 2 wrong usage, or nothing could start; 130 stopped by Ctrl-C.
    """
    if not (dataset or clean_images):
        raise UsageError("no training data: give --dataset, --clean-images or both", "hiqa datasets lists databases")
    if test_scenes is not None and not dataset:
        raise UsageError("--test-scenes: photographs without a database are split by name", "give --dataset too")
    import torch

    from hiqa_train.recipes.loader import DEFAULT, RELEASE, SYNTHETIC, load_recipe
    from hiqa_train.runs.options import RunOptions
    from hiqa_train.trainer.distributed import is_leader
    from hiqa_train.trainer.loop import StopSignal

    if threads is not None:
        torch.set_num_threads(threads)
    leads = is_leader()
    progress = StageProgress(enabled=leads and not quiet)
    say = Messages(quiet=quiet or not leads, clear=progress.cleared)
    default_recipe = DEFAULT if not clean_images else RELEASE if dataset else SYNTHETIC
    chosen = load_recipe(recipe or default_recipe)
    if init_from is not None and generator is not None:
        raise UsageError("--init-from initialises a G in training, --generator replaces it", "give one of them")
    folder = out or default_out([*(dataset or []), *map(str, clean_images or [])], resume)
    given = DatasetOptions(tuple(dataset or ()), tuple(root or ()), higher_is_better, nominal, allow_missing)
    options = RunOptions(
        device=device,
        precision=precision,
        seed=seed,
        resume=resume,
        generator=generator,
        init_generator=init_from,
        kinds=None if stage in (None, "ablation") else (stage,),
        cache=cache_dir,
        on_progress=progress.advance,
    )
    stop = StopSignal()
    scenes = tuple(word.strip() for word in (test_scenes or "").split(",") if word.strip())
    try:
        run = Training(given, tuple(clean_images or ()), scenes, chosen, vgg, folder, options, stop, say)
        if profile:
            return run.profile()
        result = run.ablation() if stage == "ablation" else run.train()
    finally:
        progress.close()
    if result is None:
        checkpoint = f"stopped; resume from the checkpoint in {folder} with --resume"
        say.warn(checkpoint if folder.exists() else "stopped before the first step")
        return 128 + stop.signal
    return ExitCode.OK


def default_out(names: list[str], resume: bool) -> Path:
    """runs/NAME-DATE; UsageError if the folder must be given."""
    if resume:
        raise UsageError("--resume: the run is not known", "give its --out")
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError("under torchrun all processes must write to the same folder", "give --out")
    name = "+".join(Path(name).stem for name in names)
    return Path(RUNS_FOLDER) / f"{name}-{time.strftime('%Y-%m-%d-%H%M%S')}"


class Training:
    """The actions on a recipe and its data: train, ablation, profile."""

    def __init__(
        self,
        given: DatasetOptions,
        clean_images: tuple[Path, ...],
        test_scenes: tuple[str, ...],
        recipe: Recipe,
        vgg: str | None,
        out: Path,
        options: RunOptions,
        stop: StopSignal,
        say: Messages,
    ) -> None:
        self.clean_images, self.out, self.stop, self.report = clean_images, out, stop, say.warn
        self.opened = open_databases(given, options, test_scenes, say.warn) if given.names else None
        options = options if self.opened is None else self.opened.options
        has_references = bool(clean_images) or self.opened is None or self.opened.has_references
        self.recipe, vgg_file = choose_vgg(recipe, vgg, options, say.warn, has_references=has_references, out=out)
        self.options = dataclasses.replace(options, vgg=vgg_file)

    def train(self) -> Path | None:
        """Train the stages; the folder of the result, or None if stopped."""
        from hiqa_train.runs.run import train_databases, train_mixed, train_synthetic

        run = (self.recipe, self.out, self.options, self.stop, self.report)
        if self.opened is None:
            return train_synthetic(self.clean_images, *run)
        if self.clean_images:
            return train_mixed(self.opened.parts, self.opened.tested, self.clean_images, *run)
        return train_databases(self.opened.parts, *run)

    def ablation(self) -> Path | None:
        """Run the paper's ablation (figure 4, and the oracle) on the test part; print its table. None if stopped."""
        from hiqa_train.runs.ablation import run_ablation, table

        if self.opened is None or self.clean_images or len(self.opened.parts) != 1:
            raise UsageError("the ablation is measured on the test part of one database", "give one --dataset")
        part, tests = self.opened.parts[0], self.opened.tests[0]
        rows = run_ablation(part, tests, self.recipe, self.out, self.options, self.stop, self.report)
        if rows is None:
            return None
        write("\n".join(table(part.name, rows)) + "\n")
        return self.out

    def profile(self) -> int:
        """Print speed and time shares of each stage; the exit code."""
        from hiqa_train.trainer.stage_benchmark import profile_stages, table

        write("\n".join(table(profile_stages(self._data(), self.recipe, self.options))) + "\n")
        return ExitCode.OK

    def _data(self) -> DataSource:
        from hiqa_train.runs.sources import open_databases as open_sources
        from hiqa_train.runs.sources import open_mixed, open_photographs

        if self.opened is None:
            return open_photographs(self.clean_images, self.recipe, self.options, self.report)
        run = (self.recipe, self.options, self.stop, self.report)
        if self.clean_images:
            return open_mixed(self.opened.parts, self.opened.tested, self.clean_images, *run)
        return open_sources(self.opened.parts, *run)
