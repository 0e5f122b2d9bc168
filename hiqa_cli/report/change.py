"""The change between two versions of the same images, over all pairs: how large, how sure, on how many of them.

The uncertainty of a single pair depends on what the versions are, which hiqa does not know: between settings of one
codec the errors of both scores have much in common, between a noisy and a denoised version little. The spread of the
changes over the pairs says how sure their mean is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES, SEED = 10_000, 0
LARGE_SAMPLE = 5_000  # pairs from which on the limits of large samples replace the bootstrap, which they equal by then
TWO_SIDED = 1.96  # standard deviations of 95 %
NEGLIGIBLE = 1.0  # points: a smaller mean change is no difference, however sure it is


@dataclass(frozen=True)
class Change:
    """Changes of the score from a first to a second version, in points, positive where the second is better.

    mean, median: of the pairs; *_interval: 95 % by bootstrap over the pairs, None for a single pair.
    lower, higher: number of pairs whose score fell and rose.
    p_sign: of a two-sided sign test, the chance of so uneven numbers if falling and rising were equally likely.
    p95_drop: 95 % of the pairs fall by this much at most; 0 where they rise.
    """

    pairs: int
    mean: float
    mean_interval: tuple[float, float] | None
    median: float
    median_interval: tuple[float, float] | None
    lower: int
    higher: int
    p_sign: float
    p95_drop: float

    @property
    def is_sure(self) -> bool:
        """Whether the interval of the mean excludes 0."""
        return self.mean_interval is not None and not self.mean_interval[0] <= 0 <= self.mean_interval[1]

    @property
    def verdict(self) -> str:
        """ "higher", "lower", or "no difference" where the mean change is below NEGLIGIBLE or may be 0."""
        if not self.is_sure or abs(self.mean) < NEGLIGIBLE:
            return "no difference"
        return "higher" if self.mean > 0 else "lower"

    def sentence(self, second: str) -> str:
        """The verdict in words. second: the name of the second version."""
        if self.mean_interval is None:
            return f"{second}: no difference (mean {self.mean:+.1f} points, a single image has no interval)"
        low, high = self.mean_interval
        if self.verdict == "no difference":
            return f"{second}: no difference (mean {self.mean:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f})"
        least, most = sorted((abs(low), abs(high)))
        number = self.lower if self.verdict == "lower" else self.higher
        points = f"{abs(self.mean):.1f} points {self.verdict} (95 % interval {least:.1f} to {most:.1f})"
        return f"{second} scores {points}, on {number:,} of {self.pairs:,} images"


def measure_change(first: Sequence[float], second: Sequence[float]) -> Change:
    """The change from the scores of first versions to those of second ones, pair by pair; at least one pair."""
    changes = np.subtract(second, first)
    lower, higher = int((changes < 0).sum()), int((changes > 0).sum())
    several = len(changes) > 1
    return Change(
        pairs=len(changes),
        mean=float(changes.mean()),
        mean_interval=_interval(changes, "mean") if several else None,
        median=float(np.median(changes)),
        median_interval=_interval(changes, "median") if several else None,
        lower=lower,
        higher=higher,
        p_sign=sign_test(lower, higher),
        p95_drop=max(0.0, -float(np.quantile(changes, 0.05))),
    )


def _interval(changes: np.ndarray, statistic: str) -> tuple[float, float]:
    """The 95 % percentile interval over resampled pairs, in pieces that take little memory."""
    if len(changes) >= LARGE_SAMPLE:
        return _large_sample_interval(changes, statistic)
    random = np.random.default_rng(SEED)
    reduce = np.mean if statistic == "mean" else np.median
    piece = max(1, 2_000_000 // len(changes))
    found = []
    for begin in range(0, RESAMPLES, piece):
        drawn = random.integers(0, len(changes), (min(piece, RESAMPLES - begin), len(changes)))
        found.append(reduce(changes[drawn], axis=1))
    low, high = np.quantile(np.concatenate(found), (0.025, 0.975))
    return float(low), float(high)


def _large_sample_interval(changes: np.ndarray, statistic: str) -> tuple[float, float]:
    """By the standard error of the mean; by order statistics of the median."""
    if statistic == "mean":
        middle, half = float(changes.mean()), TWO_SIDED * float(changes.std(ddof=1)) / math.sqrt(len(changes))
        return middle - half, middle + half
    share = TWO_SIDED * 0.5 / math.sqrt(len(changes))
    low, high = np.quantile(changes, (0.5 - share, 0.5 + share))
    return float(low), float(high)


def sign_test(lower: int, higher: int) -> float:
    """The two-sided p of a sign test, exact; ties are left out, and without others it is 1."""
    number, fewer = lower + higher, min(lower, higher)
    if number == 0 or lower == higher:
        return 1.0
    logs = [_log_choose(number, k) - number * math.log(2) for k in range(fewer + 1)]
    largest = max(logs)
    return min(1.0, 2 * math.exp(largest) * sum(math.exp(log - largest) for log in logs))


def _log_choose(number: int, chosen: int) -> float:
    return math.lgamma(number + 1) - math.lgamma(chosen + 1) - math.lgamma(number - chosen + 1)
