"""Agreement with human scores: against scipy, and against cases computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from hiqa_cli.errors import HiqaError
from hiqa_train.evaluation.correlation import MIN_IMAGES, bootstrap, fit_logistic, measure


def curve(x: np.ndarray, b1: float, b2: float, b3: float, b4: float) -> np.ndarray:
    return b2 + (b1 - b2) / (1 + np.exp(-(x - b3) / abs(b4)))


@pytest.fixture
def pairs() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    x = random.uniform(0, 1, 80)
    return x, curve(x, 90, 10, 0.4, 0.12) + random.normal(0, 5, 80)


def test_rank_correlations_with_ties_are_those_worked_by_hand():
    # ranks of x: 1, 2.5, 2.5, 4, 5; of y: 1, 3, 2, 4.5, 4.5
    # rho, Pearson of the ranks: 9 / sqrt(9.5 * 9.5); tau-b: of 10 pairs 8 concordant, none discordant, a tie in each
    found = measure([1, 2, 2, 3, 4], [10, 30, 20, 40, 40], high_is_good=True)
    assert found.srocc == pytest.approx(9 / 9.5, abs=1e-12)
    assert found.krocc == pytest.approx(8 / math.sqrt(9 * 9), abs=1e-12)


def test_correlations_are_scipys(pairs: tuple[np.ndarray, np.ndarray]):
    x, y = pairs[0].round(1), pairs[1].round(-1)  # many ties
    found = measure(x, y, high_is_good=True)
    assert found.srocc == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-12)
    assert found.krocc == pytest.approx(stats.kendalltau(x, y)[0], abs=1e-12)
    assert found.plcc_unfitted == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-12)
    fitted = fit_logistic(x, y)(x)
    assert found.plcc == pytest.approx(stats.pearsonr(fitted, y)[0], abs=1e-12)
    assert found.rmse == pytest.approx(math.sqrt(np.mean((fitted - y) ** 2)), abs=1e-12)
    assert found.images == 80


def test_the_logistic_curve_is_found_again():
    x = np.linspace(-1, 3, 50)
    y = curve(x, 80, 20, 1.1, 0.35)
    found = fit_logistic(x, y)
    assert (found.b1, found.b2, found.b3, found.b4) == pytest.approx((80, 20, 1.1, 0.35), rel=1e-4)
    perfect = measure(x, y, high_is_good=True)
    assert perfect.plcc == pytest.approx(1, abs=1e-9)
    assert perfect.rmse == pytest.approx(0, abs=1e-4)
    assert (perfect.srocc, perfect.krocc) == pytest.approx((1, 1))


def test_the_fit_is_never_worse_than_a_straight_line(pairs: tuple[np.ndarray, np.ndarray]):
    for x, y in (pairs, (np.arange(20.0), 3 * np.arange(20.0) + 1)):
        line = np.polyval(np.polyfit(x, y, 1), x)
        assert measure(x, y, high_is_good=True).rmse <= math.sqrt(np.mean((line - y) ** 2)) + 0.01 * np.std(y)


def test_the_scale_of_predictions_changes_no_measure(pairs: tuple[np.ndarray, np.ndarray]):
    x, y = pairs
    small, large = measure(x, y, high_is_good=True), measure(1e4 * x - 77, y, high_is_good=True)
    assert small.plcc == pytest.approx(large.plcc, abs=1e-6)
    assert small.rmse == pytest.approx(large.rmse, abs=1e-5)


def test_differences_whose_low_values_are_good_agree_with_a_positive_sign(pairs: tuple[np.ndarray, np.ndarray]):
    x, mos = pairs
    opinion, difference = measure(x, mos, high_is_good=True), measure(x, 100 - mos, high_is_good=False)
    assert difference.srocc == pytest.approx(opinion.srocc)
    assert difference.krocc == pytest.approx(opinion.krocc)
    assert difference.plcc == pytest.approx(opinion.plcc, abs=1e-6)
    assert difference.rmse == pytest.approx(opinion.rmse, abs=1e-5)
    assert opinion.srocc > 0.8


def test_opposite_predictions_have_negative_correlations_even_after_the_fit(pairs: tuple[np.ndarray, np.ndarray]):
    x, y = pairs
    right, wrong = measure(x, y, high_is_good=True), measure(-x, y, high_is_good=True)
    assert wrong.srocc == pytest.approx(-right.srocc)
    assert wrong.krocc == pytest.approx(-right.krocc)
    assert wrong.plcc == pytest.approx(-right.plcc, abs=1e-6)


@pytest.mark.parametrize(
    ("predicted", "published", "message"),
    [
        ([0.5] * 6, [1, 2, 3, 4, 5, 6], "all 6 predictions are 0.5"),
        ([1, 2, 3, 4, 5, 6], [3.0] * 6, "all 6 published scores are 3"),
        ([1, 2, 3, math.nan, 5], [1, 2, 3, 4, 5], "predictions hold nan"),
        ([1, 2, 3, 4], [1, 2, 3, 4], f"4 images are too few to measure agreement, expected at least {MIN_IMAGES}"),
    ],
)
def test_undefined_correlations_are_errors(predicted: list[float], published: list[float], message: str):
    with pytest.raises(HiqaError, match=message):
        measure(predicted, published, high_is_good=True)


def test_lists_of_different_lengths_are_a_bug_of_the_caller():
    with pytest.raises(ValueError, match="one length"):
        measure([1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6], high_is_good=True)


def test_bootstrap_intervals_contain_the_value_and_depend_on_the_seed_only(pairs: tuple[np.ndarray, np.ndarray]):
    x, y = pairs
    found = bootstrap(x, y, high_is_good=True, resamples=60, seed=5)
    value = measure(x, y, high_is_good=True)
    for name, interval in found.items():
        assert interval.low < getattr(value, name) < interval.high, name
    assert set(found) == {"srocc", "krocc", "plcc", "rmse", "plcc_unfitted"}
    assert bootstrap(x, y, high_is_good=True, resamples=60, seed=5) == found
    assert bootstrap(x, y, high_is_good=True, resamples=60, seed=6) != found


def test_whole_scenes_are_drawn_where_scenes_are_given():
    random = np.random.default_rng(0)
    scenes = [f"scene{place // 10}" for place in range(60)]
    shift = np.repeat(random.normal(0, 30, 6), 10)  # a scene's images err together
    x = np.tile(np.linspace(0, 100, 10), 6)
    y = x + shift
    single = bootstrap(x, y, high_is_good=True, resamples=60)
    together = bootstrap(x, y, high_is_good=True, resamples=60, scenes=scenes)
    assert together["rmse"].high - together["rmse"].low > single["rmse"].high - single["rmse"].low


def test_resamples_without_a_correlation_are_redrawn():
    found = bootstrap([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 2], high_is_good=True, resamples=40)
    assert all(np.isfinite([interval.low, interval.high]).all() for interval in found.values())
