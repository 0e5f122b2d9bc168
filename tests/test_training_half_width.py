"""The half-width is fitted on validation pictures: what it covers, and what R's hidden units tell of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_weights import tiny_networks, write_tiny_weights

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import load_weights, save_weights
from hiqa_train.half_width import Doubt, fit_half_width
from hiqa_train.looking import looking_at_hidden_units
from hiqa_train.uncertainty import Case, check


def stated(cases: list[Case], calibration: Calibration, doubt: Doubt | None) -> list[Case]:
    """The cases, with the half-width that such a fit states."""
    doubts = [0.0 if doubt is None or case.seen is None else float(doubt(case.seen[None])[0]) for case in cases]
    return [
        dataclasses.replace(case, half_width=calibration.half_width(case.score, case.tiles, of_it))
        for case, of_it in zip(cases, doubts, strict=True)
    ]


def test_it_covers_the_share_it_is_fitted_for_and_grows_with_the_error() -> None:
    random = np.random.default_rng(0)

    def cases(number: int) -> list[Case]:
        made = []
        for _ in range(number):
            score = random.uniform(10, 95)
            target = score + random.normal(0, 1 + (100 - score) / 10)
            made.append(Case(score, tuple(random.normal(score, 5, 4)), 0.0, target))
        return made

    calibration, doubt = fit_half_width(cases(600))
    assert doubt is None
    found = check(stated(cases(600), calibration, None))
    assert 0.75 < found.covered < 0.85
    assert found.error_ratio > 1.5


def test_hidden_units_that_tell_of_errors_are_believed_and_others_are_not() -> None:
    random = np.random.default_rng(1)

    def cases(number: int, told_by: float) -> list[Case]:
        made = []
        for n in range(number):
            seen = random.normal(0, 1, 40)
            seen[7] = 0.0  # a dead unit
            error = random.normal(0, 6 * np.exp(told_by * seen[3]))
            made.append(Case(60.0, (60.0,) * 4, 0.0, 60.0 + error, scene=str(n), seen=seen))
        return made

    telling = check(stated(cases(900, 0.8), *fit_half_width(cases(900, 0.8))))
    assert 0.75 < telling.covered < 0.85
    assert telling.error_ratio > 2
    calibration, doubt = fit_half_width(cases(900, 0.0))
    assert doubt is not None
    silent = stated(cases(900, 0.0), calibration, doubt)
    assert 0.75 < check(silent).covered < 0.85
    assert np.std(np.log([case.half_width for case in silent])) < 0.15


def test_of_two_truths_each_has_its_say_and_people_most_of_it() -> None:
    random = np.random.default_rng(2)

    def cases(number: int, error: float, of_people: bool, unit: int) -> list[Case]:
        made = []
        for n in range(number):
            seen = random.normal(0, 1, 6)
            by = error * np.exp(0.7 * seen[unit])  # against each truth R errs where another unit says so
            made.append(Case(60.0, (60.0,) * 4, 0.0, 60 + random.normal(0, by), of_people, f"{n}", seen))
        return made

    fit = fit_half_width([*cases(1200, 10, False, 1), *cases(400, 5, True, 4)])
    told, people = (check(stated(kind, *fit)) for kind in (cases(2000, 10, False, 1), cases(2000, 5, True, 4)))
    assert told.error_ratio > 1.4
    assert people.error_ratio > 1.4
    assert 0.25 * told.covered + 0.75 * people.covered == pytest.approx(0.8, abs=0.03)
    assert told.covered < people.covered


def test_what_is_seen_are_the_hidden_units_behind_the_score(tmp_path: Path) -> None:
    scorer = Scorer.load(write_tiny_weights(tmp_path / "w"), device="cpu", precision="fp32")
    regressor = load_weights(tmp_path / "w").regressor.requires_grad_(False)
    look = looking_at_hidden_units(scorer)
    pixels = np.random.default_rng(3).integers(0, 256, (256, 256, 3), np.uint8)
    for _ in range(2):  # the second picture forgets the first
        result, seen = look(pixels)
        assert seen is not None
        assert seen.shape == (8,)
        logit = regressor.head.score(torch.from_numpy(seen).float()[None])
        assert 100 * float(torch.sigmoid(logit)) == pytest.approx(result.score, abs=0.05)


def test_of_a_large_picture_the_sampled_tiles_are_seen(tmp_path: Path) -> None:
    scorer = Scorer.load(write_tiny_weights(tmp_path / "w"), device="cpu", precision="fp32")
    pixels = np.tile(np.random.default_rng(5).integers(0, 256, (256, 256, 3), np.uint8), (10, 10, 1))
    result, seen = looking_at_hidden_units(scorer)(pixels)
    assert len(result.tiles) < result.tile_total
    other = Scorer.load(tmp_path / "w", device="cpu", precision="fp32")
    _, of_one_tile = looking_at_hidden_units(other)(pixels[:256, :256])
    assert seen is not None
    assert of_one_tile is not None
    np.testing.assert_allclose(seen, of_one_tile, atol=1e-5)


def test_weights_with_doubt_state_it_and_those_without_stay_as_they_were(tmp_path: Path) -> None:
    generator, regressor = tiny_networks()
    about = {"name": "x", "version": "1", "licence": "x", "training_data": [], "measured": {}}
    pixels = np.random.default_rng(4).integers(0, 256, (300, 400, 3), np.uint8)
    calibration = Calibration((1.0, 0.0, 0.0, 0.0, 0.0))
    results = []
    for name in ("without", "with"):
        if name == "with":
            weight = torch.linspace(-0.5, 0.5, 8)[None]
            regressor.give_doubt(weight, 0.25)
        save_weights(tmp_path / name, generator, regressor, calibration, **about)
        results.append(Scorer.load(tmp_path / name, device="cpu", precision="fp32").score(pixels))
    without, having = results
    assert having.score == without.score
    assert without.uncertainty == pytest.approx(np.e)
    doubt = np.mean([tile.doubt for tile in having.tiles])
    assert having.uncertainty == pytest.approx(np.e * np.exp(doubt))
    assert abs(doubt) > 0.01
