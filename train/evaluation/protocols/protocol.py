"""Runs a protocol: every method on every split. Finished splits are kept, so that a stopped run resumes.

OUT/splits.json                       the splits by scene
OUT/METHOD/protocol.json              method, settings and splits: another protocol may not continue the folder
OUT/METHOD/split-00/training/         files of the method's training
OUT/METHOD/split-00/scores-DATABASE-ID.jsonl   scores of test images
OUT/METHOD/split-00/result.json       written last, when the split is finished
OUT/METHOD/summary.json               medians over splits, when all are finished
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiqa_cli.errors import UsageError
from hiqa_cli.files.atomic import write_json
from hiqa_train.datasets.sample import Sample
from hiqa_train.evaluation.agreement import TypeAgreement, measure_types, row_object, rows_from_objects
from hiqa_train.evaluation.images import below
from hiqa_train.evaluation.predict import predict_all
from hiqa_train.evaluation.score_cache import ScoreCache
from hiqa_train.trainer.loop import StopSignal

from .eval_splits import EvaluationSplit
from .methods import Method, Report, digest

FORMAT = 1
Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]


@dataclass(frozen=True)
class SplitResult:
    """The result of a method on one split: rows of agreement.py, for each tested database."""

    method: str
    number: int
    databases: Mapping[str, tuple[TypeAgreement, ...]]


def no_progress(images: int) -> AbstractContextManager[Callable[[], None]]:
    """Ignore progress."""
    return nullcontext(lambda: None)


def run_protocol(
    name: str,
    eval_splits: Sequence[EvaluationSplit],
    methods: Sequence[Method],
    out: Path,
    *,
    stop: StopSignal,
    report: Report,
    progress: Progress = no_progress,
    resamples: int = 0,
    only: Container[int] | None = None,
) -> dict[str, list[SplitResult]] | None:
    """Run every method on every split, in order, without those finished in `out`. Returns None if `stop` ended it
    early.

    name: of the protocol. progress: called with a number of images; a context that gives a function to call after each.
    resamples: of the bootstrap in each split; 0 for none. only: numbers of the splits to run.
    Raises UsageError, before any work, if `out` holds another evaluation or a test would not be fair; HiqaError if an
    image cannot be scored; OutputError.
    """
    for method in methods:
        method.check(list(eval_splits))
        _claim(out / method.name, {"format": FORMAT, "protocol": name, **_identity(eval_splits, method)})
    results: dict[str, list[SplitResult]] = {}
    for method in methods:
        results[method.name] = []
        for eval_split in eval_splits:
            if only is not None and eval_split.number not in only:
                continue
            folder = out / method.name / f"split-{eval_split.number:02}"
            found = _run_split(eval_split, method, folder, resamples, stop, report, progress)
            if found is None:
                return None
            results[method.name].append(found)
    return results


def _identity(eval_splits: Sequence[EvaluationSplit], method: Method) -> dict[str, Any]:
    """What the results in a folder depend on, with digests of the images, scores and parts."""
    return {
        "method": method.name,
        "settings": json.loads(json.dumps(method.settings)),
        "splits": [
            {
                "training": {part.name: _images(part.training) for part in eval_split.parts},
                "validation": {part.name: _images(part.validation) for part in eval_split.parts},
                "test": {test.dataset.name: _images(test.samples) for test in eval_split.tests},
            }
            for eval_split in eval_splits
        ],
    }


def _images(samples: Sequence[Sample]) -> str:
    """The number of images, and a digest of their names, scenes and scores."""
    return f"{len(samples)} {digest([[s.path.name, s.scene, s.score, s.distortion] for s in samples])}"


def _claim(folder: Path, identity: dict[str, Any]) -> None:
    """Start a folder, or check that it holds the same evaluation. UsageError names the first difference."""
    file = folder / "protocol.json"
    if not file.exists():
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty and holds no evaluation", "give another --out")
        write_json(file, identity)
        return
    before = read_json(file)
    if before != identity:
        where = next(_differences(before, identity), "its format")
        hint = "use the same options and files, or another --out"
        raise UsageError(f"{folder} holds another evaluation: {where}", hint)


def _differences(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """A description of each difference between two plain values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*before, *(key for key in now if key not in before)]:
            yield from _differences(before.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for place, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _differences(one, other, f"{path} {place}")
    elif isinstance(before, list) and isinstance(now, list):
        yield f"{path}: was {len(before)}, now {len(now)}"
    elif before != now:
        yield f"{path} was {before!r}, now {now!r}"


def _run_split(
    eval_split: EvaluationSplit,
    method: Method,
    folder: Path,
    resamples: int,
    stop: StopSignal,
    report: Report,
    progress: Progress,
) -> SplitResult | None:
    file = folder / "result.json"
    if file.exists():
        report(f"{method.name}, split {eval_split.number}: already finished")
        return read_result(file, method.name, eval_split.number)
    report(f"{method.name}, split {eval_split.number}: {_sizes(eval_split)}")
    fitted = method.fit(eval_split, folder / "training", stop, report)
    if fitted is None or stop.signal:
        return None
    measured: dict[str, tuple[TypeAgreement, ...]] = {}
    record: dict[str, Any] = {}
    for test in eval_split.tests:
        name, root = test.dataset.name, test.dataset.root
        with (
            ScoreCache(folder / f"scores-{name}-{fitted.id}.jsonl") as cache,
            progress(len(test.samples)) as advance,
        ):
            predictions = predict_all(
                fitted.predictor, test.samples, root, cache, advance=advance, stopped=lambda: bool(stop.signal)
            )
        if predictions is None:
            return None
        measured[name] = measure_types(predictions, test.dataset.scale, resamples=resamples)
        record[name] = {
            "measures": [row_object(row) for row in measured[name]],
            "scenes_left_out": list(test.left_out),
            "images": [[below(root, p.sample.path), p.sample.score, p.score] for p in predictions],
        }
    write_json(
        file, {"format": FORMAT, "method": method.name, "split": eval_split.number, "id": fitted.id, "tests": record}
    )
    return SplitResult(method.name, eval_split.number, measured)


def _sizes(eval_split: EvaluationSplit) -> str:
    def counted(number: int, what: str) -> str:
        return f"{number:,} images {what}"

    trained = sum(len(part.training) for part in eval_split.parts)
    chosen = sum(len(part.validation) for part in eval_split.parts)
    tested = sum(len(test.samples) for test in eval_split.tests)
    return ", ".join([counted(trained, "to train on"), counted(chosen, "to validate on"), counted(tested, "to test")])


def read_result(file: Path, method: str, number: int) -> SplitResult:
    """Read the result of a finished split. UsageError if the file has none."""
    data = read_json(file)
    try:
        rows = {name: rows_from_objects(test["measures"]) for name, test in data["tests"].items()}
    except (KeyError, TypeError, ValueError) as error:
        hint = "remove it to test the split again"
        raise UsageError(f"{file} is not a result: {type(error).__name__} {error}", hint) from error
    return SplitResult(method, number, rows)


def read_json(file: Path) -> Any:
    """Read a JSON file. UsageError."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
