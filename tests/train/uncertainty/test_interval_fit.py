"""The half-width fitted on validation images: its coverage, and what R's activations contribute."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_weights import tiny_networks, tiny_pair_networks, write_tiny_weights
from torch import nn

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import load_weights, save_weights
from hiqa_cli.networks.pair_regressor import PairRegressor
from hiqa_cli.networks.tile_regressor import ErrorHead
from hiqa_train.uncertainty.activations import observe_activations
from hiqa_train.uncertainty.coverage import IntervalCase, measure_coverage
from hiqa_train.uncertainty.error_head import attach_error_head
from hiqa_train.uncertainty.interval_fit import fit_half_width


def stated(cases: list[IntervalCase], calibration: Calibration, head: nn.Module) -> list[IntervalCase]:
    """The cases, with the half-width that such a fit states."""

    def half_width(case: IntervalCase) -> float:
        assert case.activations is not None
        return calibration.half_width(case.score, case.tiles, float(head(torch.from_numpy(case.activations)).mean()))

    return [dataclasses.replace(case, half_width=half_width(case)) for case in cases]


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def shorter_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit of a third of the steps: these errors are simple."""
    monkeypatch.setattr("hiqa_train.uncertainty.error_head.MIN_STEPS", 100)


Error = Callable[[np.ndarray], float]  # of what hidden units saw: the standard deviation of the score's error


def drawn(number: int, error: Error, seed: int, database: int | None = 0, growth: float = 1.0) -> list[IntervalCase]:
    """Pictures of four windows, whose errors go by what hidden units saw; of eight units one is dead."""
    random = np.random.default_rng(seed)
    cases = []
    for n in range(number):
        seen = random.normal(0, 1, 8) + random.normal(0, 0.3, (4, 8))
        seen[:, 7] = 0.0
        score = random.uniform(30, 70)
        target = score + random.normal(0, error(seen.mean(axis=0)))
        scene = f"{seed}/{n}"
        cases.append(IntervalCase(score, (score,) * 4, 0.0, target, database, scene, seen.astype(np.float32), growth))
    return cases


def test_it_covers_the_share_it_is_fitted_for_and_grows_with_the_error() -> None:
    def cases(number: int, seed: int) -> list[IntervalCase]:
        """Errors that go by the score alone."""
        random = np.random.default_rng(seed)
        return [
            dataclasses.replace(case, target=case.score + random.normal(0, 1 + (70 - case.score) / 4))
            for case in drawn(number, lambda seen: 0, seed)
        ]

    found = measure_coverage(stated(cases(600, 1), *fit_half_width(cases(600, 2))))
    assert 0.75 < found.covered < 0.85
    assert found.error_ratio > 1.5


def test_activations_that_predict_errors_widen_the_interval_and_others_do_not() -> None:
    def telling(seen: np.ndarray) -> float:
        return float(6 * np.exp(0.8 * seen[3]))

    found = measure_coverage(stated(drawn(900, telling, 1), *fit_half_width(drawn(900, telling, 2))))
    assert 0.75 < found.covered < 0.85
    assert found.error_ratio > 2
    silent = stated(drawn(900, lambda seen: 6, 3), *fit_half_width(drawn(900, lambda seen: 6, 4)))
    assert 0.75 < measure_coverage(silent).covered < 0.85
    assert np.std(np.log([case.half_width for case in silent])) < 0.15


def test_an_activation_may_predict_errors_in_opposite_directions_on_different_images() -> None:
    """Unit 0 says which pictures they are; no linear function of the units goes by both."""

    def crossed(seen: np.ndarray) -> float:
        return float(6 * np.exp(np.sign(seen[0]) * seen[3]))

    found = stated(drawn(1500, crossed, 1), *fit_half_width(drawn(1500, crossed, 2)))
    for side in (-1, 1):
        some = [case for case in found if np.sign(case.activations[:, 0].mean()) == side]
        assert measure_coverage(some).error_ratio > 2


def test_every_database_and_all_references_have_equal_weight() -> None:
    """Errors of 2 points in many pictures, of 20 in few: were all pictures alike, 80 % would mean the many."""

    def shares(many: int | None, few: int) -> tuple[float, float]:
        cases = [*drawn(900, lambda seen: 2, 1, many), *drawn(100, lambda seen: 20, 2, few)]
        cases = [dataclasses.replace(case, activations=np.zeros_like(case.activations)) for case in cases]
        found = stated(cases, *fit_half_width(cases))
        by_database = [[case for case in found if case.database == database] for database in (many, few)]
        covered = [measure_coverage(cases).covered for cases in by_database]
        return covered[0], covered[1]

    of_many, of_few = shares(1, 0)
    assert of_many > 0.95
    assert (of_many + of_few) / 2 == pytest.approx(0.8, abs=0.03)
    of_reference, of_few = shares(None, 0)
    assert of_reference > 0.95
    assert (of_reference + of_few) / 2 == pytest.approx(0.8, abs=0.01)


def test_with_few_scenes_training_images_help_to_predict_errors() -> None:
    """Errors that were a third as large where R was trained."""

    def error(seen: np.ndarray) -> float:
        return float(9 * np.exp(0.6 * (seen[3] - seen[5])))

    def less(seen: np.ndarray) -> float:
        return error(seen) / 3

    few = drawn(16, error, 1)
    alone = measure_coverage(stated(drawn(900, error, 2), *fit_half_width(few)))
    both = measure_coverage(stated(drawn(900, error, 2), *fit_half_width([*few, *drawn(900, less, 3, growth=3)])))
    assert alone.error_ratio < 2
    assert both.error_ratio > 3
    assert 0.75 < both.covered < 0.85


def test_the_fit_is_deterministic_and_keeps_the_global_random_state() -> None:
    cases = drawn(80, lambda seen: float(5 + seen[2] ** 2), 5)
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    (first, one), (second, other) = fit_half_width(cases), fit_half_width(cases)
    assert torch.equal(torch.rand(1), expected)
    assert first == second
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("pair", [False, True])
def test_a_score_is_observed_as_the_scorer_gives_it(tmp_path: Path, pair: bool) -> None:
    scorer = Scorer.load(write_tiny_weights(tmp_path / "w", pair=pair), device="cpu", precision="fp32")
    pixels = np.random.default_rng(5).integers(0, 256, (270, 400, 3), np.uint8)
    found, result = observe_activations(scorer)(pixels), scorer.score(pixels)
    assert found.score == pytest.approx(result.score, abs=1e-3)
    assert found.half_width == pytest.approx(result.uncertainty, abs=1e-3)
    assert [(tile.x, tile.y) for tile in found.tiles] == [(tile.x, tile.y) for tile in result.tiles]
    assert [tile.score for tile in found.tiles] == pytest.approx([tile.score for tile in result.tiles], abs=1e-3)
    assert found.activations is not None
    assert (len(result.tiles), len(found.activations)) == (4, 1 if pair else 4)
    regressor = load_weights(tmp_path / "w").regressor
    seen = torch.from_numpy(found.activations)
    with torch.no_grad():  # the scores of the last layers on these activations
        if isinstance(regressor, PairRegressor):
            image, comparison, gate = seen.split([8, 6, 1], dim=1)
            alone, compared = regressor.image.told(image), regressor.comparison.told(comparison)
            logits = alone + gate * (compared - alone)
        else:
            logits = regressor.head.score(seen)
    assert 100 * float(torch.sigmoid(logits).mean()) == pytest.approx(result.score, abs=1e-3)


@pytest.mark.parametrize("networks", [tiny_networks, tiny_pair_networks])
def test_weights_with_an_error_head_use_it_and_others_do_not(tmp_path: Path, networks: Callable) -> None:
    generator, regressor = networks()
    about = {"name": "x", "version": "1", "licence": "x", "training_data": [], "measured": {}}
    pixels = np.random.default_rng(4).integers(0, 256, (256, 400, 3), np.uint8)
    calibration = Calibration((1.0, 0.0, 0.0, 0.0, 0.0))
    results, told = [], 0.0
    for name in ("without", "with"):
        if name == "with":
            head = ErrorHead(regressor.activation_count, 3)
            for parameter in head.parameters():
                nn.init.uniform_(parameter, 0.1, 0.5)
            attach_error_head(regressor, head)
        save_weights(tmp_path / name, generator, regressor, calibration, **about)
        scorer = Scorer.load(tmp_path / name, device="cpu", precision="fp32")
        results.append(scorer.score(pixels))
    seen = observe_activations(scorer)(pixels).activations
    assert seen is not None
    with torch.no_grad():
        told = float(load_weights(tmp_path / "with").regressor.error_head(torch.from_numpy(seen)).mean())
    without, having = results
    assert having.score == without.score
    assert without.uncertainty == pytest.approx(np.e)
    assert having.uncertainty == pytest.approx(np.e * np.exp(told), rel=1e-4)
    assert abs(told) > 0.01
