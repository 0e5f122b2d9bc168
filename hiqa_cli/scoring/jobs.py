"""Jobs of the inputs, and the scorers that take them: what the commands that score images share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from hiqa_cli.console.messages import Messages
from hiqa_cli.console.text import count
from hiqa_cli.distributed.cluster.share import Bounds
from hiqa_cli.distributed.devices import needs_workers
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import ImageSource, Job, Outputs
from hiqa_cli.errors import DependencyError, HiqaError, ImageError, UsageError
from hiqa_cli.images.source import Limits

from .inputs import Input
from .options import BackendOptions, ClusterOptions

if TYPE_CHECKING:
    from hiqa_cli.distributed.cluster.driver import RayCluster
    from hiqa_cli.distributed.workers.pool import WorkerPool
    from hiqa_cli.engine.loading import LoadSettings
    from hiqa_cli.engine.results import ScoreResult
    from hiqa_cli.engine.scorer import Scorer

Scorers: TypeAlias = "Scorer | WorkerPool | RayCluster"
Outcomes: TypeAlias = "AbstractContextManager[Iterator[tuple[Job, ScoreResult | HiqaError]]]"


def check_standard_input(inputs: Sequence[Input]) -> None:
    """UsageError where an image is expected on standard input, but that is closed or a terminal."""
    if any(image.is_standard_input for image in inputs):
        if sys.stdin is None:
            raise UsageError("standard input (-) is closed", "give a file, or pipe an image in")
        if sys.stdin.isatty():
            raise UsageError("standard input (-) is a terminal", "pipe an image in: hiqa ... - < image.jpg")


def load_workers(options: BackendOptions, cluster: ClusterOptions, messages: Messages, images: int) -> Scorers:
    """Like load_scorer(); in processes of their own where the options ask for it. images: how many there are."""
    if not (cluster.is_used or needs_workers(options.device, options.workers)):
        return load_scorer(options, messages)
    from hiqa_cli.engine.loading import LoadSettings

    weights = None if options.weights is None else Path(os.path.abspath(options.weights))
    settings = LoadSettings(
        weights=weights,
        backend=options.backend,
        device=options.device,
        precision=options.precision,
        batch_size=options.batch_size,
        threads=options.threads,
        on_warning=messages.warn,
        isolate=options.isolate,
    )
    if cluster.is_used:
        return _join_cluster(settings, cluster, messages)
    from hiqa_cli.distributed.workers.start import start_workers

    pool = start_workers(settings, options.workers, images)
    where = f"{pool.backend}, {pool.device}, {pool.precision}"
    messages.detail(
        f"weights {pool.weights_id}, {where}, {count(len(pool.workers), 'worker process', 'worker processes')}"
    )
    return pool


def _join_cluster(settings: LoadSettings, options: ClusterOptions, messages: Messages) -> RayCluster:
    from hiqa_cli.distributed.cluster.driver import RayCluster

    cluster = RayCluster(settings, options.address, options.actors or Bounds())
    actors = f"{cluster.bounds.least:,} to {count(cluster.bounds.most or 1, 'Ray actor')} of {cluster.share}"
    messages.detail(f"weights {cluster.weights_id}, {cluster.backend}, {cluster.device}, {cluster.precision}, {actors}")
    return cluster


def load_scorer(options: BackendOptions, messages: Messages) -> Scorer:
    """Load the weights; raises HiqaError (exit code 2) where that fails."""
    try:
        from hiqa_cli.engine.scorer import Scorer
        from hiqa_cli.images.read import read_picture  # noqa: F401  (fails here rather than for every image)
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
        on_warning=messages.warn,
        isolate=options.isolate,
    )
    messages.detail(f"weights {scorer.weights_id}, {scorer.backend.name}, {scorer.device}, {scorer.precision}")
    if scorer.choice:
        messages.detail(scorer.choice)
    return scorer


def job_for(image: Input, limits: Limits, outputs: Outputs) -> Job:
    """What the scorer is to read for an input, and to write of it."""
    source: ImageSource = image.path
    if image.is_standard_input and not image.problem:
        # Unbuffered: a buffer's lock, held by the reading thread while it waits for a silent pipe, would abort the
        # interpreter when an interrupted run ends.
        source = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
    return Job(source, image.name, outputs, limits, image.problem)


def score_jobs(scorer: Scorers | None, jobs: Sequence[Job], scoring: Scoring) -> Outcomes:
    """(job, result or error) in the order of the jobs, each as soon as it is ready; closes the stream at the end.

    scorer: None where every job has a problem, so that nothing needs to be computed.
    """
    if scorer is None:
        return nullcontext((job, ImageError(job.problem)) for job in jobs)
    return scorer.score_stream(jobs, scoring=scoring)
