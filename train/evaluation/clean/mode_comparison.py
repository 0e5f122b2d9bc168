"""The cost of approximate scoring: mode "fast" against "exact", sampled tiles against all tiles of a large image.

Modes are compared on photographs with human scores, which shows how far scores differ and which mode agrees better with
people. Samples are compared with all tiles of the same photograph, in the same mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from hiqa_cli.engine.config import MODES, Scoring
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.scorer import Job, Scorer
from hiqa_cli.errors import HiqaError, UsageError
from hiqa_cli.images.read import image_files, read_picture
from hiqa_train.datasets.sample import Sample

RESAMPLES = 1000
SEED = 5


@dataclass(frozen=True)
class Differences:
    """Differences of pairs of scores, in points: mean (signed), mean absolute, largest absolute."""

    mean: float
    mean_absolute: float
    largest: float

    @classmethod
    def of(cls, one: Sequence[float], other: Sequence[float]) -> Differences:
        """The differences `one` minus `other`."""
        gaps = np.asarray(one, np.float64) - np.asarray(other, np.float64)
        return cls(float(gaps.mean()), float(np.abs(gaps).mean()), float(np.abs(gaps).max()))


@dataclass(frozen=True)
class ModesResult:
    """fast minus exact over `pictures` images; SROCC of each with human scores; `gain`: SROCC of fast minus that of
    exact, with the middle 95 % of paired bootstrap resamples."""

    pictures: int
    differences: Differences
    srocc: dict[str, float]
    gain: float
    gain_interval: tuple[float, float]

    @property
    def better(self) -> str:
        """The mode that agrees better with people."""
        return "fast" if self.gain > 0 else "exact"


def draw(samples: Sequence[Sample], count: int | None) -> list[Sample]:
    """`count` random samples, the same in every run; all for None."""
    if count is None or count >= len(samples):
        return list(samples)
    chosen = np.random.default_rng(SEED).choice(len(samples), count, replace=False)
    return [samples[place] for place in sorted(chosen)]


def scores_of(scorer: Scorer, paths: Sequence[Path], scoring: Scoring) -> Iterator[ScoreResult]:
    """Results in order. Raises UsageError for an image that cannot be scored."""
    jobs = (Job(path, str(path)) for path in paths)
    for job, result in scorer.score_stream(jobs, scoring=scoring):
        if isinstance(result, HiqaError):
            raise UsageError(f"{job.name}: {result}")
        yield result


def measure_modes(
    scorer: Scorer, samples: Sequence[Sample], *, stride: int, report: Callable[[str], None]
) -> ModesResult:
    """Score every sample in both modes; `report` gets a line per mode."""
    paths = [sample.path for sample in samples]
    scores = {}
    for mode in MODES:
        report(f"modes: {len(paths):,} images, {mode}")
        scoring = Scoring(mode, stride, max_tiles=None)
        scores[mode] = np.array([result.score for result in scores_of(scorer, paths, scoring)])
    people = np.array([sample.quality for sample in samples])
    generator = np.random.default_rng(SEED)
    gains = []
    for _ in range(RESAMPLES):
        drawn = generator.integers(0, len(people), len(people))
        gains.append(rank_gain(scores["fast"][drawn], scores["exact"][drawn], people[drawn]))
    low, high = np.percentile(gains, [2.5, 97.5])
    return ModesResult(
        len(people),
        Differences.of(scores["fast"].tolist(), scores["exact"].tolist()),
        {mode: rank_correlation(scores[mode], people) for mode in MODES},
        rank_gain(scores["fast"], scores["exact"], people),
        (float(low), float(high)),
    )


def rank_correlation(scores: np.ndarray, people: np.ndarray) -> float:
    """SROCC; a bootstrap of `correlation.measure`, which fits a curve each time, would take minutes."""
    return float(np.corrcoef(rankdata(scores), rankdata(people))[0, 1])


def rank_gain(one: np.ndarray, other: np.ndarray, people: np.ndarray) -> float:
    """SROCC of the first scores minus that of the second, all (n,)."""
    return rank_correlation(one, people) - rank_correlation(other, people)


@dataclass(frozen=True)
class SamplingResult:
    """Sampled minus all tiles over `pictures` large photographs. within: share of differences within two of the stated
    standard errors; megapixels: of the smallest and the largest image; share: mean share of tiles scored."""

    pictures: int
    megapixels: tuple[float, float]
    differences: Differences
    standard_error: float
    within: float
    share: float


def measure_sampling(
    scorer: Scorer, folder: Path, scoring: Scoring, *, report: Callable[[str], None]
) -> SamplingResult:
    """Score the photographs of a folder that are large enough to be sampled, by sampled tiles and by all."""
    files = image_files(folder)
    sampled, whole, errors, shares, sizes = [], [], [], [], []
    for path in files:
        try:
            picture = read_picture(path)
        except HiqaError as error:
            report(f"sampling: {path.name} skipped: {error}")
            continue
        if not scoring.samples(picture.width, picture.height):
            continue
        some = scorer.score(picture, scoring=scoring)
        every = scorer.score(picture, scoring=replace(scoring, max_tiles=None))
        sampled.append(some.score)
        whole.append(every.score)
        errors.append(some.standard_error)
        shares.append(len(some.tiles) / some.tile_total)
        sizes.append(picture.width * picture.height / 1e6)
        report(f"sampling: {path.name}, {sizes[-1]:.1f} megapixels, {some.score:.2f}, all tiles {every.score:.2f}")
    if not sampled:
        raise UsageError(
            f"no image in {folder} is large enough to be sampled", f"give images of more than {scoring.max_tiles} tiles"
        )
    gaps = np.abs(np.subtract(sampled, whole))
    return SamplingResult(
        len(sampled),
        (min(sizes), max(sizes)),
        Differences.of(sampled, whole),
        float(np.mean(errors)),
        float(np.mean(gaps <= 2 * np.array(errors))),
        float(np.mean(shares)),
    )
