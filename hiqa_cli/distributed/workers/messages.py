"""What the parent and its workers say to each other, pickled, over one duplex connection a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.loading import LoadSettings
from hiqa_cli.engine.outputs.preview import PreviewSlot
from hiqa_cli.engine.outputs.sinks import ArraySlot
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.errors import HiqaError

if TYPE_CHECKING:
    from hiqa_cli.engine.scorer import Scorer


@dataclass(frozen=True)
class Load:
    """Parent to worker, first: what to load. weights_id: of the first worker; None: to the first worker itself."""

    settings: LoadSettings
    weights_id: str | None


@dataclass(frozen=True)
class Start:
    """Parent to worker, second: how to score."""

    scoring: Scoring


@dataclass(frozen=True)
class Task:
    """Parent to worker, any number: an image."""

    number: int
    job: Job


@dataclass(frozen=True)
class Settled:
    """Worker to parent, once loaded: what `auto` became, see Scorer."""

    settings: dict[str, str | int]
    weights_id: str
    backend: str
    device: str
    precision: str
    choice: str

    @classmethod
    def of(cls, scorer: Scorer) -> Settled:
        """What this Scorer has."""
        return cls(
            settings=scorer.settings,
            weights_id=scorer.weights_id,
            backend=scorer.backend.name,
            device=scorer.device,
            precision=scorer.precision,
            choice=scorer.choice,
        )


@dataclass(frozen=True)
class Answer:
    """Worker to parent: the outcome of an image, and what its job's slots received."""

    number: int
    outcome: ScoreResult | HiqaError
    preview: PreviewSlot | None
    arrays: ArraySlot | None


@dataclass(frozen=True)
class Warned:
    """Worker to parent: a one-line warning."""

    text: str


@dataclass(frozen=True)
class Failed:
    """Worker to parent, last: an error that ends the run, such as of the weights or the device."""

    error: Exception
