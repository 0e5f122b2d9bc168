"""One image to be scored, as the caller of the engine hands it over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hiqa_cli.engine.outputs.outputs import Outputs
from hiqa_cli.images.picture import Picture


@dataclass
class Job:
    """One image of a stream.

    name: for messages and for the caller.
    read: gives the Picture; called once, on the reading thread, in the order of the jobs. An
        ImageError (or any other error) it raises becomes this job's result.
    artefacts: pictures to write while the image is scored.
    token: the caller's own; comes back with the result.
    """

    name: str
    read: Callable[[], Picture]
    artefacts: Outputs | None = None
    token: object = None
