"""`hiqa evaluate --dataset`: agreement of weights with people's scores, on databases and tables of one's own."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiqa_cli.atomic import write_bytes, write_json
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.progress import ImageProgress
from hiqa_cli.console.text import escape_for_terminal
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.manifest import default_folder, read_manifest
from hiqa_cli.errors import OutputError, UsageError
from hiqa_cli.output_checks import check_new_file
from hiqa_cli.scoring.items import load_scorer
from hiqa_cli.scoring.options import BackendOptions
from hiqa_cli.scoring.row_printer import write

from .agreement_text import measure_lines, published_lines

if TYPE_CHECKING:
    from hiqa_train.data.splits import SceneSplit
    from hiqa_train.datasets import Dataset
    from hiqa_train.evaluation.images import ImageSelection, PartName
    from hiqa_train.evaluation.predict import Prediction
    from hiqa_train.evaluation.result import DatabaseResult


@dataclass(frozen=True)
class ResultFiles:
    """Where results go beside the terminal: None where nobody asked for it."""

    json: Path | None
    csv: Path | None
    plot: Path | None
    overwrite: bool

    def check(self, databases: list[str]) -> None:
        """UsageError, before any work, where one of them must not or cannot be written."""
        check_new_file(self.json, "--json", self.overwrite)
        check_new_file(self.csv, "--csv", self.overwrite)
        for name in databases:
            check_new_file(self.plot_of(name, databases), "--plot", self.overwrite)

    def plot_of(self, name: str, databases: list[str]) -> Path | None:
        """The plot of one database: as given, with the database's name before the suffix where there are several."""
        if self.plot is None or len(databases) == 1:
            return self.plot
        return self.plot.with_name(f"{self.plot.stem}.{name}{self.plot.suffix}")


@dataclass(frozen=True)
class EvaluationOptions:
    """Which images, and how they are measured. part: None for the test part where there is one, else all.

    splits, split: a file of divisions and the number of one. unseen: leave out what the weights were trained on.
    """

    part: PartName | None
    types: tuple[str, ...]
    splits: Path | None
    split: int | None
    unseen: bool
    resamples: int
    seed: int
    show_literature: bool
    cached: bool


def evaluate_databases(
    readings: list[Dataset],
    question: EvaluationOptions,
    engine: BackendOptions,
    scoring: Scoring,
    files: ResultFiles,
    say: Messages,
) -> None:
    """Score what was asked for, print a table for each database, and write the files."""
    from hiqa_train.data.leakage import trained_scenes
    from hiqa_train.evaluation.images import choose

    names = [reading.name for reading in readings]
    files.check(names)
    division = _division(question)
    choices = [choose(r, question.part, division=division, types=question.types) for r in readings]
    seen = trained_scenes(engine.weights)
    chosen = [_without_seen(choice, question, seen.scenes) for choice in choices]
    if seen.scenes is None:
        say.warn(f"weights {seen.weights_id} do not record what scenes they were trained on: see that none is tested")
    work = _Work(question, engine, scoring, say)
    results = [work.measured(choice, left_out, seen.scenes is not None) for choice, left_out in chosen]
    for result in results:
        write("\n".join(measure_lines(result, seen.weights_id)) + "\n")
        if question.show_literature:
            write("\n".join(["", *published_lines(result)]) + "\n")
        write("\n" if result is not results[-1] else "")
    _write_files(results, seen.weights_id, work.settings(), files, names)


def _division(question: EvaluationOptions) -> SceneSplit | None:
    from hiqa_train.data.splits import read_splits

    if (question.splits is None) != (question.split is None):
        raise UsageError("--splits FILE and --split N go together")
    if question.splits is None or question.split is None:
        return None
    divisions = read_splits(question.splits).divisions
    if question.split >= len(divisions):
        raise UsageError(f"--split: {question.splits} has splits 0 to {len(divisions) - 1}, found {question.split}")
    return divisions[question.split]


def _without_seen(
    choice: ImageSelection, question: EvaluationOptions, seen: frozenset[str] | None
) -> tuple[ImageSelection, list[str]]:
    """The choice, without what the weights have seen where that was asked for; and the scenes that were left out.

    UsageError where seen scenes would be measured: but for the training part, which is asked for by name.
    """
    from dataclasses import replace

    from hiqa_train.data.leakage import shared_scenes, without_trained_scenes

    shared = shared_scenes(seen or (), choice.scenes)
    if not shared or choice.part == "training":
        return choice, []
    name = choice.reading.name
    if not question.unseen:
        raise UsageError(
            f"{name}: the weights were trained on {len(shared)} of {len(choice.scenes)} scenes, such as {shared[0]}",
            "measure on the others by --unseen, or on those by --part training",
        )
    samples = without_trained_scenes(choice.samples, shared)
    if not samples:
        raise UsageError(f"{name}: the weights have seen every scene of the {choice.part} part")
    return replace(choice, samples=samples), shared


class _Work:
    """Scores images of one database after another, by one set of weights, which is loaded when it is needed first."""

    def __init__(self, question: EvaluationOptions, engine: BackendOptions, scoring: Scoring, say: Messages) -> None:
        self._question, self._scoring, self._say = question, scoring, say
        self._scorer = load_scorer(engine, say)
        self._measured = read_manifest(default_folder() if engine.weights is None else engine.weights).measured

    def settings(self) -> dict[str, Any]:
        """What results depend on."""
        question = self._question
        drawn = {"resamples": question.resamples, "seed": question.seed}
        return {**self._scorer.settings, **asdict(self._scoring), **drawn}

    def measured(self, choice: ImageSelection, left_out: list[str], seen_known: bool) -> DatabaseResult:
        from hiqa_train.evaluation.result import measure_choice

        predictions = self._predictions(choice)
        return measure_choice(
            choice,
            predictions,
            weights=self._measured,
            resamples=self._question.resamples,
            seed=self._question.seed,
            left_out=left_out,
            seen_known=seen_known,
        )

    def _predictions(self, choice: ImageSelection) -> list[Prediction]:
        from hiqa_train.evaluation.predict import WeightsPredictor, predict_all
        from hiqa_train.evaluation.score_cache import ScoreCache

        progress = ImageProgress(len(choice.samples), wanted=not self._say.quiet)
        try:
            with ScoreCache(self._cache(choice) if self._question.cached else None) as store:
                if len(store):
                    self._say.warn(f"{choice.reading.name}: going on with {len(store):,} scores in {store.path}")
                found = predict_all(
                    lambda: WeightsPredictor(self._scorer, self._scoring),
                    choice.samples,
                    choice.reading.root,
                    store,
                    advance=progress.advance,
                )
        finally:
            progress.close()
        assert found is not None  # nothing asked it to stop early
        return found

    def _cache(self, choice: ImageSelection) -> Path:
        """Where the scores of a database are kept: another file for whatever changes a score."""
        from platformdirs import user_cache_path

        names = ("hiqa", "weights", "device", "precision", "torch")
        key = {name: self._scorer.settings[name] for name in names} | {
            **asdict(self._scoring),
            "root": os.fspath(choice.reading.root.resolve()),
        }
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        return user_cache_path("hiqa") / "scores" / f"{choice.reading.name}-{self._scorer.weights_id}-{digest}.jsonl"


def _write_files(
    results: list[DatabaseResult], weights_id: str, settings: dict[str, Any], files: ResultFiles, names: list[str]
) -> None:
    from hiqa_train.evaluation.result import COLUMNS, as_object, table_cells

    if files.json is not None:
        data = {"settings": settings, "datasets": [as_object(result) for result in results]}
        write_json(files.json, data)
    if files.csv is not None:
        rows = [cells for result in results for cells in table_cells(result, weights_id)]
        write_bytes(files.csv, csv_bytes([COLUMNS, *rows]))
    for result, name in zip(results, names, strict=True):
        target = files.plot_of(name, names)
        if target is not None:
            _plot(target, result, weights_id)


def csv_bytes(rows: list[Any]) -> bytes:
    """Rows of cells as a CSV file, UTF-8, lines ending in LF."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _plot(target: Path, result: DatabaseResult, weights_id: str) -> None:
    from hiqa_train.evaluation.scatter import draw_scatter, write_plot

    reading, found = result.choice.reading, result.all.agreement
    assert found is not None  # measure_choice() has refused that
    picture = draw_scatter(
        result.predictions,
        result.curve,
        title=f"{reading.title}, {result.choice.part}: {result.all.images:,} images of {result.all.scenes:,} scenes",
        subtitle=f"SROCC {found.srocc:.3f}   PLCC {found.plcc:.3f}   RMSE {found.rmse:.3g}   KROCC {found.krocc:.3f}",
        across=f"hiqa score (weights {weights_id}), high is good",
        up=f"published {reading.scale.kind}, {reading.scale.direction}",
    )
    try:
        write_plot(target, picture, weights_id)
    except OSError as error:
        raise OutputError(f"{escape_for_terminal(str(target))} cannot be written: {error}") from error
