"""Predictions for images: by hiqa's weights or any other method, none of which ever sees a published score."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import HiqaError
from hiqa_train.datasets.sample import Sample

from .images import below
from .score_cache import Key, ScoreCache, key_of


@dataclass(frozen=True)
class UnscoredImage:
    """An image as a method gets it: its file, and the reference for methods that compare. No score."""

    path: Path
    reference: Path | None


class StatedScore(NamedTuple):
    """A score with the half-width that is stated for it, both in points."""

    score: float
    half_width: float


class Predictor(Protocol):
    """Says of images how good they look; high is good, whatever the scale."""

    def predict(self, images: Sequence[UnscoredImage]) -> Iterator[float | StatedScore | HiqaError]:
        """A number for each image in order, or why there is none, each as soon as it is known."""


@dataclass(frozen=True)
class Prediction:
    """What was predicted for an image that people have scored; half_width: None where none was stated."""

    sample: Sample
    score: float
    half_width: float | None = None


class WeightsPredictor:
    """hiqa's own score, 0..100: the mean over overlapping tiles (section 3.4), with its half-width."""

    def __init__(self, scorer: Scorer, scoring: Scoring) -> None:
        self._scorer, self._scoring = scorer, scoring

    def predict(self, images: Sequence[UnscoredImage]) -> Iterator[StatedScore | HiqaError]:
        jobs = [Job(image.path) for image in images]
        with self._scorer.score_stream(jobs, scoring=self._scoring) as results:
            for _, outcome in results:
                yield outcome if isinstance(outcome, HiqaError) else StatedScore(outcome.score, outcome.uncertainty)


def predict_all(
    predictor: Callable[[], Predictor],
    samples: Sequence[Sample],
    root: Path,
    store: ScoreCache,
    *,
    advance: Callable[[], None] = lambda: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Prediction] | None:
    """A prediction for every sample, in order; None where `stopped` says so before the last.

    predictor: called only if there is something to predict that the store does not hold. advance: after each image.
    Raises HiqaError where an image cannot be read or scored, once all others are: a measure over the rest would not be
    the measure over the database.
    """
    keys: list[Key] = [key_of(below(root, sample.path), sample.path) for sample in samples]
    missing = [place for place, key in enumerate(keys) if store.get(key) is None]
    for _ in range(len(samples) - len(missing)):
        advance()
    failures: list[tuple[Path, HiqaError]] = []
    if missing:
        outcomes = predictor().predict(
            [UnscoredImage(samples[place].path, samples[place].reference) for place in missing]
        )
        for place, outcome in zip(missing, outcomes, strict=True):
            if isinstance(outcome, HiqaError):
                failures.append((samples[place].path, outcome))
            else:
                store.add(keys[place], *(outcome if isinstance(outcome, StatedScore) else (outcome,)))
            advance()
            if stopped():
                if isinstance(outcomes, Generator):
                    outcomes.close()
                return None
    if failures:
        path, error = failures[0]
        others = f" (and {len(failures) - 1:,} more)" if len(failures) > 1 else ""
        raise HiqaError(f"{path}: {error.message}{others}", "no measure without it; mend or replace the file")
    return [_known(sample, store, key) for sample, key in zip(samples, keys, strict=True)]


def _known(sample: Sample, store: ScoreCache, key: Key) -> Prediction:
    held = store.get(key)
    assert held is not None  # every key was found or added above
    return Prediction(sample, held[0], held[1] if len(held) > 1 else None)
