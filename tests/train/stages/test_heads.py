"""The heads of the released R: rows of statistics, networks on them, weights that score."""

from __future__ import annotations

import copy
import dataclasses
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from support.tiny_mixed import write_mixed
from support.tiny_training import short_recipe

from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.pair_regressor import PairRegressor, PairRegressorConfig
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import HeadsStage
from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.run import train_databases, train_mixed
from hiqa_train.sources.mixed import CLEAN
from hiqa_train.stages.heads import stage as heads_stage
from hiqa_train.stages.heads.collect import check_identity
from hiqa_train.stages.heads.objective import drop_alike, fit_scales, rising_curve
from hiqa_train.stages.heads.rows import Rows
from hiqa_train.stages.heads.training import train_heads
from hiqa_train.stages.trunk import stage as trunk_stage
from hiqa_train.trainer.loop import StopSignal

SOURCES = 3  # versions, a database with references, photographs


def small_recipe(**changes: object) -> Recipe:
    """The recipe `release`, so small that it takes seconds; changes: of its heads."""
    release, tiny = load_recipe("release"), short_recipe(steps=2)
    small = dataclasses.replace(release, networks=tiny.networks, watch=tiny.watch)
    small = small.with_stage("generator", steps=2, batch=4, patch=64)
    small = small.with_stage("trunk", steps=2, batch=6, patch=256, photographs=1, image_units=4)
    few = {
        "groups": 1,
        "patches": (256,),
        "photograph_share": 0.0,
        "mild_groups": 0,
        "mild_photograph_share": 0.0,
        "steps": 20,
        "batch": 10,
        "pair_units": 4,
        "gate_units": 2,
    }
    return small.with_stage("heads", **{**few, **changes})


def heads(steps: int, **changes: object) -> HeadsStage:
    stage = load_recipe("release").stages["heads"]
    assert isinstance(stage, HeadsStage)
    return dataclasses.replace(stage, steps=steps, batch=40, pair_units=8, gate_units=4, **changes)


@pytest.fixture(autouse=True)
def random_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """ImageNet's filters come with a package that tests do not need."""
    monkeypatch.setattr(trunk_stage, "load_lite0", lambda trunk: None)
    monkeypatch.setattr(trunk_stage, "FITTED", 1)


def rows(count: int, told_by: str) -> Rows:
    """Random statistics in which one number of the image ("image") or of the pair ("pair") decides the quality."""
    regressor = PairRegressor(PairRegressorConfig(semantic_channels=8))
    rng = np.random.default_rng(0)
    statistics = rng.uniform(0.5, 1.5, (count, regressor.statistics_count)).astype(np.float32)
    half = statistics[:, : regressor.statistics_count // 2]
    quality = rng.uniform(0, 1, count).astype(np.float32)
    place = 3 if told_by == "image" else statistics.shape[1] - 9
    statistics[:, place] = 1 + quality
    statistics[:, half.shape[1] :] += 1  # squares above the squared means
    source = rng.integers(0, SOURCES, count)
    source[:20] = np.arange(20) % SOURCES
    nothing = np.full(count, np.nan, np.float32)
    return Rows(
        statistics=statistics,
        whole=rng.uniform(1, 2, (count, 1024)).astype(np.float32),
        human=np.where(source == CLEAN, nothing, 0.2 + 0.5 * quality),
        measured=np.where(source == 2, nothing, quality),
        source=source,
        subset=np.where(source == 2, np.where(quality > 0.6, "good", "bad"), ""),
        group=np.where(source == CLEAN, np.arange(count) // 5, 10**6 + np.arange(count)),
        validates=np.zeros(count, bool),
        scene=np.arange(count).astype(str),
    )


def untrained(some: Rows) -> PairRegressor:
    """An R whose image's head knows the scale of its input."""
    regressor = PairRegressor(PairRegressorConfig(semantic_channels=8, image_units=8, pair_units=8, gate_units=4))
    image, _ = regressor.described(torch.from_numpy(some.statistics), torch.from_numpy(some.whole))
    regressor.of_image.fit(image)
    return regressor.eval().requires_grad_(False)  # as in a run


@pytest.mark.slow
@pytest.mark.parametrize("told_by", ["image", "pair"])
def test_heads_find_what_decides_the_quality_in_image_or_comparison(told_by: str) -> None:
    some = rows(600, told_by)
    regressor = untrained(some)
    train_heads(regressor, some, SOURCES, heads(300, image_rate=1.0, order_weight=0.5), 1, lambda line: None)
    scores = heads_stage.scores_of(regressor, some)
    truth = np.where(some.source == 2, (some.human - 0.2) / 0.5, some.measured)
    compared = some.source != 2
    assert np.corrcoef(scores[compared], truth[compared])[0, 1] > 0.8


def test_the_head_of_images_stays_in_order_at_rate_zero_and_moves_else() -> None:
    some = rows(300, "image")
    before, moved = untrained(some), []
    numbers = before.of_image(before.described(torch.from_numpy(some.statistics), torch.from_numpy(some.whole))[0])
    for rate in (0.0, 1.0):
        regressor = copy.deepcopy(before)
        train_heads(regressor, some, SOURCES, heads(20, image_rate=rate), 1, lambda line: None)
        moved.append(float(spearmanr(before.image(numbers), regressor.image(numbers))[0]) < 1)
    assert moved == [False, True]


def test_a_training_is_the_same_every_time() -> None:
    some, found = rows(200, "image"), []
    for _ in range(2):
        torch.manual_seed(0)
        regressor = untrained(some)
        train_heads(regressor, some, SOURCES, heads(20), 1, lambda line: None)
        found.append(heads_stage.scores_of(regressor, some))
    np.testing.assert_array_equal(*found)


def test_versions_are_brought_to_the_human_scale_of_the_database_with_references() -> None:
    some = rows(600, "image")
    scales = fit_scales(some, SOURCES)
    assert scales.base == 1
    units = scales.units(some)
    assert units[some.source == 1].mean() == pytest.approx(0, abs=1e-5)
    versions = some.source == CLEAN
    assert np.corrcoef(units[versions], some.measured[versions])[0, 1] > 0.99
    assert units[versions].std() == pytest.approx(
        some.measured[versions].std() / some.measured[some.source == 1].std(), rel=0.1
    )


def test_a_clean_version_is_wanted_better_than_a_mild_one_where_people_hardly_saw_any() -> None:
    measured = np.random.default_rng(0).uniform(0.2, 0.75, 400)
    curve = rising_curve(measured, np.tanh(6 * (measured - 0.4)))  # flat from 0.75 on
    mild, clean = np.interp([0.8, 1.0], *curve)
    assert clean - mild > 0.2 * 0.2 * 0.7 / measured.std()
    assert (np.diff(curve[1]) > 0).all()


def test_versions_of_one_image_lose_the_same_numbers_to_dropout() -> None:
    torch.manual_seed(0)
    kept = drop_alike(torch.ones(4, 1000), 0.4, True)
    assert torch.equal(kept, kept[:1].expand(4, -1))
    assert 0.5 < float((kept > 0).float().mean()) < 0.7
    assert torch.equal(drop_alike(torch.ones(4, 1000), 0.4, False), torch.ones(4, 1000))


def test_without_references_the_measure_itself_is_the_scale() -> None:
    some = rows(300, "image")
    scales = fit_scales(some.of(some.source != 1), SOURCES)
    assert scales.base == CLEAN


@pytest.mark.slow
def test_a_run_goes_on_where_it_was_stopped_and_leaves_weights_that_score(tmp_path: Path) -> None:
    parts, tested, folders, _ = write_mixed(tmp_path)
    told: list[str] = []

    def run(recipe: Recipe, *, resume: bool, stop_at: str = "") -> Path | None:
        stop = StopSignal()

        def report(line: str) -> None:
            told.append(line)
            if stop_at and stop_at in line:
                stop.signal = signal.SIGTERM

        options = RunOptions(device="cpu", precision="fp32", resume=resume, cache=tmp_path / "cache")
        return train_mixed(parts, tested, folders, recipe, tmp_path / "out", options, stop, report)

    assert run(small_recipe(), resume=False, stop_at="go through the networks once") is None
    weights = run(small_recipe(), resume=True)
    assert weights == tmp_path / "out" / "weights"
    pieces = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "heads" / "rows").iterdir()}
    loaded = load_weights(weights)
    assert isinstance(loaded.regressor, PairRegressor)
    assert loaded.regressor.error_head is not None
    assert list(loaded.manifest.measured["maps"]) == ["mine"]
    scores = [Scorer.load(weights, device="cpu").score(path).score for path in sorted(folders[0].iterdir())[:3]]
    assert all(0 < score < 100 for score in scores)
    assert len(set(scores)) == 3
    run(small_recipe(), resume=True)
    assert {path: path.stat().st_mtime_ns for path in pieces} == pieces


def test_an_untrained_regressor_is_the_same_every_time_because_rows_belong_to_networks() -> None:
    config, part = PairRegressorConfig(semantic_channels=8), PairRegressor(PairRegressorConfig(compares=False))
    first, second = (heads_stage.build_regressor(config, part).state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_rows_of_other_data_are_refused(tmp_path: Path) -> None:
    check_identity(tmp_path, {"networks": "a", "seed": 1})
    check_identity(tmp_path, {"networks": "a", "seed": 1})
    with pytest.raises(UsageError, match="rows of other data or networks"):
        check_identity(tmp_path, {"networks": "b", "seed": 1})


def test_heads_need_clean_images_beside_databases(tmp_path: Path) -> None:
    parts, *_ = write_mixed(tmp_path)
    options = RunOptions(device="cpu", precision="fp32", cache=tmp_path / "cache")
    expected = "the stage trunk needs databases and clean images; give --dataset and --clean-images"
    with pytest.raises(UsageError, match=expected):
        train_databases(parts, small_recipe(), tmp_path / "out", options, StopSignal(), lambda line: None)
