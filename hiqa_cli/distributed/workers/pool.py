"""Workers that score the images of one run, and the order of their answers.

The first worker settles what `auto` leaves open; the others load exactly that. A worker that dies is replaced, and each
image that it had is tried once more, alone in a worker; the second death is that image's error.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from multiprocessing.connection import wait
from typing import Any

from hiqa_cli.engine.config import POLL, Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.loading import LoadSettings
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.errors import DeviceError, HiqaError, ImageError
from hiqa_cli.files.atomic import remove_leftovers
from hiqa_cli.images.source import read_bytes

from .messages import Answer, Failed, Load, Settled, Start, Task, Warned
from .worker import Worker

MOST_TASKS = 16  # of a worker at a time: a batch of small pictures, and the next one being read
FEWEST_TASKS = 2  # one in the networks, one being read
AHEAD = 64  # images a worker that may be finished before the oldest unfinished one
FAILED_STARTS = 3  # in succession, after which a worker is given up


class WorkerPool:
    """Several processes in place of a Scorer; close() it at the end.

    weights_id, device, precision, choice: as of Scorer. settings: see Scorer.settings.
    """

    def __init__(
        self,
        settings: LoadSettings,
        count: int,
        environments: Sequence[Mapping[str, str]] = ({},),
    ) -> None:
        """Start `count` workers and wait until one has loaded.

        settings: of each worker. environments: variables of the first worker, the second and so on, then again from
        the first. Raises what Scorer.load() raises, and DeviceError where no worker starts.
        """
        self.warn = settings.warn
        self._settings = replace(settings, on_warning=None)
        self._scoring: Scoring | None = None
        self._warned: set[str] = set()
        self._failed_starts = 0
        self._settled: Settled | None = None
        self.workers = [Worker(environment, settings.backend) for environment in islice(cycle(environments), count)]
        try:
            settled = self._settle()
        except BaseException:
            self.close()
            raise
        self.settings, self.weights_id, self.choice = settled.settings, settled.weights_id, settled.choice
        self.backend, self.device, self.precision = settled.backend, settled.device, settled.precision

    def _settle(self) -> Settled:
        """Let the first worker load, then tell the others what it has."""
        self.workers[0].send(Load(self._settings, None))
        while self._settled is None:
            for worker, message in self.listen(POLL):
                if message is None:
                    self.replace(worker)
        for worker in self.workers[1:]:
            self._greet(worker)
        return self._settled

    def _greet(self, worker: Worker) -> None:
        """Tell a worker what to load, and how to score if that is known."""
        if self._settled is None:
            if worker is self.workers[0]:
                worker.send(Load(self._settings, None))
            return
        exact = replace(self._settings, device=self._settled.device, precision=self._settled.precision)
        worker.send(Load(exact, self._settled.weights_id))
        if self._scoring is not None:
            worker.send(Start(self._scoring))

    def score_stream(self, jobs: Sequence[Job], *, scoring: Scoring) -> WorkerStream:
        """See Scorer.score_stream(); once for a pool."""
        self._scoring = scoring
        for worker in self.workers:
            worker.send(Start(scoring))
        return WorkerStream(self, jobs)

    def listen(self, seconds: float) -> Iterator[tuple[Worker, Answer | None]]:
        """The answers that have come, waiting up to `seconds` for the first; None: that worker is gone."""
        by_connection = {worker.connection: worker for worker in self.workers}
        for connection in wait(list(by_connection), seconds):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                yield worker, None
                continue
            if isinstance(message, Answer):
                yield worker, message
            else:
                self._note(worker, message)

    def _note(self, worker: Worker, message: Any) -> None:
        if isinstance(message, Failed):
            raise message.error
        if isinstance(message, Settled):
            worker.is_loaded = True
            self._failed_starts = 0
            self._settled = self._settled or message
        if isinstance(message, Warned) and message.text not in self._warned:
            self._warned.add(message.text)
            self.warn(message.text)

    def replace(self, worker: Worker) -> str:
        """Start another worker in the place of one that is gone; how that one ended.

        Raises DeviceError where none starts any more.
        """
        reason = worker.how_it_ended()
        place = self.workers.index(worker)
        self._failed_starts += not worker.is_loaded
        if self._failed_starts < FAILED_STARTS:
            self.workers[place] = Worker(worker.environment, self._settings.backend)
            self._greet(self.workers[place])
            return reason
        del self.workers[place]
        if not self.workers or self._settled is None:
            remedy = "free memory, or give fewer --workers"
            raise DeviceError(f"no worker process starts; the last one ended with {reason}", remedy)
        left = len(self.workers)
        self.warn(f"a worker process does not start, it ended with {reason}; the run goes on with {left:,}")
        return reason

    def close(self) -> None:
        """End all workers; pictures that are not complete are removed."""
        for worker in self.workers:
            worker.close()
        for worker in self.workers:
            worker.end()


class WorkerStream(Iterator[tuple[Job, ScoreResult | HiqaError]]):
    """Iterates over (job, result or error) in the order of the jobs, see ScoreStream."""

    def __init__(self, pool: WorkerPool, jobs: Sequence[Job]) -> None:
        self._pool = pool
        self._jobs = jobs
        self._given = 0  # jobs handed out so far
        self._next = 0  # number of the job whose outcome is due
        self._outcomes: dict[int, ScoreResult | HiqaError] = {}
        self._alone: deque[int] = deque()  # had by a worker that died
        self._tried: set[int] = set()  # all that were ever in `_alone`

    def __next__(self) -> tuple[Job, ScoreResult | HiqaError]:
        if self._next == len(self._jobs):
            raise StopIteration
        self._hand_out()
        seconds = 0.0  # workers must not run short while finished outcomes are taken
        while True:
            for worker, answer in self._pool.listen(seconds):
                if answer is None:
                    self._replace(worker)
                else:
                    self._take(worker, answer)
            self._hand_out()
            if self._next in self._outcomes:
                break
            seconds = POLL
        self._next += 1
        return self._jobs[self._next - 1], self._outcomes.pop(self._next - 1)

    def __enter__(self) -> WorkerStream:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.close()

    def _take(self, worker: Worker, answer: Answer) -> None:
        job = self._jobs[answer.number]
        for mine, theirs in ((job.outputs.preview, answer.preview), (job.outputs.arrays, answer.arrays)):
            if mine is not None and theirs is not None:
                vars(mine).update(vars(theirs))
        del worker.tasks[answer.number]
        self._tried.discard(answer.number)
        self._outcomes[answer.number] = answer.outcome

    def _replace(self, worker: Worker) -> None:
        """Replace a worker that is gone, keep the images that it had, and remove the pictures that it left undone."""
        reason = self._pool.replace(worker)
        for folder in set().union(*(self._jobs[number].outputs.folders() for number in worker.tasks)):
            remove_leftovers(folder, again=True)
        for number in worker.tasks:
            if number in self._tried:
                self._outcomes[number] = ImageError(
                    f"two worker processes that scored it ended, the last with {reason}",
                    "if memory is short, give fewer --workers",
                )
            else:
                self._tried.add(number)
                self._alone.append(number)
        again = f"; {len(worker.tasks):,} of its images are tried again" if worker.tasks else ""
        if worker.is_loaded:
            self._pool.warn(f"a worker process ended with {reason} and is replaced{again}")

    def _hand_out(self) -> None:
        """Give every worker enough to do; an image to be tried alone goes to one that has nothing else."""
        for worker in self._pool.workers:
            if not worker.is_loaded:
                continue  # should it end now, then not for an image's sake
            if self._alone and not worker.tasks:
                self._give(worker, self._alone.popleft())
            elif not self._tried.intersection(worker.tasks):
                self._fill(worker)

    def _fill(self, worker: Worker) -> None:
        count = len(self._pool.workers)
        end = min(len(self._jobs), self._next + AHEAD * count)
        while self._given < end:
            left = len(self._jobs) - self._given
            if len(worker.tasks) >= max(FEWEST_TASKS, min(MOST_TASKS, left // (2 * count))):
                return
            self._give(worker, self._given)
            self._given += 1

    def _give(self, worker: Worker, number: int) -> None:
        try:
            worker.give(Task(number, portable(self._jobs[number])))
        except HiqaError as error:
            self._outcomes[number] = error


def portable(job: Job) -> Job:
    """A job that another process can read: of a stream, its bytes. Raises ImageError."""
    if job.problem or isinstance(job.source, str | bytes | os.PathLike):
        return job
    return replace(job, source=bytes(read_bytes(job.source, job.limits)))  # type: ignore[arg-type]
