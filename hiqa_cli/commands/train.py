"""`hiqa train`: train G and R on the field's databases, on a table of one's own, or on photographs without scores."""

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
from hiqa_cli.scoring.row_printer import write

from .dataset_options import AllowMissing, DatasetNames, DatasetOptions, HigherIsBetter, NominalRange, Roots
from .options import Device, Precision, Quiet, Threads, one_of, whole_number
from .train_setup import choose_vgg, open_readings

if TYPE_CHECKING:
    from hiqa_train.recipes.schema import Recipe
    from hiqa_train.runs.run import RunOptions
    from hiqa_train.trainer.loop import StopSignal

STAGES = ("generator", "regressor", "joint", "ablation")
ONE_FOLDER = "runs"


def train(
    stage: Annotated[
        str | None,
        typer.Argument(
            metavar="|".join(STAGES),
            parser=one_of("STAGE", STAGES),
            show_default=False,
            help="One stage of the recipe, or the paper's ablation; all stages if not given.",
        ),
    ] = None,
    dataset: DatasetNames = None,
    clean_images: Annotated[
        list[Path] | None,
        typer.Option(
            "--clean-images",
            metavar="DIR",
            help="Undistorted photographs, at least 320 px a side, instead of --dataset or beside it; repeat it for "
            "several folders.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="NAME|FILE",
            help="paper, best, smoke, synthetic or release, or a TOML file; best if not given, with --clean-images "
            "synthetic, with both release.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Checkpoints, metrics and weights; runs/NAME-DATE if not given."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what --out holds.")] = False,
    root: Roots = None,
    higher_is_better: HigherIsBetter = None,
    nominal: NominalRange = None,
    allow_missing: AllowMissing = False,
    test_scenes: Annotated[
        str | None,
        typer.Option(
            "--test-scenes",
            metavar="SCENE,...",
            help="Scenes kept for tests in every database and folder, in place of drawn ones (kodim04,kodim08).",
        ),
    ] = None,
    init_from: Annotated[
        Path | None,
        typer.Option(
            "--init-from",
            metavar="DIR",
            help="Weights that training begins with: G with their G; R, where it learns distortions beside a prior, "
            "with their R, and the prior with theirs.",
        ),
    ] = None,
    generator: Annotated[
        Path | None,
        typer.Option("--generator", metavar="DIR", help="A ready G: a folder of weights, or the --out of another run."),
    ] = None,
    vgg: Annotated[
        str | None,
        typer.Option("--vgg", metavar="FILE|download|off", help="VGG19's weights for the perceptual loss."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", parser=whole_number("--seed", 0, 2**31), help="Of everything random.")
    ] = 1,
    cache_dir: Annotated[
        Path | None, typer.Option("--cache-dir", metavar="DIR", help="Decoded images; the user's cache if not given.")
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Train nothing: print each stage's rate and where its time goes.")
    ] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    quiet: Quiet = False,
) -> int:
    """Train G and R on databases of images that people have scored, on a table of your own, or on photographs.

    Ctrl-C keeps a checkpoint that --resume goes on with. Ends with weights in --out, which hiqa score --weights takes.
    """
    if not (dataset or clean_images):
        raise UsageError("what to train on: give --dataset, --clean-images or both", "hiqa datasets lists databases")
    if test_scenes is not None and not dataset:
        raise UsageError("--test-scenes: photographs alone are divided by their names", "give --dataset too")
    import torch

    from hiqa_train.recipes.loader import DEFAULT, RELEASE, SYNTHETIC, load_recipe
    from hiqa_train.runs.plan import goes_on_from_r
    from hiqa_train.runs.run import RunOptions
    from hiqa_train.trainer.distributed import is_leader
    from hiqa_train.trainer.loop import StopSignal

    if threads is not None:
        torch.set_num_threads(threads)
    leads = is_leader()
    progress = StageProgress(wanted=leads and not quiet)
    say = Messages(quiet=quiet or not leads, clear=progress.cleared)
    usual = DEFAULT if not clean_images else RELEASE if dataset else SYNTHETIC
    chosen = load_recipe(recipe or usual)
    begins_r = init_from is not None and goes_on_from_r(chosen)
    if init_from is not None and generator is not None and not begins_r:
        raise UsageError("--init-from is for a G that is trained, --generator gives a ready one", "give one of them")
    where = out or default_out([*(dataset or []), *map(str, clean_images or [])], resume)
    given = DatasetOptions(tuple(dataset or ()), tuple(root or ()), higher_is_better, nominal, allow_missing)
    options = RunOptions(
        device=device,
        precision=precision,
        seed=seed,
        resume=resume,
        generator=generator,
        first_generator=init_from if generator is None else None,
        begin=init_from if begins_r else None,
        kinds=None if stage in (None, "ablation") else (stage,),
        cache=cache_dir,
        watch=progress.advance,
    )
    stop = StopSignal()
    kept = tuple(word.strip() for word in (test_scenes or "").split(",") if word.strip())
    try:
        run = Training(given, tuple(clean_images or ()), kept, chosen, vgg, where, options, stop, say)
        if profile:
            return run.profile()
        done = run.ablation() if stage == "ablation" else run.train()
    finally:
        progress.close()
    if done is None:
        goes_on = f"stopped; the checkpoint in {where} goes on with --resume"
        say.warn(goes_on if where.exists() else "stopped before the first step")
        return 128 + stop.asked
    return ExitCode.OK


def default_out(names: list[str], resume: bool) -> Path:
    """runs/NAME-DATE; UsageError where the run must be named."""
    if resume:
        raise UsageError("--resume: which run is not known", "give its --out")
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError("under torchrun all processes write to one folder", "give --out")
    word = "+".join(Path(name).stem for name in names)
    return Path(ONE_FOLDER) / f"{word}-{time.strftime('%Y-%m-%d-%H%M%S')}"


class Training:
    """The three things that can be done with a recipe and its material."""

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
        self.clean_images, self.out, self.stop, self.tell = clean_images, out, stop, say.warn
        self.opened = open_readings(given, options, test_scenes, say.warn) if given.names else None
        options = options if self.opened is None else self.opened.options
        has_references = bool(clean_images) or self.opened is None or self.opened.has_references
        self.recipe, file = choose_vgg(recipe, vgg, options, say.warn, has_references=has_references)
        self.options = dataclasses.replace(options, vgg=file)

    def train(self) -> Path | None:
        """All stages, or those of one kind."""
        from hiqa_train.runs.mixed import train_mixed
        from hiqa_train.runs.run import train_databases
        from hiqa_train.runs.synthetic import train_synthetic

        if self.opened is None:
            return train_synthetic(self.clean_images, self.recipe, self.out, self.options, self.stop, self.tell)
        if self.clean_images:
            return train_mixed(
                self.opened.parts,
                self.opened.tested,
                self.clean_images,
                self.recipe,
                self.out,
                self.options,
                self.stop,
                self.tell,
            )
        return train_databases(self.opened.parts, self.recipe, self.out, self.options, self.stop, self.tell)

    def ablation(self) -> Path | None:
        """The paper's figure 4 and its oracle, on the test part; the table on standard output."""
        from hiqa_train.runs.ablation import run_ablation, table

        if self.opened is None or self.clean_images or len(self.opened.parts) != 1:
            raise UsageError("the ablation is measured on the test part of one database", "give one --dataset")
        part, tests = self.opened.parts[0], self.opened.tests[0]
        rows = run_ablation(part, tests, self.recipe, self.out, self.options, self.stop, self.tell)
        if rows is None:
            return None
        write("\n".join(table(part.name, rows)) + "\n")
        return self.out

    def profile(self) -> int:
        """Rates and shares of each stage, on standard output."""
        from hiqa_train.data.sources.protocol import DataSource
        from hiqa_train.runs.mixed import open_mixed
        from hiqa_train.runs.run import open_databases
        from hiqa_train.runs.synthetic import open_photographs
        from hiqa_train.trainer.stage_benchmark import profile_material, table

        material: DataSource
        if self.opened is None:
            material = open_photographs(self.clean_images, self.recipe, self.options, self.tell)
        elif self.clean_images:
            material = open_mixed(
                self.opened.parts,
                self.opened.tested,
                self.clean_images,
                self.recipe,
                self.options,
                self.stop,
                self.tell,
            )
        else:
            material = open_databases(self.opened.parts, self.recipe, self.options, self.stop, self.tell)
        write("\n".join(table(profile_material(material, self.recipe, self.options))) + "\n")
        return ExitCode.OK
