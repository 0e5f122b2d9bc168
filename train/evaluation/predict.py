"""Predictions for images, by hiqa's weights or another method. No method has access to human scores."""

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
    """What a method gets of an image: its file and, for full-reference methods, its reference; no score."""

    path: Path
    reference: Path | None


class StatedScore(NamedTuple):
    """A score and its stated half-width, both in points."""

    score: float
    half_width: float


class Predictor(Protocol):
    """Predicts the quality of images, on any scale on which higher is better."""

    def predict(self, images: Sequence[UnscoredImage]) -> Iterator[float | StatedScore | HiqaError]:
        """Yield a prediction for each image in order, or the error that prevented it."""


@dataclass(frozen=True)
class Prediction:
    """The prediction for an image with a human score. half_width: None if not stated."""

    sample: Sample
    score: float
    half_width: float | None = None


class WeightsPredictor:
    """hiqa's score, 0..100, with its half-width."""

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
    cache: ScoreCache,
    *,
    advance: Callable[[], None] = lambda: None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Prediction] | None:
    """Predict every sample, in order. Returns None if `stopped` returned True before the last.

    predictor: called only if the cache lacks a prediction. advance: called after each image. Raises HiqaError if an
    image cannot be read or scored, after all others are: a measure without it would not be one of the database.
    """
    keys: list[Key] = [key_of(below(root, sample.path), sample.path) for sample in samples]
    missing = [place for place, key in enumerate(keys) if cache.get(key) is None]
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
                cache.add(keys[place], *(outcome if isinstance(outcome, StatedScore) else (outcome,)))
            advance()
            if stopped():
                if isinstance(outcomes, Generator):
                    outcomes.close()
                return None
    if failures:
        path, error = failures[0]
        others = f" (and {len(failures) - 1:,} more)" if len(failures) > 1 else ""
        hint = "repair or replace the file: no measure is computed without it"
        raise HiqaError(f"{path}: {error.message}{others}", hint)
    return [_cached(sample, cache, key) for sample, key in zip(samples, keys, strict=True)]


def _cached(sample: Sample, cache: ScoreCache, key: Key) -> Prediction:
    numbers = cache.get(key)
    assert numbers is not None  # all keys were found or added above
    return Prediction(sample, numbers[0], numbers[1] if len(numbers) > 1 else None)
