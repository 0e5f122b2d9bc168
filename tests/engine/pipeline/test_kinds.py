"""Pictures that are no photographs are named, cheaply, and their score is said to mean little."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from support.photographs import photograph

from hiqa_cli.engine.pipeline.kinds.features import FEATURES, features
from hiqa_cli.engine.pipeline.kinds.model import kind_of
from hiqa_cli.engine.pipeline.kinds.names import KINDS, NOT_A_PHOTOGRAPH
from hiqa_cli.engine.scorer import Scorer
from hiqa_train.data.kinds.material import HELD_OUT, Made, make_pictures


@pytest.fixture(scope="module")
def pictures() -> list[Made]:
    """Kinds that the model was not fitted with, in a face that it was not fitted with: Pillow's own."""
    return list(make_pictures(HELD_OUT, 4, [], [], seed=7))


def test_made_pictures_of_kinds_never_fitted_are_found(pictures: list[Made]) -> None:
    named = [kind_of(made.pixels) for made in pictures]
    missed = [made.name for made, kind in zip(pictures, named, strict=True) if kind not in NOT_A_PHOTOGRAPH]
    assert len(missed) <= len(pictures) // 15, missed


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_photographs_are_photographs_also_when_distorted(name: str) -> None:
    from hiqa_cli.images.read import read_picture

    files = sorted((Path(__file__).parents[3] / "examples").glob(f"{name}*.*"))
    assert files
    assert {file.name: kind_of(read_picture(file).pixels) for file in files} == {
        file.name: "photograph" for file in files
    }


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2), (65, 63), (64, 4000)], ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_of_any_size_has_finite_features_and_a_kind(size: tuple[int, int], dtype: type) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(dtype)
    measures = features(pixels)
    assert measures.shape == (FEATURES,)
    assert np.isfinite(measures).all()
    assert kind_of(pixels) in KINDS


def test_sixteen_bits_have_the_kind_of_their_upper_eight(pictures: list[Made]) -> None:
    for made in pictures[::9]:
        assert np.array_equal(features(made.pixels), features(made.pixels.astype(np.uint16) * 257))


def test_the_time_does_not_grow_with_the_picture() -> None:
    def seconds(side: int) -> float:
        pixels = photograph(side=side)
        features(pixels)
        begin = time.process_time()
        for _ in range(5):
            features(pixels)
        return time.process_time() - begin

    assert seconds(2000) < 3 * seconds(400)


def test_a_frame_of_one_colour_keeps_its_score_and_says_that_it_means_little(tiny_weights: Path) -> None:
    scorer = Scorer.load(tiny_weights, device="cpu", precision="fp32", threads=1)
    flat = scorer.score(np.full((256, 256, 3), 90, np.uint8))
    assert (flat.kind, flat.uncertainty) == ("flat", 100.0)
    assert flat.notes == ("flat, nothing to judge: its score means little",)
    row = flat.to_row("a.png")
    assert (row["kind"], row["lower"], row["upper"]) == ("flat", 0.0, 100.0)
    photo = scorer.score(photograph(side=256))
    assert (photo.kind, photo.notes, photo.to_dict()["kind"]) == ("photograph", (), "photograph")
    assert photo.uncertainty < 100
