"""Squares of whole images, cut and scored as mode "fast" does."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest
import torch
from support.photographs import photograph
from support.tiny_mixed import quiet, recipe, write_mixed
from support.tiny_training import options
from support.tiny_weights import tiny_networks

from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import UsageError
from hiqa_train.data.scored_images import open_samples
from hiqa_train.data.whole_image import (
    TILES,
    FixedWholeImages,
    WholeImagePatches,
    score_images,
    tile_positions,
    window_weights,
)
from hiqa_train.datasets.sample import Sample
from hiqa_train.distributed import RunDevice
from hiqa_train.losses.objectives import RegressorObjective, regressor_inputs
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.runs.run import train_mixed
from hiqa_train.runs.sources import open_mixed
from hiqa_train.sources.mixed import PHOTOGRAPHS
from hiqa_train.trainer.loop import StopSignal
from hiqa_train.trainer.validation import Validation, predict

SIZES = [(512, 512), (512, 384), (500, 421), (300, 256), (256, 200), (100, 300)]
CPU = RunDevice(torch.device("cpu"), "fp32")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Scored photographs of several sizes, width and height."""
    folder = tmp_path_factory.mktemp("squares")
    samples = []
    for number, (width, height) in enumerate(SIZES):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), photograph(number, 512)[:height, :width])
        samples.append((number % 2, Sample(path, 5 - number / 2, 1 - number / 10, f"s{number}", None)))
    return open_samples(samples, folder / "cache", lambda: None)


def test_a_square_has_the_score_of_mode_fast(images, tiny_weights):
    loaded, scorer = load_weights(tiny_weights), Scorer.load(tiny_weights, device="cpu", precision="fp32")
    batch = (
        FixedWholeImages(images, 256, with_references=False).draw(range(len(images) * TILES)).to(torch.device("cpu"))
    )
    with torch.inference_mode():
        view = regressor_inputs(loaded.generator, batch, "hallucination", fusion=True)
        features = loaded.regressor.quality_features(batch.distorted, view.discrepancy)
        word = score_images(loaded.regressor, features[-1], view.semantic, batch)
    assert word.first.tolist() == [number * TILES for number in range(len(images))]
    for image, said in zip(images, word.score.tolist(), strict=True):
        assert 100 * said == pytest.approx(scorer.score(image.name).score, abs=0.02)


@pytest.mark.parametrize("square", [(512, 512), (512, 384), (470, 390), (300, 256), (200, 100)])
def test_every_window_of_a_square_pools_as_many_cells_as_a_tile_has(square):
    weights = window_weights(tuple(tile_positions(*square, 256)), 256, 8)
    assert np.allclose(weights.sum(axis=(1, 2, 3)), 1)
    assert (weights >= 0).all()


def test_squares_are_drawn_at_random_by_number_and_cover_all_images(images):
    source = WholeImagePatches(images, 256, seed=3, with_references=False)
    batch = source.draw(range(source.epoch_length))
    assert Counter(batch.files) == {image.name: TILES for image in images}
    assert batch.position[:, 0].tolist() == [*range(TILES)] * len(images)
    part = source.draw(range(TILES, 3 * TILES))
    assert torch.equal(part.distorted, batch.distorted[TILES : 3 * TILES])
    assert torch.equal(part.position, batch.position[TILES : 3 * TILES])
    other = source.draw(range(source.epoch_length, 2 * source.epoch_length))
    first, second = ({tuple(b.position[n].tolist()) for n in range(source.epoch_length)} for b in (batch, other))
    assert first != second  # of other sizes
    assert max(int(b.position[:, 1:].max()) for b in (batch, other)) <= 256


def test_neighbouring_tiles_of_a_square_are_adjacent(images):
    square = next(image for image in images if "0.png" in image.name)
    batch = WholeImagePatches([square], 256, seed=1, with_references=False).draw(range(TILES))
    first, right = batch.distorted[0], batch.distorted[1]
    across = int(batch.position[1, 1])  # where the second begins
    assert 128 <= across <= 256
    assert torch.equal(first[:, across:], right[:, : 256 - across])


def test_the_loss_of_a_batch_of_squares_is_the_error_of_their_scores(images):
    generator, regressor = tiny_networks()
    network = MappedRegressor(regressor, 2)
    objective = RegressorObjective(network, relative_share=0.0, ranking_weight=0.5, local_weight=0.0)
    batch = FixedWholeImages(images, 256, with_references=False).draw(range(3 * TILES)).to(torch.device("cpu"))
    view = regressor_inputs(generator, batch, "hallucination", fusion=True)
    loss = objective(batch, view)
    features = regressor.quality_features(batch.distorted, view.discrepancy)
    said = score_images(regressor, features[-1], view.semantic, batch).score
    assert torch.allclose(loss.made, network.qualities(said, torch.tensor([0, 1, 0])))
    wanted = torch.tensor([image.quality for image in images[:3]])
    assert float(loss.parts["score"]) == pytest.approx(float((loss.made - wanted).abs().mean()), abs=1e-6)


def test_validation_counts_each_square_as_one_image(images):
    generator, regressor = tiny_networks()
    source = FixedWholeImages(images, 64, with_references=False)
    found = predict(
        MappedRegressor(regressor, 2), lambda batch: regressor_inputs(generator, batch, "hallucination", fusion=True),
        Validation(source, source.epoch_length, 1, 2 * TILES, CPU),
    )  # fmt: skip
    assert found.quality.tolist() == pytest.approx([image.quality for image in images])
    assert found.database.tolist() == [image.database for image in images]


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return write_mixed(tmp_path_factory.mktemp("mixed"))


def squared(mine: int):
    """The recipe whose last stage wants squares, so many patches of them."""
    return recipe().with_stage("final", squares=True, batch=4 + mine, mix={PHOTOGRAPHS: 4, "mine": mine})


def test_clean_images_mixed_with_squares_are_scored_by_patch(material):
    parts, tested, folders, _ = material
    cache = options(folders[0].parent / "cache")
    mixed = open_mixed(parts, tested, folders, squared(4), cache, StopSignal(), quiet)
    batch = mixed.training_patches("final", squared(4).stages["final"], with_references=True).draw(range(8))
    assert batch.position[:, 0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3]
    assert batch.has_reference.tolist() == [True] * 8  # this table has references
    with pytest.raises(UsageError, match="mixes 6 of mine; expected a multiple of 4, the patches of a square"):
        mixed.training_patches("final", squared(6).stages["final"], with_references=True)


@pytest.mark.slow
@pytest.mark.usefixtures("brief_fit")
def test_a_run_with_squares_ends_with_weights(material, tmp_path):
    parts, tested, folders, _ = material
    found = train_mixed(parts, tested, folders, squared(4), tmp_path / "run", options(tmp_path), StopSignal(), quiet)
    assert found is not None
    assert load_weights(found).regressor.config.semantic
