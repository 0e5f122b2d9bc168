"""`hiqa train reasons` gives weights a head of reasons and leaves their networks as they are, byte for byte."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.photographs import photograph
from support.tiny_training import write_clean_images, write_tiny_reasons
from support.tiny_weights import tiny_pair_networks, write_tiny_weights

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.manifest import GENERATOR_FILE, REASONS_FILE, REGRESSOR_FILE, read_manifest, verify_manifest
from hiqa_cli.engine.pipeline.reasons.file import read_head
from hiqa_cli.engine.pipeline.reasons.names import BLUR, NOISE, WORDS
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import load_weights, save_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.traits import PAIR
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.evaluation.clean.reasons import HELD_OUT, measure_reasons, versions
from hiqa_train.runs import reasons as runs
from hiqa_train.runs.options import RunOptions
from hiqa_train.stages.reasons.chains import FaultyImage, draw_chain
from hiqa_train.stages.reasons.faults import FITTED
from hiqa_train.stages.reasons.identity import networks_of
from hiqa_train.stages.reasons.rows import FaultDraw, draws_of
from hiqa_train.stages.reasons.thresholds import f_measure, highest_of


def quiet(line: str) -> None:
    """Report nothing."""


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("reasons")
    write_tiny_reasons(found)
    return found


def with_new_heads(folder: Path, base: Path) -> Path:
    """The same G and trunk with other heads, as a later training writes them."""
    loaded, other = load_weights(base), tiny_pair_networks(seed=5)[1]
    other.trunk.load_state_dict(loaded.regressor.trunk.state_dict())  # type: ignore[union-attr]
    calibration = Calibration((1.0, 0.2, -0.3, 0.1, -0.1), 1.0)
    about = {"name": "x", "version": "2", "licence": "none", "training_data": [], "measured": {}}
    save_weights(folder, loaded.generator, other, calibration, **about)
    return folder


def test_networks_stay_byte_for_byte_and_the_manifest_names_the_head(folder: Path) -> None:
    base, weights = folder / "base", folder / "out" / "weights"
    for name in (GENERATOR_FILE, REGRESSOR_FILE):
        assert (weights / name).read_bytes() == (base / name).read_bytes()
    before, after = read_manifest(base), read_manifest(weights)
    assert after.weights_id != before.weights_id
    assert after.files[REASONS_FILE][1] == (weights / REASONS_FILE).stat().st_size
    assert all(check.ok for check in verify_manifest(weights))
    assert set(after.measured["reasons"]["validation"]) == set(WORDS)
    assert after.measured["note"] == before.measured["note"]


def test_other_heads_of_the_same_networks_take_the_rows_without_the_networks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = with_new_heads(tmp_path / "other", folder / "base")
    assert networks_of(other) == networks_of(folder / "base")
    out = tmp_path / "out"
    out.mkdir()
    (out / runs.ROWS).symlink_to(folder / "out" / runs.ROWS)
    monkeypatch.setattr(runs, "rows_of", lambda draws, backend: pytest.fail("a row is computed again"))
    options = RunOptions(resume=True)
    found = runs.train_reasons([folder / "clean"], other, out, options, never, quiet, turns=1)
    assert found is not None
    assert (found / REGRESSOR_FILE).read_bytes() == (other / REGRESSOR_FILE).read_bytes()
    assert (found / REASONS_FILE).read_bytes() == (folder / "out" / "weights" / REASONS_FILE).read_bytes()


def test_a_fitted_head_is_copied_to_weights_of_the_same_networks_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "default_folder", lambda: folder / "out" / "weights")
    other = with_new_heads(tmp_path / "other", folder / "base")
    found = runs.copy_reasons(other, tmp_path / "out", quiet)
    assert (found / REASONS_FILE).read_bytes() == (folder / "out" / "weights" / REASONS_FILE).read_bytes()
    strangers = write_tiny_weights(tmp_path / "strangers", seed=3, pair=True)
    with pytest.raises(UsageError, match="another G or trunk"):
        runs.copy_reasons(strangers, tmp_path / "none", quiet)


def test_rows_of_other_photographs_or_a_finished_folder_are_not_mixed(folder: Path, tmp_path: Path) -> None:
    more = write_clean_images(tmp_path / "more", 14)
    out = tmp_path / "out"
    out.mkdir()
    (out / runs.ROWS).symlink_to(folder / "out" / runs.ROWS)
    resumed = RunOptions(resume=True)
    with pytest.raises(UsageError, match="holds rows of other data"):
        runs.train_reasons([more], folder / "base", out, resumed, never, quiet, turns=1)
    with pytest.raises(UsageError, match="is not empty"):
        runs.train_reasons([folder / "clean"], folder / "base", folder / "out", RunOptions(), never, quiet, turns=1)
    with pytest.raises(UsageError, match="is finished"):
        runs.train_reasons([folder / "clean"], folder / "base", folder / "out", resumed, never, quiet, turns=1)


def test_weights_whose_r_compares_nothing_get_no_head(folder: Path, tmp_path: Path) -> None:
    paper = write_tiny_weights(tmp_path / "paper")
    with pytest.raises(UsageError, match="no statistics of a pair"):
        runs.train_reasons([folder / "clean"], paper, tmp_path / "out", RunOptions(), never, quiet, turns=1)
    assert read_head(paper, PAIR) is None


def test_a_fault_costs_what_leaving_it_out_gives() -> None:
    clean = photograph(0, 256)
    chain = [(BLUR, lambda image: FITTED[BLUR]["lens blur"](image, np.random.default_rng(0)))]
    chain += [(NOISE, lambda image: FITTED[NOISE]["noise"](image, np.random.default_rng(2)))]
    faulty = FaultyImage(clean, chain)
    both, blurred, noisy, none = (faulty.version(words) for words in ((BLUR, NOISE), (BLUR,), (NOISE,), ()))
    place = dict(zip(WORDS, range(len(WORDS)), strict=True))
    assert blurred.points[place[BLUR]] > 10
    assert noisy.points[place[NOISE]] > both.points[place[NOISE]] >= 0, "each hides some of the other"
    assert np.isnan(blurred.points[place[NOISE]])
    assert np.isnan(none.points).all()
    assert np.array_equal(none.pixels, clean)


def test_draws_are_the_same_every_time_and_take_every_word() -> None:
    images = [CleanImage(str(n), photograph(n, 320)) for n in range(3)]
    draws = draws_of(images[:2], images[2:], 2, seed=1)
    assert [draw.whole for draw in draws] == [True] * 3 + [False] * 6
    assert [draw.validates for draw in draws] == [False, False, True] * 3
    one, again = (draws[4].versions() for _ in range(2))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(one, again, strict=True))
    drawn = Counter(word for n in range(300) for word, _ in draw_chain(FITTED, [1, n]))
    assert set(drawn) == set(WORDS)


def test_every_kind_of_every_word_changes_a_picture_and_keeps_its_form() -> None:
    pixels = photograph(1, 256)
    for word, kinds in FITTED.items():
        for name, kind in kinds.items():
            found = kind(pixels, np.random.default_rng(3))
            assert (found.shape, found.dtype) == (pixels.shape, np.uint8), (word, name)
            assert not np.array_equal(found, pixels), (word, name)


def test_kinds_that_measure_the_head_are_none_that_it_is_fitted_to() -> None:
    fitted = {name for kinds in FITTED.values() for name in kinds}
    assert not fitted & set(HELD_OUT)
    found = list(versions(CleanImage("a", photograph(4, 320))))
    assert {kind for kind, _, _ in found} == set(HELD_OUT)
    costs = [cost for kind, _, cost in found if kind == "motion blur"]
    assert costs == sorted(costs)


def test_the_measure_counts_calls_of_each_kind_and_of_clean_images(folder: Path) -> None:
    scorer = Scorer.load(folder / "out" / "weights", device="cpu", precision="fp32", backend="torch")
    images = [CleanImage("a", photograph(0, 320))]
    result = measure_reasons(scorer, images, report=quiet)
    expected = 1 + sum(len(strengths) for _, _, strengths in HELD_OUT.values()) - sum(result.too_faint.values())
    assert sum(result.counts.values()) == expected
    assert 0 <= result.mean_f1 <= 1
    assert all(number <= result.counts[kind] for kind, words in result.calls.items() for number in words.values())
    result.add("motion blur", {BLUR: 30.0}, cost=20.0)
    assert result.of_word(BLUR).points_error is not None


def test_thresholds_keep_false_alarms_to_their_share() -> None:
    logits = np.arange(200.0)
    assert (logits > highest_of(logits, 0.01)).sum() == 2
    assert (logits > highest_of(logits, 0.0)).sum() == 0
    assert f_measure(np.array([True, True, False]), np.array([True, False, False])) == pytest.approx(2 / 3)


def test_rows_of_a_draw_are_named_after_its_photograph(folder: Path) -> None:
    about = json.loads((folder / "out" / runs.ROWS / "about.json").read_bytes())
    assert about["clean_images"] == sorted(path.name for path in (folder / "clean").iterdir())
    assert about["precision"] in {"fp32", "bf16"}  # rows of one are not continued in the other
    draw = FaultDraw(CleanImage("a", photograph(0, 320)), 1, 7, False, False)
    assert 1 <= len(draw.versions()) <= 3
