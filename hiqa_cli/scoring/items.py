"""From inputs to results: what `score` and `hallucinate` do alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hiqa_cli.console.messages import Messages
from hiqa_cli.engine.config import Scoring
from hiqa_cli.errors import DependencyError, HiqaError, ImageError, UsageError
from hiqa_cli.images.source import Limits

from .inputs import Input
from .options import BackendOptions

if TYPE_CHECKING:
    from hiqa_cli.engine.outputs.outputs import Outputs
    from hiqa_cli.engine.results import ScoreResult
    from hiqa_cli.engine.scorer import Scorer
    from hiqa_cli.images.picture import Picture


@dataclass(frozen=True)
class Work:
    """One input and the pictures to be written of it."""

    entry: Input
    artefacts: Outputs | None = None


def check_standard_input(inputs: Sequence[Input]) -> None:
    """UsageError where an image is to come from standard input and a person sits there."""
    if any(entry.is_standard_input for entry in inputs):
        if sys.stdin is None:
            raise UsageError("standard input (-) is closed", "give a file, or pipe an image in")
        if sys.stdin.isatty():
            raise UsageError("standard input (-) is a terminal", "pipe an image in: hiqa ... - < image.jpg")


def load_scorer(options: BackendOptions, messages: Messages) -> Scorer:
    """The engine with its weights. Raises what ends a run before it starts, exit code 2."""
    try:
        from hiqa_cli.engine.scorer import Scorer
        from hiqa_cli.images.read import read_picture  # noqa: F401  (fails here, not for every image)
    except ImportError as error:
        name = error.name or "a library"
        raise DependencyError(f"{name} cannot be loaded: {error}", "install hiqa again with pip") from error
    scorer = Scorer.load(
        options.weights,
        backend=options.backend,
        device=options.device,
        precision=options.precision,
        batch_size=options.batch_size,
        threads=options.threads,
        notice=messages.warn,
    )
    messages.detail(f"weights {scorer.weights_id}, {scorer.backend.name}, {scorer.device}, {scorer.precision}")
    return scorer


def score_items(
    scorer: Scorer | None, works: Sequence[Work], limits: Limits, scoring: Scoring
) -> Iterator[tuple[Work, ScoreResult | HiqaError]]:
    """(work, result or error) in order, each as soon as it is ready.

    scorer: None where every input has a problem already, so that there is nothing to compute.
    """
    if scorer is None:
        for work in works:
            yield work, ImageError(work.entry.problem)
        return
    from hiqa_cli.engine.pipeline.job import Job

    def jobs() -> Iterator[Job]:
        for work in works:
            yield Job(work.entry.name, _reader(work.entry, limits), work.artefacts, work)

    results = scorer.score_stream(jobs(), scoring=scoring)
    try:
        for job, outcome in results:
            assert isinstance(job.token, Work)
            yield job.token, outcome
    finally:
        if isinstance(results, Generator):
            results.close()  # stops reading, and takes half-written pictures away


def _reader(entry: Input, limits: Limits) -> Callable[[], Picture]:
    from hiqa_cli.images.read import read_picture

    def read() -> Picture:
        if entry.problem:
            raise ImageError(entry.problem)
        # Unbuffered: a buffer's lock, held by the reading thread while it waits for a silent pipe, would
        # abort the interpreter when an interrupted run ends.
        standard_input = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
        return read_picture(standard_input if entry.is_standard_input else entry.path, limits)

    return read
