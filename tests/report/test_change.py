"""The change over pairs of versions: its size, interval, and the verdict in words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from hiqa_cli.report.change import measure_change, sign_test


def versions(shift: float, spread: float, number: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Scores of first and second versions: scenes differ by much more than versions."""
    random = np.random.default_rng(1)
    first = random.uniform(20, 90, number)
    return first, first + shift + random.normal(0, spread, number)


def test_a_fall_on_every_image_is_a_verdict_however_uncertain_single_scores_are() -> None:
    change = measure_change(*versions(-13, 3))
    assert change.verdict == "lower"
    assert change.lower == 40
    assert change.mean == pytest.approx(-13, abs=1.5)
    low, high = change.mean_interval
    assert low < change.mean < high
    interval = f"95 % interval {-high:.1f} to {-low:.1f}"
    assert change.sentence("B") == f"B scores {-change.mean:.1f} points lower ({interval}), on 40 of 40 images"


@pytest.mark.parametrize(("shift", "spread"), [(0.4, 0.3), (0.0, 5.0), (1.5, 12.0)])
def test_a_small_or_unsure_change_is_no_difference(shift: float, spread: float) -> None:
    change = measure_change(*versions(shift, spread))
    assert change.verdict == "no difference"
    assert "no difference (mean" in change.sentence("B")


@pytest.mark.slow
def test_the_interval_holds_the_true_change_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        changes = random.normal(2, 4, 30)
        low, high = measure_change(np.zeros(30), changes).mean_interval
        held += low <= 2 <= high
    assert 0.87 <= held / 100 <= 1


@pytest.mark.parametrize(("lower", "higher"), [(12, 0), (9, 3), (5, 5), (0, 1), (700, 800), (0, 0)])
def test_the_sign_test_is_that_of_scipy(lower: int, higher: int) -> None:
    expected = binomtest(lower, lower + higher).pvalue if lower + higher else 1.0
    assert sign_test(lower, higher) == pytest.approx(expected, rel=1e-9)


def test_a_single_pair_has_no_interval_and_no_verdict() -> None:
    change = measure_change([80.0], [40.0])
    assert change.mean_interval is None
    assert change.verdict == "no difference"
    assert "a single image has no interval" in change.sentence("B")


def test_the_drop_that_most_images_stay_below() -> None:
    drops = np.arange(100.0)
    assert measure_change(drops, np.zeros(100)).p95_drop == pytest.approx(np.quantile(drops, 0.95))
    assert measure_change(np.zeros(100), drops + 1).p95_drop == 0


def test_many_pairs_have_the_interval_that_the_bootstrap_would_give(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = versions(-2, 5, 5000)
    formula = measure_change(*pairs)
    monkeypatch.setattr("hiqa_cli.report.change.LARGE_SAMPLE", 10**9)
    monkeypatch.setattr("hiqa_cli.report.change.RESAMPLES", 1000)
    bootstrap = measure_change(*pairs)
    for one, other in (
        (formula.mean_interval, bootstrap.mean_interval),
        (formula.median_interval, bootstrap.median_interval),
    ):
        assert one == pytest.approx(other, abs=0.05)
    assert formula.verdict == "lower"
    assert formula.p_sign < 1e-100
