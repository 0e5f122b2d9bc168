"""The actor for pipelines of Ray Data.

from hiqa_cli.distributed import RayScorer

images.map_batches(RayScorer, batch_size=64, num_gpus=1, compute=ray.data.ActorPoolStrategy(min_size=1, max_size=8))
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hiqa_cli.engine.config import DEFAULT_BACKEND, DEFAULT_SCORING, Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.loading import LoadSettings
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.errors import UsageError
from hiqa_cli.images.source import DEFAULT_LIMITS, Limits
from hiqa_cli.rows.parquet.columns import to_arrow
from hiqa_cli.rows.row import Row, error_row, scored_row, shared_fields

from .cluster.actor import load_on_node

PATH, CONTENT = "path", "bytes"


class RayScorer:
    """Scores batches; the weights are loaded once, when Ray starts the actor.

    A batch has a column `bytes` (the content of image files, as `ray.data.read_binary_files` gives it) or `path`, or
    both; other columns come back as they are, `bytes` does not. The result is a table of Arrow with the columns of
    `--parquet`. An image that cannot be read gets a row with an error; a node that cannot load the weights raises.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        weights_id: str = "",
        backend: str = DEFAULT_BACKEND,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        threads: int | None = None,
        isolate: bool | None = None,
        scoring: Scoring = DEFAULT_SCORING,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """See Scorer.load() for the arguments up to `isolate`, and Scorer.score() for the others.

        weights_id: refuse to load any other weights. Give it, and a precision, where the nodes differ. threads: None:
        as many as Ray gives the actor CPUs.
        """
        folder = None if weights is None else Path(os.path.abspath(weights))
        share = threads or int(os.environ.get("OMP_NUM_THREADS") or 0) or None  # Ray sets it for its workers
        settings = LoadSettings(
            weights=folder,
            backend=backend,
            device=device,
            precision=precision,
            batch_size=batch_size,
            threads=share,
            on_warning=None,
            isolate=isolate,
        )
        self._scorer = load_on_node(settings, weights_id)
        self._scoring = scoring
        self._limits = limits
        chosen = {"backend": self._scorer.backend.name, "device": self._scorer.device}
        self._extra = shared_fields({**vars(scoring), **vars(limits), **chosen})

    def __call__(self, batch: Mapping[str, Any]) -> Any:
        """The rows of a batch, in its order."""
        import pyarrow

        names = [None if name is None else str(name) for name in batch.get(PATH, ())]
        contents: Iterable[Any] = batch.get(CONTENT, ())
        sources: list[Any] = [bytes(one) for one in contents] if CONTENT in batch else names
        if not (CONTENT in batch or PATH in batch):
            raise UsageError(f"RayScorer: expected a column {PATH} or {CONTENT}, found {', '.join(batch) or 'none'}")
        labels = [name or "" for name in names] or [""] * len(sources)
        jobs = [
            Job("" if source is None else source, label, limits=self._limits, problem="" if source else "no image")
            for source, label in zip(sources, labels, strict=True)
        ]
        table = to_arrow(self._rows(jobs), self._extra)
        for name, values in batch.items():
            if name not in table.column_names and name != CONTENT:
                table = table.append_column(name, pyarrow.array(list(values)))
        return table

    def _rows(self, jobs: list[Job]) -> list[Row]:
        with self._scorer.score_stream(jobs, scoring=self._scoring) as outcomes:
            return [
                scored_row(job.name, outcome, self._extra)
                if isinstance(outcome, ScoreResult)
                else error_row(job.name, " ".join(str(outcome).split()), self._extra)
                for job, outcome in outcomes
            ]
