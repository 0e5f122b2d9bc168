"""`hiqa evaluate database`: agreement of scores with people's, on published databases and on tables of your own."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hiqa_cli.commands import options as common
from hiqa_cli.commands.datasets.options import DatasetOptions, open_and_describe
from hiqa_cli.commands.usage.groups import OptionGroup
from hiqa_cli.commands.usage.help import INPUT, OUTPUT, SCORING
from hiqa_cli.commands.usage.values import one_of, whole_number
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.streams import write_output
from hiqa_cli.engine.backends.cache import user_cache
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.manifest import default_folder, read_manifest
from hiqa_cli.errors import UsageError
from hiqa_cli.scoring.jobs import load_scorer
from hiqa_cli.scoring.options import BackendOptions

from . import options as own
from .agreement_text import measure_lines, published_lines
from .result_files import ResultFiles

if TYPE_CHECKING:
    from hiqa_train.data.splits import SceneSplit
    from hiqa_train.evaluation.images import ImageSelection, PartName
    from hiqa_train.evaluation.predict import Prediction
    from hiqa_train.evaluation.result import DatabaseResult

ONLY_SPEED = ("batch_size", "threads")  # settings that scores do not depend on
PARTS: tuple[PartName, ...] = ("test", "validation", "training", "all")

Part = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="|".join(PARTS),
        parser=one_of("--part", PARTS),
        show_default="test if the database has one, else all",
        help="Images to measure.",
        rich_help_panel=INPUT,
    ),
]
SplitsFile = Annotated[
    Path | None,
    typer.Option(
        "--splits", metavar="FILE", help="File of splits by scene that defines the parts.", rich_help_panel=INPUT
    ),
]
SplitNumber = Annotated[
    int | None,
    typer.Option(
        "--split",
        metavar="N",
        parser=whole_number("--split", 0),
        help="Number of a split of --splits, from 0.",
        rich_help_panel=INPUT,
    ),
]
Unseen = Annotated[
    bool, typer.Option("--unseen", help="Leave out scenes the weights were trained on.", rich_help_panel=INPUT)
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither reuse nor keep scores.", rich_help_panel=SCORING)]
Plot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Plot published scores over hiqa's as PNG.", rich_help_panel=OUTPUT),
]


@dataclass(frozen=True)
class EvaluationOptions:
    """Which images are measured, and how.

    part: None for the test part of a database that has one, else all. splits, split: a file of splits and the number
    of one. unseen: leave out scenes the weights were trained on. cached: keep scores and reuse them.
    """

    part: PartName | None
    types: tuple[str, ...]
    splits: Path | None
    split: int | None
    unseen: bool
    resamples: int
    seed: int
    cached: bool


def evaluation_options(
    part: PartName | None = None,
    types: str = "",
    splits: Path | None = None,
    split: int | None = None,
    unseen: bool = False,
    resamples: int = own.DEFAULT_RESAMPLES,
    seed: int = 0,
    no_cache: bool = False,
) -> EvaluationOptions:
    """The options as typed: types as A,B. UsageError for a file of splits without a number."""
    if (splits is None) != (split is None):
        raise UsageError("--splits FILE and --split N go together")
    return EvaluationOptions(part, own.words(types), splits, split, unseen, resamples, seed, not no_cache)


Selection = Annotated[
    EvaluationOptions,
    OptionGroup(
        evaluation_options,
        part=Part,
        types=own.Types,
        splits=SplitsFile,
        split=SplitNumber,
        unseen=Unseen,
        resamples=own.Resamples,
        seed=own.Seed,
        no_cache=NoCache,
    ),
]
Files = Annotated[
    ResultFiles,
    OptionGroup(ResultFiles, json=own.JsonFile, csv=own.CsvFile, plot=Plot, overwrite=common.Overwrite),
]


def database(
    tested: own.Tested,
    options: Selection,
    files: Files,
    scoring: own.AllTilesScoring,
    backend: common.Computing,
    show_literature: own.ShowLiterature = False,
    quiet: common.Quiet = False,
) -> int:
    """Measure agreement with human scores on databases or tables.

    Prints SROCC, PLCC, RMSE and KROCC by distortion type, with confidence
    intervals. Names are those of hiqa datasets; a table is a CSV file with the
    columns path and score.

    \b
    hiqa evaluate database tid2013 --show-literature
    hiqa evaluate database my.csv --higher-is-better --range 1 5
    """
    evaluate_databases(tested, options, backend, scoring, files, show_literature, Messages(quiet=quiet))
    return ExitCode.OK


def evaluate_databases(
    given: DatasetOptions,
    options: EvaluationOptions,
    backend: BackendOptions,
    scoring: Scoring,
    files: ResultFiles,
    show_literature: bool,
    say: Messages,
) -> None:
    """Score the images, print a table for each database, and write the files."""
    from hiqa_train.data.leakage import trained_scenes
    from hiqa_train.evaluation.images import select_images

    datasets = open_and_describe(given, say)
    files.check([dataset.name for dataset in datasets])
    rule = split_rule(options)
    choices = [select_images(dataset, options.part, split=rule, types=options.types) for dataset in datasets]
    trained = trained_scenes(backend.weights)
    chosen = [without_trained(choice, options, trained.scenes) for choice in choices]
    if trained.scenes is None:
        say.warn(f"weights {trained.weights_id} do not record their training scenes: make sure that none is tested")
    evaluator = DatabaseEvaluator(options, backend, scoring, say)
    results = [evaluator.measure(choice, left_out, trained.scenes is not None) for choice, left_out in chosen]
    for result in results:
        write_output("\n".join(measure_lines(result, trained.weights_id)) + "\n")
        if show_literature:
            write_output("\n".join(["", *published_lines(result)]) + "\n")
        write_output("\n" if result is not results[-1] else "")
    files.write(results, trained.weights_id, evaluator.settings())


def split_rule(options: EvaluationOptions) -> SceneSplit | None:
    """The split that the options name, or None. UsageError if the file has no split of that number."""
    from hiqa_train.data.splits import read_splits

    if options.splits is None or options.split is None:
        return None
    rules = read_splits(options.splits).splits
    if options.split >= len(rules):
        raise UsageError(f"--split: {options.splits} has splits 0 to {len(rules) - 1}, found {options.split}")
    return rules[options.split]


def without_trained(
    choice: ImageSelection, options: EvaluationOptions, trained: frozenset[str] | None
) -> tuple[ImageSelection, list[str]]:
    """The images without those of training scenes if --unseen was given; and the scenes left out.

    UsageError if images of training scenes would be measured, other than for the part "training".
    """
    from hiqa_train.data.leakage import exclude_scenes, shared_scenes

    shared = shared_scenes(trained or (), choice.scenes)
    if not shared or choice.part == "training":
        return choice, []
    name = choice.dataset.name
    if not options.unseen:
        raise UsageError(
            f"{name}: the weights were trained on {len(shared)} of {len(choice.scenes)} scenes, such as {shared[0]}",
            "leave these out with --unseen, or measure them with --part training",
        )
    samples = exclude_scenes(choice.samples, shared)
    if not samples:
        raise UsageError(f"{name}: the weights were trained on every scene of the {choice.part} part")
    return replace(choice, samples=samples), shared


class DatabaseEvaluator:
    """Scores the images of databases with one set of weights and measures the agreement."""

    def __init__(self, options: EvaluationOptions, backend: BackendOptions, scoring: Scoring, say: Messages) -> None:
        self._options, self._scoring, self._say = options, scoring, say
        self._scorer = load_scorer(backend, say)
        self._measured = read_manifest(default_folder() if backend.weights is None else backend.weights).measured

    def settings(self) -> dict[str, Any]:
        """What the results depend on."""
        drawn = {"resamples": self._options.resamples, "seed": self._options.seed}
        return {**self._scorer.settings, **asdict(self._scoring), **drawn}

    def measure(self, choice: ImageSelection, left_out: list[str], scenes_known: bool) -> DatabaseResult:
        """Agreement on one database. scenes_known: whether the weights record their training scenes."""
        from hiqa_train.evaluation.result import measure_selection

        return measure_selection(
            choice,
            self._predictions(choice),
            weights=self._measured,
            resamples=self._options.resamples,
            seed=self._options.seed,
            left_out=left_out,
            scenes_recorded=scenes_known,
        )

    def _predictions(self, choice: ImageSelection) -> list[Prediction]:
        from hiqa_train.evaluation.predict import WeightsPredictor, predict_all
        from hiqa_train.evaluation.score_cache import ScoreCache

        progress = ImageProgress(len(choice.samples), enabled=not self._say.quiet)
        try:
            with ScoreCache(self._cache_file(choice) if self._options.cached else None) as cache:
                if len(cache):
                    self._say.warn(f"{choice.dataset.name}: reusing {len(cache):,} scores of {cache.path}")
                predictions = predict_all(
                    lambda: WeightsPredictor(self._scorer, self._scoring),
                    choice.samples,
                    choice.dataset.root,
                    cache,
                    advance=progress.advance,
                )
        finally:
            progress.close()
        assert predictions is not None  # it was given no stop signal
        return predictions

    def _cache_file(self, choice: ImageSelection) -> Path | None:
        """The file of a database's scores: its name depends on everything that changes a score.

        None without a cache: the user has no home folder.
        """
        try:
            folder = user_cache() / "scores"
        except FileNotFoundError:
            return None
        key = {name: value for name, value in self._scorer.settings.items() if name not in ONLY_SPEED} | {
            **asdict(self._scoring),
            "root": os.fspath(choice.dataset.root.resolve()),
        }
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        return folder / f"{choice.dataset.name}-{self._scorer.weights_id}-{digest}.jsonl"
