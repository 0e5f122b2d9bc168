"""Coverage of the uncertainty of a change, on pairs of versions of photographs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.photographs import photograph
from support.tiny_weights import write_tiny_weights

from hiqa_cli.engine.calibration import PAIR_SCALE
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import UsageError
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.experiments import pairs
from hiqa_train.uncertainty.coverage import target_score


def pair(photograph: str, error: float, uncertainty: float = 10.0) -> pairs.Pair:
    return pairs.Pair(photograph, "jpeg75", "jpeg35", error - 4, -4.0, uncertainty)


def test_the_versions_of_a_photograph_are_nine_and_webp_and_avif_have_equal_bytes():
    image = CleanImage("a.png", photograph(1, 330))
    versions = pairs.named_versions(image, 0)
    assert len(versions) == 9
    assert all(one.shape == image.pixels.shape and one.dtype == np.uint8 for one in versions.values())
    assert {name for names in pairs.QUESTIONS for name in names} == versions.keys()
    webp = len(pairs.encoded(image.pixels, "WEBP", quality=pairs.WEBP, method=6))
    assert len(pairs.avif_of_size(image.pixels, webp)) == pytest.approx(webp, rel=0.05)
    for name, pixels in pairs.named_versions(image, 0).items():
        assert np.array_equal(pixels, versions[name]), name


def test_random_versions_depend_on_the_number_of_the_photograph_alone():
    image = CleanImage("a.png", photograph(2, 330))
    first, again, other = (pairs.random_versions(image, number, 4) for number in (3, 3, 4))
    assert len(first) == 4
    assert list(first) == list(again)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert list(first) != list(other)


def test_every_two_versions_are_a_pair_with_the_change_of_score_and_target(tiny_weights: Path):
    image = CleanImage("a.png", photograph(3, 330))
    blurred, coarse = (cv2.GaussianBlur(image.pixels, (0, 0), sigma) for sigma in (1, 4))
    scorer = Scorer.load(tiny_weights, device="cpu", precision="fp32", threads=1)
    found = pairs.pairs_of(scorer, image, {"original": image.pixels, "blurred": blurred, "coarse": coarse})
    assert [(one.first, one.second) for one in found] == [
        ("original", "blurred"),
        ("original", "coarse"),
        ("blurred", "coarse"),
    ]
    before, after = scorer.score(image.pixels), scorer.score(coarse)
    assert found[1].change == pytest.approx(after.score - before.score)
    assert found[1].uncertainty == pytest.approx(np.hypot(before.uncertainty, after.uncertainty))
    assert found[1].target_change == pytest.approx(target_score(coarse, image.pixels, after.tiles) - 100)
    assert found[2].target_change < 0


def test_coverage_is_the_share_of_errors_within_the_uncertainty_and_photographs_count_as_wholes():
    inside, outside = 9 * PAIR_SCALE, 11 * PAIR_SCALE
    found = [pair("a", inside), pair("a", inside), pair("b", outside), pair("b", inside)]
    assert pairs.covered(found) == 0.75
    low, high = pairs.covered_interval(found)
    assert (low, high) == (0.5, 1.0)
    assert pairs.fitting_scale([pair("a", float(error)) for error in range(11)]) == pytest.approx(0.8)
    lines = pairs.result_lines(found)
    assert "4 pairs of 2 photographs: covered 75.0 % (50.0 to 100.0)" in lines[0]
    assert lines[-1].startswith("  jpeg75, jpeg35: change +5.5, of the target -4.0")


def test_photographs_that_the_weights_saw_are_left_out_and_unknown_names_are_refused(tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in "abc":
        cv2.imwrite(str(folder / f"{name}.png"), photograph(4, 330))
    weights = write_tiny_weights(tmp_path / "weights", seen_scenes=["mine/a"])
    assert [image.name for image in pairs.photographs(folder, ["b"], weights)] == ["c.png"]
    with pytest.raises(UsageError, match="--leave-out d: no such image"):
        pairs.photographs(folder, ["d"], weights)
    with pytest.raises(UsageError, match="trained on every image"):
        pairs.photographs(folder, ["b", "c"], weights)
