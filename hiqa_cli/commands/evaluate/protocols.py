"""`hiqa evaluate splits|official|cross`: train and test methods by the protocols of the field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.commands import options as common
from hiqa_cli.commands.dataset_options import (
    AllowMissing,
    DatasetOptions,
    HigherIsBetter,
    NominalRange,
    Roots,
    open_and_describe,
)
from hiqa_cli.commands.help import INPUT, OUTPUT, TRAINING, on_command_line
from hiqa_cli.commands.options import one_of, whole_number
from hiqa_cli.console.messages import Messages
from hiqa_cli.engine.config import Scoring
from hiqa_cli.errors import UsageError
from hiqa_cli.scoring.options import BackendOptions

from . import options as own
from .protocol_run import MethodOptions, ProtocolFiles, ProtocolOptions, evaluate_protocol

METHODS = ("hiqa", "baseline", "weights", "nss", "gmsd")

Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder of the splits and results; a second run resumes there.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
TrainOn = Annotated[
    list[str] | None,
    typer.Option(
        "--train-on",
        metavar="NAME|TABLE",
        help="Train on this database; may be repeated.",
        show_default="the tested databases",
        rich_help_panel=INPUT,
    ),
]
TrainTypes = Annotated[
    str | None,
    typer.Option("--train-types", metavar="A,B", help="Train on these distortion types only.", rich_help_panel=INPUT),
]
MethodNames = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="|".join(METHODS),
        parser=one_of("--method", METHODS),
        show_default="hiqa",
        help="Method to test; may be repeated. baseline is R on the distorted image alone.",
        rich_help_panel=TRAINING,
    ),
]
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe", metavar="NAME|TOML", help="Training recipe.", show_default="best", rich_help_panel=TRAINING
    ),
]
GeneratorFolder = Annotated[
    Path | None,
    typer.Option(
        "--generator", metavar="DIR", help="Weights whose G is used without training.", rich_help_panel=TRAINING
    ),
]
InitFrom = Annotated[
    Path | None,
    typer.Option(
        "--init-from",
        metavar="DIR",
        help="Weights, or a run, whose R initialises every training.",
        rich_help_panel=TRAINING,
    ),
]
WholeViews = Annotated[
    bool,
    typer.Option(
        "--whole-views",
        help="Run the given G once on every whole image instead of on patches.",
        rich_help_panel=TRAINING,
    ),
]
Vgg = Annotated[
    str | None,
    typer.Option(
        "--vgg",
        metavar="FILE|download|off",
        help="VGG-19 weights for the perceptual loss.",
        rich_help_panel=TRAINING,
    ),
]


def splits(
    context: typer.Context,
    names: own.Databases,
    out: Out,
    train_on: TrainOn = None,
    root: Roots = None,
    higher_is_better: HigherIsBetter = None,
    nominal: NominalRange = None,
    allow_missing: AllowMissing = False,
    types: own.Types = None,
    train_types: TrainTypes = None,
    splits: Annotated[
        Path | None,
        typer.Option(
            "--splits", metavar="FILE", help="Use the splits of a file instead of drawing.", rich_help_panel=INPUT
        ),
    ] = None,
    num_splits: Annotated[
        int | None,
        typer.Option(
            "--num-splits",
            metavar="N",
            parser=whole_number("--num-splits", 1, 1000),
            show_default="10, or all of --splits",
            help="Number of splits.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    method: MethodNames = None,
    recipe: RecipeName = None,
    generator: GeneratorFolder = None,
    init_from: InitFrom = None,
    whole_views: WholeViews = False,
    vgg: Vgg = None,
    seed: own.Seed = own.DEFAULT_SEED,
    resamples: own.Resamples = own.DEFAULT_RESAMPLES,
    show_literature: own.ShowLiterature = False,
    json_file: own.JsonFile = None,
    csv_file: own.CsvFile = None,
    overwrite: common.Overwrite = False,
    device: common.Device = BackendOptions.device,
    mode: common.Mode = Scoring.mode,
    stride: common.Stride = Scoring.stride,
    precision: common.Precision = BackendOptions.precision,
    batch_size: common.BatchSize = BackendOptions.batch_size,
    threads: common.Threads = BackendOptions.threads,
    weights: common.WeightsFolder = BackendOptions.weights,
    quiet: common.Quiet = False,
) -> int:
    """Train and test on random splits by scene; print medians.

    \b
    hiqa evaluate splits tid2013 --out runs/a --method hiqa --method baseline
    """
    check_weights(context, method)
    return run(
        DatasetOptions(tuple(names), tuple(root or ()), higher_is_better, nominal, allow_missing),
        tuple(train_on or ()),
        ProtocolOptions("splits", out, own.words(types), own.words(train_types), splits, num_splits, seed, resamples),
        MethodOptions(tuple(method or ("hiqa",)), recipe, generator, init_from, whole_views, vgg),
        ProtocolFiles(json_file, csv_file, overwrite, show_literature),
        Scoring(mode, stride, max_tiles=None),
        BackendOptions(device, precision, batch_size, threads, weights),
        quiet,
    )


def official(
    context: typer.Context,
    names: own.Databases,
    out: Out,
    root: Roots = None,
    higher_is_better: HigherIsBetter = None,
    nominal: NominalRange = None,
    allow_missing: AllowMissing = False,
    types: own.Types = None,
    train_types: TrainTypes = None,
    method: MethodNames = None,
    recipe: RecipeName = None,
    generator: GeneratorFolder = None,
    init_from: InitFrom = None,
    whole_views: WholeViews = False,
    vgg: Vgg = None,
    seed: own.Seed = own.DEFAULT_SEED,
    resamples: own.Resamples = own.DEFAULT_RESAMPLES,
    show_literature: own.ShowLiterature = False,
    json_file: own.JsonFile = None,
    csv_file: own.CsvFile = None,
    overwrite: common.Overwrite = False,
    device: common.Device = BackendOptions.device,
    mode: common.Mode = Scoring.mode,
    stride: common.Stride = Scoring.stride,
    precision: common.Precision = BackendOptions.precision,
    batch_size: common.BatchSize = BackendOptions.batch_size,
    threads: common.Threads = BackendOptions.threads,
    weights: common.WeightsFolder = BackendOptions.weights,
    quiet: common.Quiet = False,
) -> int:
    """Train and test on the split that a database is published with.

    \b
    hiqa evaluate official koniq10k --out runs/koniq
    """
    check_weights(context, method)
    return run(
        DatasetOptions(tuple(names), tuple(root or ()), higher_is_better, nominal, allow_missing),
        (),
        ProtocolOptions("official", out, own.words(types), own.words(train_types), None, None, seed, resamples),
        MethodOptions(tuple(method or ("hiqa",)), recipe, generator, init_from, whole_views, vgg),
        ProtocolFiles(json_file, csv_file, overwrite, show_literature),
        Scoring(mode, stride, max_tiles=None),
        BackendOptions(device, precision, batch_size, threads, weights),
        quiet,
    )


def cross(
    context: typer.Context,
    names: own.Databases,
    out: Out,
    train_on: TrainOn,
    root: Roots = None,
    higher_is_better: HigherIsBetter = None,
    nominal: NominalRange = None,
    allow_missing: AllowMissing = False,
    types: own.Types = None,
    train_types: TrainTypes = None,
    method: MethodNames = None,
    recipe: RecipeName = None,
    generator: GeneratorFolder = None,
    init_from: InitFrom = None,
    whole_views: WholeViews = False,
    vgg: Vgg = None,
    seed: own.Seed = own.DEFAULT_SEED,
    resamples: own.Resamples = own.DEFAULT_RESAMPLES,
    show_literature: own.ShowLiterature = False,
    json_file: own.JsonFile = None,
    csv_file: own.CsvFile = None,
    overwrite: common.Overwrite = False,
    device: common.Device = BackendOptions.device,
    mode: common.Mode = Scoring.mode,
    stride: common.Stride = Scoring.stride,
    precision: common.Precision = BackendOptions.precision,
    batch_size: common.BatchSize = BackendOptions.batch_size,
    threads: common.Threads = BackendOptions.threads,
    weights: common.WeightsFolder = BackendOptions.weights,
    quiet: common.Quiet = False,
) -> int:
    """Train on databases and test on others, without shared scenes.

    \b
    hiqa evaluate cross tid2008 --train-on live --types jpeg,blur --out runs/cross
    """
    check_weights(context, method)
    return run(
        DatasetOptions(tuple(names), tuple(root or ()), higher_is_better, nominal, allow_missing),
        tuple(train_on or ()),
        ProtocolOptions("cross", out, own.words(types), own.words(train_types), None, None, seed, resamples),
        MethodOptions(tuple(method or ("hiqa",)), recipe, generator, init_from, whole_views, vgg),
        ProtocolFiles(json_file, csv_file, overwrite, show_literature),
        Scoring(mode, stride, max_tiles=None),
        BackendOptions(device, precision, batch_size, threads, weights),
        quiet,
    )


def check_weights(context: typer.Context, methods: list[str] | None) -> None:
    """UsageError for --weights without a method that uses it; HIQA_WEIGHTS applies to all commands and is allowed."""
    if "weights" not in (methods or ()) and on_command_line(context, "weights"):
        raise UsageError("--weights goes with --method weights", "--generator and --init-from take weights too")


def run(
    given: DatasetOptions,
    train_on: tuple[str, ...],
    options: ProtocolOptions,
    methods: MethodOptions,
    files: ProtocolFiles,
    scoring: Scoring,
    backend: BackendOptions,
    quiet: bool,
) -> int:
    """Open the databases, tested ones first, and run the protocol; the exit code."""
    files.check()
    say = Messages(quiet=quiet)
    names = [*given.names, *(name for name in train_on if name not in given.names)]
    readings = open_and_describe(
        DatasetOptions(tuple(names), given.roots, given.higher_is_better, given.nominal, given.allow_missing), say
    )
    sources = [reading for name, reading in zip(names, readings, strict=True) if name in train_on]
    return evaluate_protocol(readings[: len(given.names)], sources, options, methods, files, scoring, backend, say)
