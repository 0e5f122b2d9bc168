"""`hiqa evaluate`: measure weights against people's scores on databases, or reproducibly on clean pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import typer

from hiqa_cli.commands.dataset_options import (
    AllowMissing,
    DatasetNames,
    DatasetOptions,
    HigherIsBetter,
    NominalRange,
    Roots,
    open_datasets,
)
from hiqa_cli.commands.options import BatchSize, Device, Mode, Overwrite, Precision, Quiet, Threads, WeightsFolder
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.engine.config import DEFAULT_MODE, DEFAULT_STRIDE, Scoring
from hiqa_cli.errors import UsageError
from hiqa_cli.output_checks import check_new_file
from hiqa_cli.scoring.options import BackendOptions

from . import options as own
from .databases import EvaluationOptions, ResultFiles, evaluate_databases
from .pictures import PictureMeasures, evaluate_pictures
from .protocol import ProtocolOptions, evaluate_protocol

if TYPE_CHECKING:
    from hiqa_train.datasets import Dataset
    from hiqa_train.evaluation.images import PartName


def evaluate(
    context: typer.Context,
    dataset: DatasetNames = None,
    root: Roots = None,
    higher_is_better: HigherIsBetter = None,
    nominal: NominalRange = None,
    allow_missing: AllowMissing = False,
    part: own.Part = None,
    types: own.Types = None,
    splits: own.SplitsFile = None,
    split: own.SplitNumber = None,
    unseen: own.Unseen = False,
    resamples: own.Resamples = 1000,
    seed: own.Seed = 0,
    show_literature: own.ShowLiterature = False,
    no_cache: own.NoCache = False,
    protocol: own.Protocol = None,
    out: own.Out = None,
    method: own.MethodNames = None,
    recipe: own.RecipeName = None,
    train_on: own.TrainOn = None,
    train_types: own.TrainTypes = None,
    generator: own.GeneratorFolder = None,
    init_from: own.InitFrom = None,
    whole_views: own.WholeViews = False,
    vgg: own.Vgg = None,
    num_splits: own.NumSplits = None,
    ladders: own.Ladders = None,
    gains: own.Gains = None,
    uncertainty: own.Uncertainty = None,
    people: own.People = None,
    scores: own.PeopleScores = None,
    offsets: own.PeopleOffsets = None,
    modes: own.Modes = None,
    modes_pictures: own.ModesPictures = None,
    sampling: own.Sampling = None,
    speed: own.Speed = False,
    leave_out: own.LeaveOut = None,
    mode: Mode = None,
    stride: own.Stride = None,
    json_file: own.JsonFile = None,
    csv_file: own.CsvFile = None,
    plot: own.PlotFile = None,
    overwrite: Overwrite = False,
    weights: WeightsFolder = None,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: BatchSize = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> int:
    """Measure the weights: with --dataset against people's scores, else on folders of clean pictures.

    --dataset takes a database that hiqa datasets lists, or a table of your own. With --protocol networks
    are trained and tested on it, split by split, in place of measuring given weights. --ladders, --gains,
    --uncertainty and --people take a folder of clean pictures; --people Kodak's 24, with --scores and
    --offsets. --modes takes BIQ2021's folder, --sampling one of large photographs.
    """
    say = Messages(quiet=quiet)
    engine = BackendOptions(device, precision, batch_size, threads, weights)
    step = stride or DEFAULT_STRIDE
    scoring = Scoring(mode=mode or DEFAULT_MODE, stride=step, max_tiles=None)  # pictures are scored whole
    pictures = PictureMeasures(
        ladders,
        gains,
        uncertainty,
        people,
        scores,
        offsets,
        modes,
        modes_pictures,
        sampling,
        speed,
        tuple(leave_out or ()),
    )
    of_databases: dict[str, object] = {
        "--part": part,
        "--types": types,
        "--splits": splits,
        "--split": split,
        "--unseen": unseen,
        "--show-literature": show_literature,
        "--csv": csv_file,
        "--plot": plot,
        "--protocol": protocol,
        "--mode": mode,
    }
    of_protocols: dict[str, object] = {
        "--out": out,
        "--method": method,
        "--recipe": recipe,
        "--train-on": train_on,
        "--train-types": train_types,
        "--generator": generator,
        "--init-from": init_from,
        "--whole-views": whole_views,
        "--vgg": vgg,
        "--num-splits": num_splits,
    }
    if bool(dataset) == pictures.asked:
        what = "--dataset and measures on clean pictures do not go together" if dataset else "nothing to measure"
        raise UsageError(what, "give --dataset, or one of the measures that hiqa evaluate --help lists")
    if not dataset:
        refuse(of_databases | of_protocols, "goes with --dataset")
        check_new_file(json_file, "--json", overwrite)
        evaluate_pictures(pictures, engine, step, json_file, say)
        return ExitCode.OK
    names = [*dataset, *(name for name in train_on or [] if name not in dataset)]
    given = DatasetOptions(tuple(names), tuple(root or ()), higher_is_better, nominal, allow_missing)
    if protocol is None:
        refuse(of_protocols, "goes with --protocol")
        readings = opened(given, say)
        question = EvaluationOptions(
            cast("PartName | None", part),
            words(types),
            splits,
            split,
            unseen,
            resamples,
            seed,
            show_literature,
            not no_cache,
        )
        evaluate_databases(readings, question, engine, scoring, ResultFiles(json_file, csv_file, plot, overwrite), say)
        return ExitCode.OK
    if weights is not None and "weights" not in (method or ()) and given_by_hand(context, "weights"):
        raise UsageError("--weights goes with --method weights", "--generator and --init-from take weights too")
    refuse({"--part": part, "--split": split, "--unseen": unseen, "--plot": plot}, "does not go with --protocol")
    readings = opened(given, say)
    asked = ProtocolOptions(
        protocol=cast("Literal['splits', 'official', 'cross']", protocol),
        out=out,
        methods=tuple(method or ("hiqa",)),
        recipe=recipe,
        types=words(types),
        source_types=words(train_types),
        splits=splits,
        num_splits=num_splits,
        seed=seed,
        generator=generator,
        init_from=init_from,
        whole_views=whole_views,
        vgg=vgg,
        show_literature=show_literature,
        resamples=resamples,
        scoring=scoring,
        json=json_file,
        csv=csv_file,
        overwrite=overwrite,
    )
    trained = [reading for name, reading in zip(names, readings, strict=True) if name in (train_on or [])]
    return evaluate_protocol(readings[: len(dataset)], trained, asked, engine, say)


def given_by_hand(context: typer.Context, name: str) -> bool:
    """Whether an option stands in the command line; HIQA_WEIGHTS in the environment is for all commands."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def opened(given: DatasetOptions, say: Messages) -> list[Dataset]:
    """The databases, with a line on each: n of N, the first missing file, its scale, and what else is to know."""
    readings = open_datasets(given)
    for reading in readings:
        say.warn("; ".join([reading.coverage(), *reading.notes]))
    return readings


def words(text: str | None) -> tuple[str, ...]:
    """ "a, b" -> ("a", "b")."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def refuse(options: dict[str, object], reason: str) -> None:
    """UsageError for the first of the options that was given."""
    for name, value in options.items():
        if value not in (None, False):
            raise UsageError(f"{name} {reason}", "see hiqa evaluate --help")
