"""The R that compares image and hallucination in one trunk, on statistics pooled over tiles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from hiqa_cli.networks.description import MAP_NUMBERS
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.pair_regressor import VIEW_NUMBERS, PairHead, PairRegressor, PairRegressorConfig
from hiqa_cli.networks.statistics import PAIR_CHANNELS, Moments, describe_map, map_moments, moments

FEW = PairRegressorConfig(semantic_channels=8, image_units=4, pair_units=4, gate_units=2)


@pytest.fixture(scope="module")
def regressor() -> PairRegressor:
    torch.manual_seed(0)
    return PairRegressor(FEW).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def tiles() -> torch.Tensor:
    """Two unlike tiles, noise and a ramp."""
    noise = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    return torch.stack([noise, torch.linspace(0, 1, 64).expand(3, 64, 64)])


@pytest.fixture(scope="module")
def statistics(regressor: PairRegressor, tiles: torch.Tensor) -> torch.Tensor:
    correction = 0.1 * torch.rand(tiles.shape, generator=torch.Generator().manual_seed(2))
    return regressor.tile_statistics(tiles, -correction, torch.rand(2, 8, 2, 2))


def test_statistics_have_the_length_that_the_regressor_states(
    regressor: PairRegressor, statistics: torch.Tensor, tiles: torch.Tensor
) -> None:
    assert statistics.shape == (2, regressor.statistics_count)
    assert regressor.view_statistics(tiles).shape == (2, VIEW_NUMBERS)


def test_moments_of_two_halves_average_to_those_of_the_whole() -> None:
    features = torch.randn(1, 5, 8, 16)
    halves = torch.cat([moments([features[..., :8]]), moments([features[..., 8:]])])
    torch.testing.assert_close(halves.mean(dim=0, keepdim=True), moments([features]))
    mean, spread = Moments.joined(moments([features])).mean, Moments.joined(moments([features])).spread
    torch.testing.assert_close(mean, features.mean(dim=(2, 3)))
    torch.testing.assert_close(spread, features.std(dim=(2, 3), correction=0))


def test_a_hallucination_like_its_image_shows_no_difference(regressor: PairRegressor, tiles: torch.Tensor) -> None:
    same = regressor.tile_statistics(tiles, torch.zeros_like(tiles), torch.zeros(2, 8, 2, 2))
    _, pair = regressor.described(same, regressor.view_statistics(tiles))
    absolute, signed, ratio = pair[:, : 3 * PAIR_CHANNELS].chunk(3, dim=1)
    assert float(absolute.max()) == pytest.approx(float(torch.tensor(1e-3).log()), abs=1e-5)
    assert float(signed.abs().max()) == float(ratio.abs().max()) == 0.0
    assert float(pair[:, 3 * PAIR_CHANNELS :][:, :MAP_NUMBERS].abs().max()) == 0.0


def test_the_description_of_a_map_grows_with_it_and_keeps_its_sign() -> None:
    weak, strong = (describe_map(map_moments(torch.full((1, 3, 8, 8), level / 255))) for level in (1, 10))
    assert bool((strong >= weak).all())
    torch.testing.assert_close(describe_map(map_moments(torch.full((1, 3, 8, 8), -1 / 255)))[:, :3], -weak[:, :3])


@contextmanager
def filled(parameter: torch.Tensor, value: float) -> Iterator[None]:
    """Every number of a parameter is `value` for a while."""
    before = parameter.clone()
    parameter.fill_(value)
    yield
    parameter.copy_(before)


@pytest.mark.parametrize("level", [-100.0, 100.0])  # the comparison far below the image, and far above
def test_a_closed_gate_leaves_the_image_s_own_logit_and_an_open_one_the_lower(
    regressor: PairRegressor, statistics: torch.Tensor, level: float
) -> None:
    whole, opening = torch.zeros(1, VIEW_NUMBERS), regressor.gate.opening.bias
    with filled(regressor.comparison.told.bias, level):
        with filled(opening, -1000.0):
            shut = regressor.logits(statistics, whole)
        with filled(opening, 1000.0):
            wide = regressor.logits(statistics, whole)
    torch.testing.assert_close(shut.joined, shut.image)
    torch.testing.assert_close(wide.joined, wide.image if level > 0 else wide.comparison)


def test_a_head_that_is_rescaled_gives_every_logit_on_the_new_scale() -> None:
    head = PairHead(6, 4)
    head.linear.weight.data.normal_()
    numbers = torch.randn(5, 6)
    before = head(numbers)
    head.rescale(2.0, -1.0)
    torch.testing.assert_close(head(numbers), 2 * before - 1)


def test_another_image_s_hallucination_changes_the_score(regressor: PairRegressor, statistics: torch.Tensor) -> None:
    own = VIEW_NUMBERS
    swapped = torch.cat([statistics[:, :own], statistics.flip(0)[:, own:]], dim=1)
    whole = torch.zeros(1, VIEW_NUMBERS)
    with filled(regressor.comparison.told.bias, -1.0):  # else the image is below, and decides
        found = [regressor.predict(numbers, whole) for numbers in (statistics, swapped)]
    assert not torch.allclose(*found, atol=1e-4)


def test_without_a_comparison_only_the_image_counts(tiles: torch.Tensor) -> None:
    alone = PairRegressor(PairRegressorConfig(compares=False, image_units=4)).eval().requires_grad_(False)
    semantic = torch.zeros(2, 128, 2, 2)
    found = [alone.tile_statistics(tiles, discrepancy, semantic) for discrepancy in (tiles * 0, tiles * 0.3)]
    torch.testing.assert_close(*found)
    predicted = alone.predict(found[0], alone.view_statistics(tiles))
    assert predicted.shape == (2, 2)
    assert bool(((predicted[:, 0] > 0) & (predicted[:, 0] < 1)).all())


def test_one_whole_image_serves_all_of_its_tiles(
    regressor: PairRegressor, statistics: torch.Tensor, tiles: torch.Tensor
) -> None:
    whole = regressor.view_statistics(tiles[:1])
    each = torch.cat([regressor.predict(row[None], whole) for row in statistics])
    torch.testing.assert_close(regressor.predict(statistics, whole), each)


def test_generator_and_regressor_in_half_precision_stay_close_to_float32(tiles: torch.Tensor) -> None:
    torch.manual_seed(3)
    generator = Generator(GeneratorConfig(channels=(4, 4, 8, 8, 8), stacks=2)).eval()
    network = HiqaNet(generator, PairRegressor(FEW)).eval().requires_grad_(False)
    exact = network(tiles)
    rounded = network.in_precision(torch.bfloat16)(tiles)
    assert rounded.statistics.dtype == rounded.correction.dtype == torch.float32
    assert float((exact.correction - rounded.correction).abs().max()) < 0.01
    assert generator.enter.weight.dtype == torch.float32
