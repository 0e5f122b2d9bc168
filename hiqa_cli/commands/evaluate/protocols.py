"""`hiqa evaluate splits|official|cross`: train and test methods by the protocols of the field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from hiqa_cli.commands import options as common
from hiqa_cli.commands.datasets.options import DatasetOptions, open_and_describe
from hiqa_cli.commands.train.options import ReadyGenerator, Vgg, recipe
from hiqa_cli.commands.usage.groups import OptionGroup
from hiqa_cli.commands.usage.help import INPUT, OUTPUT, TRAINING, on_command_line
from hiqa_cli.commands.usage.values import one_of, whole_number
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
RecipeName = Annotated[str | None, recipe("best")]
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

SplitsFile = Annotated[
    Path | None,
    typer.Option(
        "--splits", metavar="FILE", help="Use the splits of a file instead of drawing.", rich_help_panel=INPUT
    ),
]
NumSplits = Annotated[
    int | None,
    typer.Option(
        "--num-splits",
        metavar="N",
        parser=whole_number("--num-splits", 1, 1000),
        show_default="10, or all of --splits",
        help="Number of splits.",
        rich_help_panel=INPUT,
    ),
]


def protocol_options(
    out: Path,
    types: str = "",
    train_types: str = "",
    splits: Path | None = None,
    num_splits: int | None = None,
    seed: int = ProtocolOptions.seed,
    resamples: int = ProtocolOptions.resamples,
) -> ProtocolOptions:
    """A protocol's options, lists of distortion types as typed: A,B."""
    return ProtocolOptions(out, own.words(types), own.words(train_types), splits, num_splits, seed, resamples)


TYPES = {"out": Out, "types": own.Types, "train_types": TrainTypes}
CHANCE = {"seed": own.Seed, "resamples": own.Resamples}
OneSplit = Annotated[ProtocolOptions, OptionGroup(protocol_options, **TYPES, **CHANCE)]
ManySplits = Annotated[
    ProtocolOptions, OptionGroup(protocol_options, **TYPES, splits=SplitsFile, num_splits=NumSplits, **CHANCE)
]
Methods = Annotated[
    MethodOptions,
    OptionGroup(
        MethodOptions,
        methods=MethodNames,
        recipe=RecipeName,
        generator=ReadyGenerator,
        init_from=InitFrom,
        whole_views=WholeViews,
        vgg=Vgg,
    ),
]
Files = Annotated[
    ProtocolFiles,
    OptionGroup(
        ProtocolFiles,
        json=own.JsonFile,
        csv=own.CsvFile,
        overwrite=common.Overwrite,
        show_literature=own.ShowLiterature,
    ),
]


def splits(
    context: typer.Context,
    tested: own.Tested,
    options: ManySplits,
    methods: Methods,
    files: Files,
    scoring: own.AllTilesScoring,
    backend: common.Computing,
    train_on: TrainOn = None,
    quiet: common.Quiet = False,
) -> int:
    """Train and test on random splits by scene; print medians.

    \b
    hiqa evaluate splits tid2013 --out runs/a --method hiqa --method baseline
    """
    check_weights(context, methods)
    return run(tested, tuple(train_on or ()), options, methods, files, scoring, backend, quiet)


def official(
    context: typer.Context,
    tested: own.Tested,
    options: OneSplit,
    methods: Methods,
    files: Files,
    scoring: own.AllTilesScoring,
    backend: common.Computing,
    quiet: common.Quiet = False,
) -> int:
    """Train and test on the split that a database is published with.

    \b
    hiqa evaluate official koniq10k --out runs/koniq
    """
    check_weights(context, methods)
    return run(tested, (), replace(options, protocol="official"), methods, files, scoring, backend, quiet)


def cross(
    context: typer.Context,
    tested: own.Tested,
    options: OneSplit,
    methods: Methods,
    files: Files,
    scoring: own.AllTilesScoring,
    backend: common.Computing,
    train_on: TrainOn,
    quiet: common.Quiet = False,
) -> int:
    """Train on databases and test on others, without shared scenes.

    \b
    hiqa evaluate cross tid2008 --train-on live --types jpeg,blur --out runs/cross
    """
    check_weights(context, methods)
    options = replace(options, protocol="cross")
    return run(tested, tuple(train_on or ()), options, methods, files, scoring, backend, quiet)


def check_weights(context: typer.Context, methods: MethodOptions) -> None:
    """UsageError for --weights without a method that uses it; HIQA_WEIGHTS applies to all commands and is allowed."""
    if "weights" not in methods.methods and on_command_line(context, "weights"):
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
    datasets = open_and_describe(replace(given, names=tuple(names)), say)
    sources = [dataset for name, dataset in zip(names, datasets, strict=True) if name in train_on]
    return evaluate_protocol(datasets[: len(given.names)], sources, options, methods, files, scoring, backend, say)
