"""`hiqa evaluate --protocol`: methods trained and tested by the field's protocols, medians over splits reported."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from hiqa_cli.atomic import write_bytes, write_json
from hiqa_cli.commands.train_setup import choose_vgg
from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress, ProgressLine, StageProgress
from hiqa_cli.console.text import count, escape_for_terminal
from hiqa_cli.engine.config import Scoring
from hiqa_cli.errors import UsageError
from hiqa_cli.output_checks import check_new_file
from hiqa_cli.scoring.options import BackendOptions
from hiqa_cli.scoring.row_printer import write

from .agreement_text import beside_published, row_lines, summary_lines

if TYPE_CHECKING:
    from hiqa_train.datasets import Dataset
    from hiqa_train.evaluation.protocols.folds import Fold, Study
    from hiqa_train.evaluation.protocols.methods import Method
    from hiqa_train.evaluation.protocols.protocol import FoldResult
    from hiqa_train.evaluation.protocols.summary import Summary
    from hiqa_train.trainer.metrics_log import Progress


@dataclass(frozen=True)
class ProtocolOptions:
    """What is run.

    resamples: for the intervals where there is one split; several tell their own spread.
    protocol: "splits", "official" (the division that the databases come with) or "cross". methods: words of --method.
    types, source_types: distortion types that are tested and trained on; all where none is named.
    splits: a file of divisions in place of ones drawn with `seed`; num_splits: how many
    are drawn, or taken from the file.
    generator: a ready G for all splits. init_from: the R that each begins with. whole_views: G looks at whole images.
    """

    protocol: Literal["splits", "official", "cross"]
    out: Path | None
    methods: tuple[str, ...]
    recipe: str | None
    types: tuple[str, ...]
    source_types: tuple[str, ...]
    splits: Path | None
    num_splits: int | None
    seed: int
    generator: Path | None
    init_from: Path | None
    whole_views: bool
    vgg: str | None
    show_literature: bool
    resamples: int
    scoring: Scoring
    json: Path | None
    csv: Path | None
    overwrite: bool


def evaluate_protocol(
    targets: list[Dataset],
    sources: list[Dataset],
    question: ProtocolOptions,
    engine: BackendOptions,
    say: Messages,
) -> int:
    """Run a protocol, or go on with it, print medians with their spread, write the files; the exit code."""
    import torch

    from hiqa_train.evaluation.protocols.folds import Study
    from hiqa_train.evaluation.protocols.protocol import run_protocol
    from hiqa_train.evaluation.protocols.summary import summarise
    from hiqa_train.trainer.loop import StopSignal

    if question.out is None:
        raise UsageError("--protocol needs --out DIR, where finished splits are kept")
    if question.whole_views and question.generator is None:
        raise UsageError("--whole-views needs --generator DIR", "a G that is trained on the way changes its mind")
    check_new_file(question.json, "--json", question.overwrite)
    check_new_file(question.csv, "--csv", question.overwrite)
    if engine.threads is not None:
        torch.set_num_threads(engine.threads)  # of training; the scorer sets its own
    study = Study(tuple(sources or targets), tuple(targets), question.types, question.source_types)
    folds = _folds(study, question, question.out, say)
    methods = [_method(word, study, question, question.out, engine, say) for word in question.methods]
    stop = StopSignal()
    results = run_protocol(
        question.protocol,
        folds,
        methods,
        question.out,
        stop=stop,
        tell=say.warn,
        progress=partial(_scoring, say),
        resamples=question.resamples if len(folds) == 1 else 0,
    )
    if results is None:
        say.warn("stopped; the same command goes on from here")
        return 128 + stop.asked
    summaries = [row for method in methods for row in summarise(results[method.name])]
    _show(study, folds, results, summaries, question)
    _write_files(summaries, folds, question, question.out)
    return ExitCode.OK


def _folds(study: Study, question: ProtocolOptions, out: Path, say: Messages) -> list[Fold]:
    """The folds of the protocol; the division they come from is written for others to use."""
    from hiqa_train.data.splits import COUNT, draw_splits, read_splits, write_splits
    from hiqa_train.data.training_split import split_databases
    from hiqa_train.evaluation.protocols.folds import cross_fold, split_folds

    if question.protocol != "splits" and (question.splits is not None or question.num_splits is not None):
        raise UsageError("--splits and --num-splits go with --protocol splits")
    if question.protocol == "cross":
        if not study.across:
            raise UsageError("--protocol cross needs --train-on NAME", "a database other than --dataset")
        fold = cross_fold(study, question.seed)
        for test in fold.tests:
            if test.left_out:
                say.warn(
                    f"{test.reading.name}: {count(len(test.left_out), 'scene')} not tested, since they are, or may be, "
                    f"trained on: {', '.join(test.left_out)}"
                )
        return [fold]
    if question.protocol == "official":
        without = [reading.name for reading in study.readings if not all(s.split for s in reading.samples)]
        if without or study.across:
            raise UsageError(
                f"{(without or [study.targets[0].name])[0]} has no division of its own to be trained and tested by",
                "give --protocol splits",
            )
        splits = split_databases(study.readings, question.seed)[2]
    elif question.splits is not None:
        splits = read_splits(question.splits)
        if question.num_splits is not None:
            splits = dataclasses.replace(splits, divisions=splits.divisions[: question.num_splits])
    else:
        splits = draw_splits(study.readings, seed=question.seed, count=question.num_splits or COUNT)
    folds = split_folds(study, splits)
    write_splits(out / "splits.json", splits, study.readings)
    return folds


def _method(
    word: str, study: Study, question: ProtocolOptions, out: Path, engine: BackendOptions, say: Messages
) -> Method:
    from hiqa_train.evaluation.protocols.baselines import Gmsd, NaturalScenes
    from hiqa_train.evaluation.protocols.methods import GivenWeights, Loading, TrainedHiqa
    from hiqa_train.recipes.loader import DEFAULT, load_recipe
    from hiqa_train.runs.ablation import variant
    from hiqa_train.runs.run import RunOptions

    loading = Loading(engine.device, engine.precision, engine.batch_size, engine.threads, question.scoring)
    if word in ("hiqa", "baseline"):
        recipe = load_recipe(question.recipe or DEFAULT)
        has_references = any(reading.has_references for reading in study.sources)
        kind = cast("Literal['hiqa', 'alone']", word)
        if kind == "baseline":
            recipe = variant(recipe, "BL")
        generator = question.generator if kind == "hiqa" else None
        options = RunOptions(generator=generator)
        recipe, vgg = choose_vgg(recipe, question.vgg, options, say.warn, has_references=has_references)
        return TrainedHiqa(
            recipe,
            loading,
            question.seed,
            generator,
            vgg,
            kind,
            partial(_watching, say),
            question.init_from,
            question.whole_views,
        )
    if word == "weights":
        return GivenWeights(engine.weights, loading)
    return NaturalScenes(out / "nss" / "features.jsonl") if word == "nss" else Gmsd()


@contextmanager
def _scoring(say: Messages, images: int) -> Iterator[Callable[[], None]]:
    """A progress line while so many images are scored; gives what is called after each."""
    progress = ImageProgress(images, wanted=not say.quiet)
    with _shown(progress, say):
        yield progress.advance


@contextmanager
def _watching(say: Messages) -> Iterator[Callable[[Progress], None]]:
    """A progress line while a network is trained."""
    progress = StageProgress(wanted=not say.quiet)
    with _shown(progress, say):
        yield progress.advance


@contextmanager
def _shown(progress: ProgressLine, say: Messages) -> Iterator[None]:
    """Messages are written between drawings of the line, which is gone at the end."""
    say.clear = progress.cleared
    try:
        yield
    finally:
        say.clear = nullcontext
        progress.close()


def _show(
    study: Study,
    folds: list[Fold],
    results: dict[str, list[FoldResult]],
    summaries: list[Summary],
    question: ProtocolOptions,
) -> None:
    from hiqa_train.evaluation.agreement import ALL

    trained = ", ".join(reading.name for reading in study.sources)
    for reading in study.targets:
        mine = [row for row in summaries if row.database == reading.name]
        where = f"trained on {trained}" if study.across else "trained on the other scenes"
        divided = "" if question.protocol == "cross" else f"{count(len(folds), 'split')} by scene, "
        lines = [escape_for_terminal(f"{reading.title}: {divided}{where}; seed {question.seed}; {reading.scale}")]
        if len(folds) > 1:
            lines += summary_lines(mine)
        else:
            for method, found in results.items():
                lines += row_lines(method, found[0].databases[reading.name])
        write("\n".join(lines) + "\n")
        if question.show_literature:
            from hiqa_train.evaluation.published import published_for

            first = [row for row in mine if row.method == mine[0].method]
            medians = {row.type: row.measures["srocc"].median for row in first}
            plcc = next(row.measures["plcc"].median for row in first if row.type == ALL)
            found = published_for(reading.name, trained if study.across else "")
            write("\n".join(["", *beside_published(f"{first[0].method}, here", medians, plcc, found)]) + "\n")
        write("\n" if reading is not study.targets[-1] else "")


def _write_files(summaries: list[Summary], folds: list[Fold], question: ProtocolOptions, out: Path) -> None:
    from hiqa_train.evaluation.agreement import FIT
    from hiqa_train.evaluation.protocols.summary import COLUMNS, summary_cells, summary_object

    from .databases import csv_bytes

    def data(rows: list[Summary]) -> dict[str, Any]:
        return {
            "protocol": question.protocol,
            "seed": question.seed,
            "splits": len(folds),
            "fit": FIT,
            "summary": [summary_object(row) for row in rows],
        }

    for method in dict.fromkeys(summary.method for summary in summaries):
        write_json(out / method / "summary.json", data([row for row in summaries if row.method == method]))
    if question.json is not None:
        write_json(question.json, data(summaries))
    if question.csv is not None:
        write_bytes(question.csv, csv_bytes([COLUMNS, *map(summary_cells, summaries)]))
