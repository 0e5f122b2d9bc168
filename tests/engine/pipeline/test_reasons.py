"""Reasons say what is wrong with an image: at most three words, those that cost most first, each with its points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.photographs import photograph
from support.tiny_training import write_tiny_reasons
from support.tiny_weights import tiny_pair_networks, write_tiny_weights

from hiqa_cli import Place, Reason, Scorer, TileScore
from hiqa_cli.engine.manifest import REASONS_FILE
from hiqa_cli.engine.pipeline.reasons.description import Layout, describe
from hiqa_cli.engine.pipeline.reasons.find import find_reasons, local_place
from hiqa_cli.engine.pipeline.reasons.measures import BANDS, HIGH, LOW, MEASURES, MEDIAN, measures
from hiqa_cli.engine.pipeline.reasons.names import WORDS
from hiqa_cli.engine.pipeline.reasons.reason import word_of
from hiqa_cli.engine.pipeline.reasons.worst import worst_places
from hiqa_cli.engine.pipeline.statistics import image_statistics
from hiqa_cli.errors import WeightsError
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.statistics import IMAGE_CHANNELS, PAIR_CHANNELS
from hiqa_cli.rows.row import scored_row


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_reasons(tmp_path_factory.mktemp("reasons"))


@pytest.fixture(scope="module")
def scorer(weights: Path) -> Scorer:
    """With thresholds so low that every fault is called that costs a point."""
    found = Scorer.load(weights, backend="torch", device="cpu", precision="fp32")
    assert found.head is not None
    found.head = replace(found.head, threshold=np.full(len(WORDS), -1e6, np.float32))
    return found


def test_numpy_describes_statistics_as_the_regressor_does() -> None:
    generator, regressor = tiny_pair_networks()
    pictures = torch.from_numpy(np.stack([photograph(n, 256) for n in range(3)])).permute(0, 3, 1, 2)
    network = HiqaNet(generator, regressor)
    with torch.no_grad():
        statistics, whole = network(pictures).statistics, network.view(pictures)[:1]
        image, pair = regressor.described(statistics, whole)
    assert pair is not None
    layout = Layout(IMAGE_CHANNELS, PAIR_CHANNELS, regressor.config.semantic_channels)
    found = describe(statistics.numpy(), whole.numpy(), layout)
    assert found.shape == (3, layout.described)
    np.testing.assert_allclose(found, torch.cat([image, pair], dim=1).numpy(), atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (63, 65), (700, 20)], ids=str)
def test_a_picture_of_any_size_has_finite_measures_and_sixteen_bits_have_the_same(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    found = measures(pixels)
    assert found.shape == (MEASURES,)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(measures(pixels.astype(np.uint16) * 257), found, atol=1e-4)


def test_measures_follow_light_contrast_and_detail() -> None:
    pixels = photograph(0, 320)
    usual, dark, faded = measures(pixels), measures(pixels // 3), measures(pixels // 4 + 96)
    assert dark[MEDIAN] < 0.5 * usual[MEDIAN]
    assert faded[HIGH] - faded[LOW] < 0.5 * (usual[HIGH] - usual[LOW])
    noisy = np.clip(pixels + np.random.default_rng(0).normal(0, 20, pixels.shape), 0, 255).astype(np.uint8)
    finest = MEASURES - 2 * 6 - (BANDS - 1) - 1  # before the differences of bands, and the angles
    assert measures(noisy)[finest] > usual[finest] + 1


def test_a_result_names_at_most_three_faults_those_with_most_points_first(scorer: Scorer) -> None:
    result = scorer.score(photograph(1, 320)[:, ::-1] // 2)
    assert 1 <= len(result.reasons) <= 3
    points = [reason.points for reason in result.reasons]
    assert points == sorted(points, reverse=True)
    assert min(points) >= 1
    assert {reason.word for reason in result.reasons} <= set(WORDS)


def test_every_form_of_a_result_has_its_reasons(scorer: Scorer) -> None:
    result = scorer.score(photograph(1, 320), hallucination=True)
    texts = [str(reason) for reason in result.reasons]
    assert texts
    assert ", ".join(texts) in repr(result)
    assert ", ".join(texts) in result._repr_html_()
    assert result.to_dict()["reasons"] == [reason.to_dict() for reason in result.reasons]
    assert result.to_row()["reasons"] == texts
    assert scored_row("a", result, {}).reasons == tuple(texts)
    assert [word_of(text) for text in texts] == [reason.word for reason in result.reasons]


def test_rows_have_whole_points_and_never_none() -> None:
    assert str(Reason("blur", 14.4)) == "blur 14"
    assert str(Reason("low-contrast", 0.2)) == "low-contrast 1"
    assert word_of("low-contrast 1") == "low-contrast"
    assert word_of("not-a-photograph") == "not-a-photograph"


def test_the_faults_of_the_examples_are_named_and_the_others_have_none() -> None:
    root = Path(__file__).parents[3]
    released = Scorer.load(root / "weights", backend="torch", device="cpu", precision="fp32")
    names = ["astronaut", "astronaut_noise", "chelsea_blur", "coffee", "coffee_jpeg", "coffee_lowres"]
    found = {name: next((root / "examples").glob(f"{name}.*")) for name in names}
    words = {name: [reason.word for reason in released.score(file).reasons] for name, file in found.items()}
    assert words == {
        "astronaut": [],
        "astronaut_noise": ["noise"],
        "chelsea_blur": ["blur"],
        "coffee": [],
        "coffee_jpeg": ["compression"],
        "coffee_lowres": ["low-resolution"],
    }


def test_a_picture_that_is_no_photograph_has_no_reasons(scorer: Scorer) -> None:
    result = scorer.score(np.full((400, 300, 3), 200, np.uint8))
    assert (result.kind, result.reasons) == ("flat", ())


def test_weights_without_the_head_give_none(tmp_path: Path) -> None:
    found = Scorer.load(write_tiny_weights(tmp_path / "w", pair=True), device="cpu", precision="fp32", backend="torch")
    assert found.head is None
    assert found.score(photograph(1, 320)).reasons == ()


def test_an_altered_head_is_refused(weights: Path, tmp_path: Path) -> None:
    for file in weights.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = bytearray((tmp_path / REASONS_FILE).read_bytes())
    data[-1] ^= 1
    (tmp_path / REASONS_FILE).write_bytes(bytes(data))
    with pytest.raises(WeightsError, match=r"reasons\.safetensors is altered"):
        Scorer.load(tmp_path, device="cpu", precision="fp32", backend="torch")


def test_a_fault_in_one_corner_has_a_place_and_one_everywhere_has_none() -> None:
    corners = [(x, y) for y in (0, 256, 512) for x in (0, 256, 512)]
    everywhere, corner = np.full(9, 10.0), np.zeros(9)
    corner[8] = 10.0
    assert local_place(everywhere, corners, 700, 700) is None
    assert local_place(corner, corners, 700, 700) == Place(512, 512, 188, 188)
    two_corners = np.array([9.0, 0, 0, 0, 0, 0, 0, 0, 9])
    assert local_place(two_corners, corners, 700, 700) is None, "the rectangle around both is the whole image"


def test_places_lie_in_the_whole_image_where_borders_were_left_out(scorer: Scorer) -> None:
    inner = photograph(2, 600)
    inner[256:512, 256:512] //= 8
    bordered = np.zeros((700, 800, 3), np.uint8)
    bordered[50:650, 100:700] = inner
    assert scorer.head is not None
    places = dict.fromkeys((reason.word, reason.place) for reason in scorer.score(inner).reasons)
    moved = dict.fromkeys((reason.word, reason.place) for reason in scorer.score(bordered).reasons)
    shifted = {(word, place and place._replace(x=place.x + 100, y=place.y + 50)) for word, place in places}
    assert set(moved) == shifted


def test_the_worst_places_are_the_lowest_tiles_and_do_not_overlap() -> None:
    tiles = [TileScore(x, y, float(x + y)) for y in range(0, 900, 128) for x in range(0, 900, 128)]
    found = worst_places(tiles, 1100, 1000)
    assert found[0] == Place(0, 0, 256, 256)
    assert len(found) == 3
    assert all(abs(a.x - b.x) >= 256 or abs(a.y - b.y) >= 256 for a in found for b in found if a is not b)
    assert worst_places(tiles[:3], 600, 280) == (), "three of three would be no place"
    corners = [TileScore(x, y, 50.0) for y in (0, 32) for x in (0, 128)]
    assert len(worst_places(corners, 600, 280)) == 1
    assert worst_places(corners, 384, 288) == (), "a tile is more than half of the image"


def test_the_head_sees_a_tile_with_the_whole_image_in_view(scorer: Scorer) -> None:
    pixels = photograph(3, 512)
    image, measured = image_statistics(scorer.backend, pixels), measures(pixels)
    assert scorer.head is not None
    of_tiles = scorer.head.judge_tiles(image, measured)
    assert of_tiles.points.shape == (len(image.tiles), len(WORDS))
    corners = [(tile.x, tile.y) for tile in scorer.score(pixels).tiles]
    assert find_reasons(scorer.head, image, measured, corners, 512, 512) == scorer.score(pixels).reasons
