"""A worker process: loads the weights once, then scores what its parent sends, until the parent closes the connection.

Nothing heavy is imported before the environment is set, which may hide all GPUs but one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any

from hiqa_cli.files.atomic import discard_unfinished

if TYPE_CHECKING:
    from hiqa_cli.engine.job import Job
    from hiqa_cli.engine.scorer import Scorer

    from .messages import Load


def serve(connection: Connection, environment: Mapping[str, str], backend: str) -> None:
    """The whole life of a worker. environment: variables to set first. backend: imported while nothing is known yet."""
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to every process; the parent decides
    signal.signal(signal.SIGTERM, _stop)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # as in the parent
    inbox: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, inbox), name="hiqa-inbox", daemon=True).start()
    from .messages import Failed

    # A parent that is gone ends this process from the other thread.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        try:
            _work(connection, inbox, backend)
        except Exception as error:
            connection.send(Failed(error))


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _receive(connection: Connection, inbox: SimpleQueue[Any]) -> None:
    """Read at once whatever comes, so that the parent never waits; end the process when the parent has gone."""
    while True:
        try:
            inbox.put(connection.recv())
        except (EOFError, OSError):
            discard_unfinished()
            os._exit(0)


def _work(connection: Connection, inbox: SimpleQueue[Any], backend: str) -> None:
    from hiqa_cli.engine.loading import import_backend

    from .messages import Answer, Settled, Warned

    import_backend(backend)
    scorer = _load(inbox.get(), lambda text: connection.send(Warned(text)))
    connection.send(Settled.of(scorer))
    scoring = inbox.get().scoring
    with scorer.score_stream(_jobs(inbox), scoring=scoring) as outcomes:
        for job, outcome in outcomes:
            assert isinstance(job.token, int)
            connection.send(Answer(job.token, outcome, job.outputs.preview, job.outputs.arrays))


def _load(load: Load, warn: Any) -> Scorer:
    from hiqa_cli.engine.scorer import build, load_again

    settings = replace(load.settings, on_warning=warn)
    return build(settings) if load.weights_id is None else load_again(settings, load.weights_id)


def _jobs(inbox: SimpleQueue[Any]) -> Iterator[Job]:
    while True:
        task = inbox.get()
        yield replace(task.job, token=task.number)
