"""A run of a protocol: train and test methods split by split, report medians over the splits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from hiqa_cli.commands.train.setup import choose_vgg
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress, ProgressLine, StageProgress
from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import count, escape_for_terminal
from hiqa_cli.engine.config import Scoring
from hiqa_cli.errors import UsageError
from hiqa_cli.files.atomic import write_json
from hiqa_cli.files.output_checks import check_new_file
from hiqa_cli.scoring.options import BackendOptions

from .agreement_text import literature_lines, row_lines, summary_lines
from .options import DEFAULT_RESAMPLES
from .result_files import write_csv

if TYPE_CHECKING:
    from hiqa_train.datasets import Dataset
    from hiqa_train.evaluation.protocols.eval_splits import EvaluationSplit, Study
    from hiqa_train.evaluation.protocols.methods import Method
    from hiqa_train.evaluation.protocols.protocol import SplitResult
    from hiqa_train.evaluation.protocols.summary import Summary
    from hiqa_train.trainer.metrics_log import Progress


@dataclass(frozen=True)
class ProtocolOptions:
    """What is trained and tested.

    types, source_types: distortion types that are tested and trained on; empty: all.
    splits: a file of splits instead of ones drawn with `seed`. num_splits: how many are drawn, or taken from the file.
    resamples: bootstrap samples for the intervals of a single split; several splits show their own spread.
    """

    out: Path
    types: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()
    splits: Path | None = None
    num_splits: int | None = None
    seed: int = 0
    resamples: int = DEFAULT_RESAMPLES
    protocol: Literal["splits", "official", "cross"] = "splits"


@dataclass(frozen=True)
class MethodOptions:
    """The methods, by the names of --method, and how hiqa is trained.

    generator: weights, or a run, whose G is used for all splits. init_from: weights, or a run, whose R initialises each
    training.
    whole_views: run G on whole images.
    """

    methods: tuple[str, ...] = ("hiqa",)
    recipe: str | None = None
    generator: Path | None = None
    init_from: Path | None = None
    whole_views: bool = False
    vgg: str | None = None


@dataclass(frozen=True)
class ProtocolFiles:
    """Results to write in addition to the printed tables and the files in --out."""

    json: Path | None = None
    csv: Path | None = None
    overwrite: bool = False
    show_literature: bool = False

    def check(self) -> None:
        """UsageError if a file cannot be written, or exists and must not be replaced."""
        check_new_file(self.json, "--json", self.overwrite)
        check_new_file(self.csv, "--csv", self.overwrite)


def evaluate_protocol(
    targets: list[Dataset],
    sources: list[Dataset],
    options: ProtocolOptions,
    methods: MethodOptions,
    files: ProtocolFiles,
    scoring: Scoring,
    backend: BackendOptions,
    say: Messages,
) -> int:
    """Run or resume a protocol, print medians with their spread, write the files; the exit code."""
    import torch

    from hiqa_train.evaluation.protocols.eval_splits import Study
    from hiqa_train.evaluation.protocols.protocol import run_protocol
    from hiqa_train.evaluation.protocols.summary import summarise
    from hiqa_train.trainer.loop import StopSignal

    if methods.whole_views and methods.generator is None:
        raise UsageError("--whole-views needs --generator DIR", "a G in training cannot be applied in advance")
    if backend.threads is not None:
        torch.set_num_threads(backend.threads)  # for training; the scorer sets its own
    study = Study(tuple(sources or targets), tuple(targets), options.types, options.source_types)
    splits = make_splits(study, options, say)
    chosen = [make_method(name, study, options, methods, scoring, backend, say) for name in methods.methods]
    stop = StopSignal()
    results = run_protocol(
        options.protocol,
        splits,
        chosen,
        options.out,
        stop=stop,
        report=say.warn,
        progress=partial(scoring_progress, say),
        resamples=options.resamples if len(splits) == 1 else 0,
    )
    if results is None:
        say.warn("stopped; run the same command again to resume")
        return 128 + stop.signal
    summaries = [row for method in chosen for row in summarise(results[method.name])]
    print_results(study, splits, results, summaries, options, files.show_literature)
    write_files(summaries, splits, options, files)
    return ExitCode.OK


def make_splits(study: Study, options: ProtocolOptions, say: Messages) -> list[EvaluationSplit]:
    """The splits of the protocol; those by scene are also written to splits.json in --out."""
    from hiqa_train.data.splits import COUNT, draw_splits, read_splits, write_splits
    from hiqa_train.data.training_split import split_databases
    from hiqa_train.evaluation.protocols.eval_splits import cross_database_split, evaluation_splits

    if options.protocol == "cross":
        eval_split = cross_database_split(study, options.seed)
        for test in eval_split.tests:
            if test.left_out:
                say.warn(
                    f"{test.dataset.name}: {count(len(test.left_out), 'scene')} not tested because the training "
                    f"databases contain, or may contain, them: {', '.join(test.left_out)}"
                )
        return [eval_split]
    if options.protocol == "official":
        for dataset in study.datasets:
            if not all(sample.split for sample in dataset.samples):
                raise UsageError(f"{dataset.name} has no official split", "use hiqa evaluate splits")
        splits = split_databases(study.datasets, options.seed)[2]
    elif options.splits is not None:
        splits = read_splits(options.splits)
        if options.num_splits is not None:
            splits = dataclasses.replace(splits, splits=splits.splits[: options.num_splits])
    else:
        splits = draw_splits(study.datasets, seed=options.seed, count=options.num_splits or COUNT)
    eval_splits = evaluation_splits(study, splits)
    write_splits(options.out / "splits.json", splits, study.datasets)
    return eval_splits


def make_method(
    name: str,
    study: Study,
    options: ProtocolOptions,
    methods: MethodOptions,
    scoring: Scoring,
    backend: BackendOptions,
    say: Messages,
) -> Method:
    """The method of that name."""
    from hiqa_train.evaluation.protocols.ablation import variant
    from hiqa_train.evaluation.protocols.baselines import Gmsd, NaturalScenes
    from hiqa_train.evaluation.protocols.methods import GivenWeights, Loading, TrainedHiqa
    from hiqa_train.recipes.loader import DEFAULT, load_recipe
    from hiqa_train.runs.options import RunOptions

    loading = Loading(backend.device, backend.precision, backend.batch_size, backend.threads, scoring)
    if name == "weights":
        return GivenWeights(backend.weights, loading)
    if name == "nss":
        return NaturalScenes(options.out / "nss" / "features.jsonl")
    if name == "gmsd":
        return Gmsd()
    kind = cast("Literal['hiqa', 'baseline']", name)
    recipe = load_recipe(methods.recipe or DEFAULT)
    if kind == "baseline":
        recipe = variant(recipe, "BL")
    generator = methods.generator if kind == "hiqa" else None
    has_references = any(dataset.has_references for dataset in study.sources)
    recipe, vgg = choose_vgg(
        recipe, methods.vgg, RunOptions(generator=generator), say.warn, has_references=has_references
    )
    return TrainedHiqa(
        recipe,
        loading,
        options.seed,
        generator=generator,
        vgg=vgg,
        kind=kind,
        progress=partial(training_progress, say),
        init_regressor=methods.init_from,
        cached_features=methods.whole_views,
        has_references=has_references,
    )


@contextmanager
def scoring_progress(say: Messages, images: int) -> Iterator[Callable[[], None]]:
    """A progress line while images are scored; yields a function to call after each."""
    progress = ImageProgress(images, enabled=not say.quiet)
    with _messages_above(progress, say):
        yield progress.advance


@contextmanager
def training_progress(say: Messages) -> Iterator[Callable[[Progress], None]]:
    """A progress line while a network is trained; yields a function that takes the progress."""
    progress = StageProgress(enabled=not say.quiet)
    with _messages_above(progress, say):
        yield progress.advance


@contextmanager
def _messages_above(progress: ProgressLine, say: Messages) -> Iterator[None]:
    say.clear = progress.cleared
    try:
        yield
    finally:
        say.clear = nullcontext
        progress.close()


def print_results(
    study: Study,
    splits: list[EvaluationSplit],
    results: dict[str, list[SplitResult]],
    summaries: list[Summary],
    options: ProtocolOptions,
    show_literature: bool,
) -> None:
    """Print a table for each tested database."""
    from hiqa_train.evaluation.agreement import ALL
    from hiqa_train.evaluation.published import published_for

    trained = ", ".join(dataset.name for dataset in study.sources)
    for dataset in study.targets:
        rows = [row for row in summaries if row.database == dataset.name]
        where = f"trained on {trained}" if study.across else "trained on the other scenes"
        divided = "" if options.protocol == "cross" else f"{count(len(splits), 'split')} by scene, "
        lines = [escape_for_terminal(f"{dataset.title}: {divided}{where}; seed {options.seed}; {dataset.scale}")]
        if len(splits) > 1:
            lines += summary_lines(rows)
        else:
            for method, found in results.items():
                lines += row_lines(method, found[0].databases[dataset.name])
        if show_literature:
            first = [row for row in rows if row.method == rows[0].method]
            medians = {row.type: row.measures["srocc"].median for row in first}
            plcc = next(row.measures["plcc"].median for row in first if row.type == ALL)
            published = published_for(dataset.name, trained if study.across else "")
            lines += ["", *literature_lines(f"{first[0].method}, here", medians, plcc, published)]
        write_output("\n".join(lines) + ("\n\n" if dataset is not study.targets[-1] else "\n"))


def write_files(
    summaries: list[Summary], splits: list[EvaluationSplit], options: ProtocolOptions, files: ProtocolFiles
) -> None:
    """Write each method's summary to --out, and the files that were requested."""
    from hiqa_train.evaluation.agreement import FIT
    from hiqa_train.evaluation.protocols.summary import COLUMNS, summary_cells, summary_object

    def data(rows: list[Summary]) -> dict[str, Any]:
        return {
            "protocol": options.protocol,
            "seed": options.seed,
            "splits": len(splits),
            "fit": FIT,
            "summary": [summary_object(row) for row in rows],
        }

    for method in dict.fromkeys(summary.method for summary in summaries):
        write_json(options.out / method / "summary.json", data([row for row in summaries if row.method == method]))
    if files.json is not None:
        write_json(files.json, data(summaries))
    if files.csv is not None:
        write_csv(files.csv, [COLUMNS, *map(summary_cells, summaries)])
