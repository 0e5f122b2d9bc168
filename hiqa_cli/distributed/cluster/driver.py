"""The driver: gives Ray Data the images in blocks and takes the outcomes as blocks are finished.

Ray starts actors, keeps them busy, holds back what is not taken yet, and runs a block again whose actor or node is
lost. Here every image is counted once, whatever Ray repeats; the images of a block that took several actors with it are
tried once more, each alone, and get an error after that.
"""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from hiqa_cli.distributed.workers.messages import Settled
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.loading import LoadSettings
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.errors import DeviceError, HiqaError, ImageError
from hiqa_cli.files.remote.address import is_url

from .actor import ANSWER, NUMBER, PATH, Answers, BlockScorer, settle
from .library import connected, one_line
from .share import Bounds, share_of

MOST_ROWS = 64  # of a block: what a lost actor has to do again
BLOCKS = 8  # an actor, at least, so that all end at the same time
RETRIES = 2  # of a block whose actor is lost; of an image alone: 1


class RayCluster:
    """Actors on a Ray cluster in place of a Scorer; close() it at the end. See WorkerPool for its attributes."""

    def __init__(self, settings: LoadSettings, address: str | None, bounds: Bounds) -> None:
        """Connect, and let one node settle what the settings leave open.

        Raises DependencyError, DeviceError, UsageError and what Scorer.load() raises on that node.
        """
        self.warn = settings.warn
        self._warned: set[str] = set()
        self._stack = ExitStack()
        self._ray = self._stack.enter_context(connected(address))
        try:
            nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            self.share = share_of(settings, nodes)
            room = self.share.room(nodes)
            if not room:
                self.warn(f"no node of the Ray cluster has {self.share}; Ray waits for one")
            self.bounds = Bounds(bounds.least, bounds.most or max(bounds.least, room))
            self._exact = replace(settings, on_warning=None, threads=self.share.cpus)
            settled = self._settle()
        except BaseException:
            self.close()
            raise
        self._exact = replace(self._exact, device=settled.device, precision=settled.precision)
        self.settings, self.weights_id, self.choice = settled.settings, settled.weights_id, settled.choice
        self.backend, self.device, self.precision = settled.backend, settled.device, settled.precision

    def _settle(self) -> Settled:
        probe = self._ray.remote(num_cpus=self.share.cpus, num_gpus=self.share.gpus, max_retries=RETRIES)(settle)
        try:
            found = self._ray.get(probe.remote(self._exact))
        except self._ray.exceptions.RayError as error:
            remedy = "install the same hiqa on every node"
            raise DeviceError(f"no node of the Ray cluster could load hiqa: {one_line(error)}", remedy) from None
        if isinstance(found, HiqaError):
            raise found
        assert isinstance(found, Settled)
        return found

    def score_stream(self, jobs: Sequence[Job], *, scoring: Scoring) -> RayStream:
        """See Scorer.score_stream(); the outcomes come as they are finished."""
        return RayStream(self, jobs, scoring)

    def answers(
        self, jobs: Sequence[Job], numbers: Sequence[int], scoring: Scoring, rows: int, retries: int
    ) -> Iterator[Answers]:
        """The answers for these jobs, block by block; those of blocks that Ray gave up are missing.

        rows: of a block. Raises the fault that a node reports, and DeviceError for one of Ray's own.
        """
        ray = self._ray
        context = ray.data.DataContext.get_current()
        context.max_errored_blocks = -1
        context.enable_progress_bars = False
        context.execution_options.preserve_order = False
        blocks = ray.data.from_arrow(list(_blocks(jobs, numbers, rows)))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")  # until Ray has a place for retries
            answered = blocks.map_batches(
                BlockScorer,
                fn_constructor_args=(self._exact, self.weights_id, scoring, jobs[numbers[0]].limits),
                batch_size=None,
                batch_format="pyarrow",
                zero_copy_batch=True,
                compute=ray.data.ActorPoolStrategy(min_size=self.bounds.least, max_size=self.bounds.most),
                num_cpus=self.share.cpus,
                num_gpus=self.share.gpus or None,
                max_task_retries=retries,
            )
        try:
            for batch in answered.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for pickled in batch[ANSWER].to_pylist():
                    yield self._checked(pickle.loads(pickled))
        except ray.exceptions.RayError as error:
            raise DeviceError(f"the Ray cluster failed: {one_line(error)}", "continue with --resume") from None

    def _checked(self, answers: Answers) -> Answers:
        if answers.fault is not None:
            raise answers.fault
        for text in answers.warnings:
            if text not in self._warned:
                self._warned.add(text)
                self.warn(text)
        return answers

    def rows_of_a_block(self, count: int) -> int:
        """How many of so many images a block has."""
        assert self.bounds.most is not None
        return max(1, min(MOST_ROWS, count // (BLOCKS * self.bounds.most)))

    def close(self) -> None:
        """Leave the cluster; a cluster that was started for this run ends."""
        self._stack.close()


class RayStream(Iterator[tuple[Job, ScoreResult | HiqaError]]):
    """Iterates over (job, result or error), every job once, as they are finished."""

    def __init__(self, cluster: RayCluster, jobs: Sequence[Job], scoring: Scoring) -> None:
        self._cluster, self._jobs, self._scoring = cluster, jobs, scoring
        self._outcomes = self._all()

    def __next__(self) -> tuple[Job, ScoreResult | HiqaError]:
        return next(self._outcomes)

    def __enter__(self) -> RayStream:
        return self

    def __exit__(self, *exception: object) -> None:
        self._outcomes.close()
        self._cluster.close()

    def _all(self) -> Generator[tuple[Job, ScoreResult | HiqaError], None, None]:
        jobs, cluster = self._jobs, self._cluster
        yield from ((job, ImageError(job.problem)) for job in jobs if job.problem)
        left = [number for number, job in enumerate(jobs) if not job.problem]
        for rows, retries in ((cluster.rows_of_a_block(len(left)), RETRIES), (1, 1)):
            if rows == 1 and retries == 1 and left:
                which = "1 image" if len(left) == 1 else f"{len(left):,} images"
                cluster.warn(f"{which} of Ray actors that ended: tried again, each alone")
            waiting = set(left)
            for answers in cluster.answers(jobs, left, self._scoring, rows, retries) if left else ():
                for number, outcome in answers.outcomes:
                    if number in waiting:  # Ray may run a block twice
                        waiting.remove(number)
                        yield jobs[number], outcome
            left = sorted(waiting)
        for number in left:
            remedy = "if memory is short, give fewer --ray-actors"
            yield jobs[number], ImageError("every Ray actor that scored it ended", remedy)


def _blocks(jobs: Sequence[Job], numbers: Sequence[int], rows: int) -> Iterator[Any]:
    """Tables of numbers and paths. A node has another working directory: paths are made absolute."""
    import pyarrow

    for start in range(0, len(numbers), rows):
        own = numbers[start : start + rows]
        paths = [os.fsencode(absolute(os.fspath(jobs[number].source))) for number in own]  # type: ignore[arg-type]
        yield pyarrow.table({NUMBER: pyarrow.array(own, pyarrow.int64()), PATH: pyarrow.array(paths, pyarrow.binary())})


def absolute(path: str) -> str:
    """A path that means the same on every node."""
    return path if is_url(path) else os.path.abspath(path)
