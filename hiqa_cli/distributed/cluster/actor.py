"""What runs on the nodes: the probe that settles what `auto` leaves open, and the actor that scores blocks of images.

A block comes back as one pickled record, so that nothing of a result is lost and Ray moves few objects. A fault of the
node itself, such as other weights, comes back in it too: Ray would wrap it in pages, or try it for ever.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hiqa_cli.distributed.workers.messages import Settled
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.loading import LoadSettings
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.scorer import Scorer, build
from hiqa_cli.errors import DeviceError, HiqaError, WeightsError, reason_of
from hiqa_cli.images.source import Limits

NUMBER, PATH, ANSWER = "number", "path", "answer"


@dataclass(frozen=True)
class Answers:
    """The outcomes of a block by the numbers of its jobs; or the fault for which there are none."""

    outcomes: list[tuple[int, ScoreResult | HiqaError]]
    warnings: tuple[str, ...] = ()
    fault: HiqaError | None = None


def load_on_node(settings: LoadSettings, weights_id: str = "") -> Scorer:
    """A Scorer; HiqaError, which names the node, where it has other weights or cannot have what the run has settled."""
    try:
        scorer = build(settings)
    except HiqaError as error:
        raise type(error)(f"node {node_name()}: {error.message}", error.hint) from error
    if weights_id and scorer.weights_id != weights_id:
        raise WeightsError(
            f"node {node_name()}: its weights are {scorer.weights_id}, those of the run are {weights_id}",
            "install the same hiqa on all nodes, or give --weights a folder that all nodes see",
        )
    return scorer


def node_name() -> str:
    """The address of this node."""
    import ray

    return str(ray.util.get_node_ip_address())


def settle(settings: LoadSettings) -> Settled | HiqaError:
    """Load on the node where this runs: what `auto` becomes for the whole run."""
    try:
        return Settled.of(load_on_node(settings))
    except HiqaError as error:
        return error


class BlockScorer:
    """The actor: a table of numbers and paths in, a table with the pickled Answers out."""

    def __init__(self, settings: LoadSettings, weights_id: str, scoring: Scoring, limits: Limits) -> None:
        self._warnings: list[str] = []
        self._scoring, self._limits = scoring, limits
        self._load: Callable[[], Scorer] = lambda: load_on_node(
            replace(settings, on_warning=self._warnings.append), weights_id
        )
        self._scorer: Scorer | None = None

    def __call__(self, block: Any) -> Any:
        import pyarrow

        numbers, paths = block[NUMBER].to_pylist(), block[PATH].to_pylist()
        try:
            answers = self._score(numbers, [os.fsdecode(path) for path in paths])
        except HiqaError as error:
            answers = Answers([], (), error)
        except Exception as error:
            reason = reason_of(error)[:300]
            answers = Answers([], (), DeviceError(f"node {node_name()}: {type(error).__name__}: {reason}"))
        return pyarrow.table({ANSWER: pyarrow.array([pickle.dumps(answers)], pyarrow.binary())})

    def _score(self, numbers: list[int], paths: list[str]) -> Answers:
        if self._scorer is None:  # not when Ray starts the actor: what is raised then is lost in Ray's own report
            self._scorer = self._load()
        jobs = [Job(path, limits=self._limits, token=number) for number, path in zip(numbers, paths, strict=True)]
        outcomes: list[tuple[int, ScoreResult | HiqaError]] = []
        with self._scorer.score_stream(jobs, scoring=self._scoring) as stream:
            for job, outcome in stream:
                assert isinstance(job.token, int)
                outcomes.append((job.token, outcome))
        said, self._warnings[:] = tuple(self._warnings), []
        return Answers(outcomes, said)
