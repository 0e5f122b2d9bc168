"""Cached features of whole images: their values, patches cut from them, and protocols that use them."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from support.database_trees import write_tid
from support.sample_images import photograph
from support.tiny_training import RECIPE
from support.tiny_weights import weights_that_saw

from hiqa_cli.commands.app import run
from hiqa_cli.errors import UsageError
from hiqa_train.data.feature_cache import CELL, FeatureCache, ImageFeatures
from hiqa_train.data.scored_images import ScoredImage, open_samples
from hiqa_train.datasets.sample import Sample
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.sources.cached_features import CachedFeatureFixedPatches, CachedFeaturePatches
from hiqa_train.stages.initialise import load_generator, load_regressor

CPU = RunDevice(torch.device("cpu"), "fp32")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return weights_that_saw(tmp_path / "weights", ["elsewhere/one"])


@pytest.fixture
def images(tmp_path: Path) -> tuple[ScoredImage, ...]:
    """Two images of 128x96 px."""
    samples = []
    for number in range(2):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), photograph(128, 96, seed=number))
        samples.append((0, Sample(path, number, number / 2, f"s{number}", None)))
    return open_samples(samples, tmp_path / "cache", lambda: None)


@pytest.fixture
def features(images: tuple[ScoredImage, ...], weights: Path, tmp_path: Path) -> dict[Path, ImageFeatures]:
    cache = FeatureCache(load_generator(weights), tmp_path / "cache", CPU)
    return {image.file: cache.features(image.file) for image in images}


def test_cached_features_are_the_output_of_g_on_the_whole_image(
    images: tuple[ScoredImage, ...], features: dict[Path, ImageFeatures], weights: Path
):
    pixels = np.load(images[0].file)
    with torch.no_grad():
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        output = load_generator(weights)(image)
    cached = np.load(features[images[0].file].discrepancy), np.load(features[images[0].file].semantic)
    expected = (image - output.hallucination)[0], output.semantic[0]
    assert cached[0].shape == (96, 128, 3)
    assert cached[1].shape[:2] == (3, 4)
    for one, other in zip(cached, expected, strict=True):
        np.testing.assert_allclose(one, other.permute(1, 2, 0).numpy(), rtol=1e-3, atol=1e-5)


def test_features_of_an_image_are_computed_once(
    images: tuple[ScoredImage, ...], weights: Path, tmp_path: Path, monkeypatch
):
    first = FeatureCache(load_generator(weights), tmp_path / "cache", CPU).features(images[0].file)
    again = FeatureCache(load_generator(weights), tmp_path / "cache", CPU)
    monkeypatch.setattr(again, "_compute", lambda pixels: pytest.fail("computed twice"))
    assert again.features(images[0].file) == first
    other = FeatureCache(load_generator(None), tmp_path / "cache", CPU)
    assert other.folder != again.folder  # another G has a folder of its own


def test_map_and_features_are_cut_rotated_and_flipped_with_the_image(
    images: tuple[ScoredImage, ...], features: dict[Path, ImageFeatures]
):
    source = CachedFeaturePatches(images, 64, seed=3, features=features, with_references=False)
    batch = source.draw(range(12))
    assert batch.cached_inputs is not None
    transforms = set()
    for number in range(12):
        place = source.place(number)
        transforms.add((place.turns, place.flip))
        assert place.x % CELL == place.y % CELL == 0
        pieces = (
            (np.load(place.image.file), 1, batch.distorted),
            (np.load(features[place.image.file].discrepancy), 1, batch.cached_inputs.discrepancy),
            (np.load(features[place.image.file].semantic), CELL, batch.cached_inputs.semantic),
        )
        for values, unit, found in pieces:
            piece = values[place.y // unit : (place.y + 64) // unit, place.x // unit : (place.x + 64) // unit]
            piece = np.rot90(piece, place.turns)
            np.testing.assert_array_equal(found[number].numpy(), piece[:, ::-1] if place.flip else piece)
    assert len(transforms) > 3
    assert torch.equal(source.draw(range(5, 9)).cached_inputs.semantic, batch.cached_inputs.semantic[5:9])
    alone = CachedFeaturePatches(images, 64, seed=3, features={}, with_references=False).draw(range(12))
    assert torch.equal(alone.distorted, batch.distorted)  # a baseline trains on the same patches
    assert alone.cached_inputs is None


def test_validation_patches_are_on_the_grid_of_the_features(
    images: tuple[ScoredImage, ...], features: dict[Path, ImageFeatures]
):
    source = CachedFeatureFixedPatches(images, 64, 2, features, with_references=False)
    places = {(place.x, place.y) for place in map(source.place, range(source.epoch_length))}
    assert len(places) == 2
    assert all(x % CELL == y % CELL == 0 for x, y in places)
    assert source.draw(range(2)).cached_inputs.semantic.shape[1:3] == (2, 2)


def test_initial_weights_whose_r_has_more_inputs_than_the_stage_are_refused(weights: Path):
    recipe = load_recipe("best")
    assert load_regressor(weights, recipe.stages["final"]).regressor.config.discrepancy
    with pytest.raises(UsageError, match="its R has inputs that the stage lacks"):
        load_regressor(weights, recipe.stages["alone"])


@pytest.fixture
def evaluate(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """evaluate(*more): two methods by two splits on a small tree, in this process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    tree = write_tid(tmp_path / "tid", 2013, scenes=5, types=2, size=(96, 64))
    recipe = tmp_path / "tiny.toml"
    recipe.write_text('order = ["alone", "generator", "final"]\n' + RECIPE.replace("[joint]\nsteps = 2\n", ""))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*more: str | Path, out: str = "out") -> Path:
        arguments = [
            "evaluate", "splits", "tid2013", "--root", tree, "--num-splits", "2", "--recipe",
            recipe, "--out", tmp_path / out, "--device", "cpu", "--precision", "fp32", "--quiet", *more,
        ]  # fmt: skip
        assert run(list(map(str, arguments))) == 0
        return tmp_path / out

    yield call
    for number, handler in before.items():
        signal.signal(number, handler)


def scores_of(out: Path, split: int) -> list[list[object]]:
    data = json.loads((out / "hiqa-tiny" / f"split-{split:02}" / "result.json").read_text())
    return data["tests"]["tid2013"]["images"]


@pytest.mark.slow
@pytest.mark.usefixtures("brief_fit")
def test_a_protocol_with_whole_views_resumes_and_is_reproducible(evaluate, weights: Path):
    ready = ["--generator", weights, "--whole-views", "--method", "hiqa", "--method", "baseline"]
    out = evaluate(*ready)
    found = scores_of(out, 0), scores_of(out, 1)
    assert len({score for _, _, score in found[0]}) > 5
    finished = (out / "hiqa-tiny" / "split-00" / "result.json").stat().st_mtime_ns
    (out / "hiqa-tiny" / "split-01" / "result.json").unlink()
    for file in (out / "hiqa-tiny" / "split-01").glob("scores*"):
        file.unlink()
    evaluate(*ready)
    assert (out / "hiqa-tiny" / "split-00" / "result.json").stat().st_mtime_ns == finished
    assert scores_of(out, 1) == found[1]
    other = evaluate(*ready[:-2], "--num-splits", "1", out="other")
    assert scores_of(other, 0) == found[0]


@pytest.mark.slow
def test_contradicting_options_are_refused(evaluate, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="--whole-views needs --generator"):
        evaluate("--whole-views")
    with pytest.raises(UsageError, match="--weights goes with --method weights"):
        evaluate("--weights", weights)
    saw = weights_that_saw(tmp_path / "saw", [f"kodim{number:02}" for number in range(1, 25)])
    with pytest.raises(UsageError, match="test scenes were used in training"):
        evaluate("--init-from", saw, "--generator", weights)
    with pytest.raises(UsageError, match="has other sizes"):
        evaluate("--init-from", weights_that_saw(tmp_path / "smaller", []), "--generator", weights)
    monkeypatch.setenv("HIQA_WEIGHTS", str(weights))
    evaluate("--method", "gmsd")  # what the environment names is for other commands
