"""Agreement of predictions with human scores: SROCC, KROCC, PLCC and RMSE, with bootstrap intervals.

PLCC and RMSE are computed after the 4-parameter logistic of the Video Quality Experts Group's tests (VQEG, FR-TV phase
I), fitted by least squares to the published scores y over the predictions x:

    f(x) = b2 + (b1 - b2) / (1 + exp(-(x - b3) / |b4|))

All in float64. For predictions, higher is better. A correlation is positive if predictions agree with human scores,
for MOS and DMOS alike, and negative if they contradict them, after the fit, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import optimize, stats

from hiqa_cli.errors import HiqaError

Values = Sequence[float] | np.ndarray

MIN_IMAGES = 5  # four parameters fit four points exactly
CONFIDENCE = 0.95
MAX_STEPS = 200  # of a fit; scores on a straight line have no best logistic, only ever wider ones
RESAMPLE_STEPS = 20  # of a fit that starts from the curve for all images


@dataclass(frozen=True)
class Agreement:
    """srocc: Spearman's rho; krocc: Kendall's tau-b; plcc, rmse: after the logistic fit, rmse in units of the published
    scores; plcc_unfitted: Pearson's r without a fit; images: their number."""

    srocc: float
    krocc: float
    plcc: float
    rmse: float
    plcc_unfitted: float
    images: int


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of a measure's values over resamples."""

    low: float
    high: float


@dataclass(frozen=True)
class Logistic:
    """The fitted curve, see the module. b1, b2: its ends, on the scale of the published scores. b3: prediction in its
    middle; b4: width, on the scale of the predictions. `slope` is +1 if it rises with the prediction, else -1."""

    b1: float
    b2: float
    b3: float
    b4: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Predictions -> the scale of the published scores, float64."""
        return _logistic(np.asarray(x, np.float64), self.b1, self.b2, self.b3, self.b4)

    @property
    def slope(self) -> int:
        """See the class."""
        return 1 if self.b1 >= self.b2 else -1


def _logistic(x: np.ndarray, b1: float, b2: float, b3: float, b4: float) -> np.ndarray:
    # tanh gives the same as 1 / (1 + exp), without overflow
    return b2 + (b1 - b2) * 0.5 * (1 + np.tanh((x - b3) / (2 * max(abs(b4), 1e-12))))


def _slopes(x: np.ndarray, b1: float, b2: float, b3: float, b4: float) -> np.ndarray:
    """(N, 4): derivatives of the logistic by its parameters; without them the fit takes ten times as long."""
    width = max(abs(b4), 1e-12)
    rise = 0.5 * (1 + np.tanh((x - b3) / (2 * width)))
    steep = (b1 - b2) * rise * (1 - rise) / width
    return np.stack([rise, 1 - rise, -steep, -steep * (x - b3) / width * (1 if b4 >= 0 else -1)], axis=1)


def _checked(predicted: Values, published: Values) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(predicted, np.float64), np.asarray(published, np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"predictions {x.shape} and published scores {y.shape} must be two lists of one length")
    if len(x) < MIN_IMAGES:
        raise HiqaError(f"{len(x)} images are too few to measure agreement, expected at least {MIN_IMAGES}")
    for values, what in ((x, "predictions"), (y, "published scores")):
        if not np.isfinite(values).all():
            raise HiqaError(f"the {what} hold {values[~np.isfinite(values)][0]}")
        if values.min() == values.max():
            raise HiqaError(f"all {len(values)} {what} are {values[0]:g}: their correlation is not defined")
    return x, y


def fit_logistic(predicted: Values, published: Values) -> Logistic:
    """The least-squares fit of the 4-parameter logistic. HiqaError for constant, missing or too few values."""
    x, y = _checked(predicted, published)
    return _fit(x, y, _starts(x, y))


def _starts(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[float, float, float, float]]:
    """Initial parameters: VQEG's, steeper ones, and nearly a straight line."""
    rises = np.corrcoef(x, y)[0, 1] >= 0
    top, bottom = (y.max(), y.min()) if rises else (y.min(), y.max())
    for share in (1.0, 0.25):
        yield top, bottom, float(np.mean(x)), float(np.std(x)) * share
    wide = 10 * float(np.std(x))
    slope = float(np.polyfit(x, y, 1)[0])
    middle, half = float(np.mean(y)), 2 * wide * slope  # a logistic's slope in its middle is (b1 - b2) / (4 b4)
    yield middle + half, middle - half, float(np.mean(x)), wide


def _fit(
    x: np.ndarray, y: np.ndarray, starts: Iterable[tuple[float, float, float, float]], steps: int = MAX_STEPS
) -> Logistic:
    shift, width, base, height = x.mean(), x.std(), y.mean(), y.std()
    scaled_x, scaled_y = (x - shift) / width, (y - base) / height
    best, least = None, math.inf
    for b1, b2, b3, b4 in starts:
        start = ((b1 - base) / height, (b2 - base) / height, (b3 - shift) / width, b4 / width)
        found = optimize.least_squares(
            lambda b: _logistic(scaled_x, *b) - scaled_y,
            start,
            jac=lambda b: _slopes(scaled_x, *b),
            method="lm",
            max_nfev=steps,
        )
        if found.cost < least:
            best, least = found.x, found.cost
    if best is None:
        raise HiqaError("the logistic curve could not be fitted: the predictions are too far apart for float64")
    b1, b2, b3, b4 = (float(value) for value in best)
    return Logistic(b1 * height + base, b2 * height + base, b3 * width + shift, abs(b4) * width)


def measure(predicted: Values, published: Values, *, high_is_good: bool) -> Agreement:
    """Measure predictions (higher is better) against published scores in either direction.

    Raises HiqaError if one of them is constant, not finite, or has fewer than 5 values.
    """
    x, y = _checked(predicted, published)
    return _measure(x, y, 1 if high_is_good else -1, _fit(x, y, _starts(x, y)))


def _measure(x: np.ndarray, y: np.ndarray, sign: int, curve: Logistic) -> Agreement:
    fitted = curve(x)
    return Agreement(
        srocc=sign * float(stats.spearmanr(x, y)[0]),
        krocc=sign * float(stats.kendalltau(x, y)[0]),
        # a falling curve inverts the predictions: its own correlation with the scores is always positive
        plcc=sign * curve.slope * _pearson(fitted, y),
        rmse=float(np.sqrt(np.mean((fitted - y) ** 2))),
        plcc_unfitted=sign * _pearson(x, y),
        images=len(x),
    )


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r; 0 if the fitted curve is flat."""
    return 0.0 if np.ptp(a) <= 1e-12 * np.ptp(b) else float(np.corrcoef(a, b)[0, 1])


def bootstrap(
    predicted: Values,
    published: Values,
    *,
    high_is_good: bool,
    scenes: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile intervals of every measure: name in Agreement -> Interval.

    scenes: the scene of each image; whole scenes are then drawn, because images of one scene are not independent.
    Without it, single images are drawn. Every resample has its own fit, started from the curve for all images.
    """
    x, y = _checked(predicted, published)
    sign = 1 if high_is_good else -1
    curve = _fit(x, y, _starts(x, y))
    groups = _groups(scenes, len(x))
    random = np.random.default_rng(seed)
    values: dict[str, list[float]] = {}
    while len(values.get("images", ())) < resamples:
        chosen = np.concatenate([groups[place] for place in random.integers(0, len(groups), len(groups))])
        a, b = x[chosen], y[chosen]
        if len(a) < MIN_IMAGES or np.ptp(a) == 0 or np.ptp(b) == 0:
            continue  # no correlation is defined: draw another; at least a third of the draws have one
        again = _fit(a, b, [(curve.b1, curve.b2, curve.b3, curve.b4)], RESAMPLE_STEPS)
        for name, value in asdict(_measure(a, b, sign, again)).items():
            values.setdefault(name, []).append(value)
    edge = 50 * (1 - CONFIDENCE)
    del values["images"]
    return {name: Interval(*map(float, np.percentile(held, (edge, 100 - edge)))) for name, held in values.items()}


def _groups(scenes: Sequence[str] | None, images: int) -> list[np.ndarray]:
    if scenes is None:
        return [np.array([place]) for place in range(images)]
    if len(scenes) != images:
        raise ValueError(f"{len(scenes)} scenes for {images} images")
    names = np.asarray(scenes)
    return [np.flatnonzero(names == scene) for scene in sorted(set(scenes))]
