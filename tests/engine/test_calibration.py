"""Uncertainty in points, and scores in words."""

from __future__ import annotations

import math

import pytest

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.config import grade


def test_the_half_width_follows_its_formula() -> None:
    calibration = Calibration((0.5, 0.3, -0.2, 0.4, -0.1), 1.5)
    spread = 10.0  # standard deviation of 40 and 60
    expected = 1.5 * math.exp(0.5 + 0.3 * 0.5 - 0.2 * 0.25 + 0.4 * math.log(1 + spread) - 0.1 * math.log(6))
    assert calibration.half_width(50.0, [40.0, 60.0] * 3) == pytest.approx(expected)


def test_what_r_doubts_widens_it_as_a_logarithm() -> None:
    calibration = Calibration((1.0, 0, 0, 0, 0))
    assert calibration.half_width(50.0, [50.0], math.log(3)) == pytest.approx(3 * calibration.half_width(50.0, [50.0]))


def test_one_tile_has_no_spread() -> None:
    assert Calibration((1.0, 0, 0, 5.0, 0)).half_width(70.0, [70.0]) == pytest.approx(math.e)


def test_tiles_count_as_far_as_validation_pictures_have_them() -> None:
    halved = Calibration((3.0, 0, 0, 0, -1.0))
    widths = [halved.half_width(70.0, [70.0] * tiles) for tiles in (1, 4, 6, 9, 96)]
    assert widths == pytest.approx([math.e**3 / tiles for tiles in (4, 4, 6, 9, 9)])


def test_the_half_width_stays_between_a_tenth_and_60_points() -> None:
    assert Calibration((900.0, 0, 0, 0, 0)).half_width(50.0, [50.0]) == pytest.approx(60.0)
    assert Calibration((-900.0, 0, 0, 0, 0)).half_width(50.0, [50.0]) == pytest.approx(0.1)


def test_a_calibration_survives_its_own_dictionary() -> None:
    calibration = Calibration((0.1, 0.2, 0.3, 0.4, 0.5), 2.0)
    assert Calibration.from_dict(calibration.to_dict()) == calibration


@pytest.mark.parametrize(
    ("coefficients", "scale"),
    [((1, 2, 3, 4), 1.0), ((1, 2, 3, 4, math.nan), 1.0), ((1, 2, 3, 4, 5), 0.0)],
)
def test_a_calibration_that_makes_no_sense_is_refused(coefficients: tuple[float, ...], scale: float) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration(coefficients, scale)  # type: ignore[arg-type]


def test_scores_get_the_words_of_p910_at_equal_steps() -> None:
    words = {0.0: "bad", 19.99: "bad", 20.0: "poor", 40.0: "fair", 60.0: "good", 80.0: "excellent"}
    assert {score: grade(score) for score in words} == words
    assert (grade(100.0), grade(-3.0), grade(104.0)) == ("excellent", "bad", "excellent")
