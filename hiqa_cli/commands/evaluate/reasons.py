"""`hiqa evaluate reasons`: whether reasons name faults of kinds that their head was not fitted to."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hiqa_cli.commands import options as common
from hiqa_cli.console.text import count
from hiqa_cli.engine.pipeline.reasons.names import WORDS
from hiqa_cli.errors import UsageError

from . import options as own
from .agreement_text import columns
from .clean_images import PhotographMeasurement, start

if TYPE_CHECKING:
    from hiqa_train.evaluation.clean.reasons import ReasonsResult


def reasons(
    folder: own.Folder,
    given: PhotographMeasurement,
    backend: common.Computing,
) -> int:
    """Measure whether reasons name faults of unknown kinds.

    Distorts photographs by motion, Poisson noise, WebP, AVIF and bicubic
    enlargement, to which the head of reasons was not fitted.
    """
    from hiqa_train.evaluation.clean.reasons import measure_reasons

    run = start(given, backend)
    if run.scorer.head is None:
        raise UsageError("these weights have no head of reasons", "hiqa train reasons makes one")
    images = run.images(folder, given.leave_out)
    result = measure_reasons(run.scorer, images, report=run.messages.warn)
    return run.finish("reasons", lines_of(result, len(images)), facts_of(result, len(images)))


def lines_of(result: ReasonsResult, images: int) -> list[str]:
    """The measures of each word, the clean images that were called anything, and how often each word was called."""
    from hiqa_train.evaluation.clean.reasons import LEAST_COST, MEASURED

    lines = [
        f"reasons, {count(images, 'image')}: faults of kinds not fitted to, that cost {LEAST_COST:g} points or more"
    ]
    rows = [["word", "images", "precision", "recall", "F1", "points off by"]]
    for word in MEASURED:
        one = result.of_word(word)
        off = "-" if one.points_error is None else f"{one.points_error:.1f}"
        rows.append([word, f"{one.images:,}", f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}", off])
    lines += [*columns(rows), f"mean F1 {result.mean_f1:.3f}", ""]
    lines += columns([["called", "versions", *WORDS], *_table(result)])
    lines.append(f"clean images called anything: {len(result.called_clean)} of {images}")
    lines += [f"  {name}: {', '.join(words)}" for name, words in result.called_clean.items()]
    faint = ", ".join(f"{number:,} of {kind}" for kind, number in result.too_faint.items())
    return lines + ([f"too faint to count: {faint}"] if faint else [])


def _table(result: ReasonsResult) -> list[list[str]]:
    return [
        [kind, f"{number:,}", *(str(result.calls[kind][word]) for word in WORDS)]
        for kind, number in result.counts.items()
    ]


def facts_of(result: ReasonsResult, images: int) -> dict[str, Any]:
    """The result as JSON."""
    from hiqa_train.evaluation.clean.reasons import MEASURED

    return {
        "pictures": images,
        "mean_f1": result.mean_f1,
        "words": {word: asdict(result.of_word(word)) for word in MEASURED},
        "called": {kind: dict(words) for kind, words in result.calls.items()},
        "versions": dict(result.counts),
        "too_faint": dict(result.too_faint),
        "clean_called": {name: list(words) for name, words in result.called_clean.items()},
    }
