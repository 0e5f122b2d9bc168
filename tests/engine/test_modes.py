"""Modes and samples: what is computed once gives the scores of what is computed tile by tile, as near as is said."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.tiny_weights import tiny_networks, write_tiny_weights

from hiqa_cli.engine.config import TILE, Scoring
from hiqa_cli.engine.results import TileScore
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.tiling.aggregate import AT_ONCE, SampledMean, WindowMean, aggregate_for, blend_grid, spread_order
from hiqa_cli.engine.tiling.grid import cut_tile, plan_tiles
from hiqa_cli.engine.tiling.windows import WindowPooler, side_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.images.picture import Picture
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.onednn.packing import Layout, round_with_error_feedback
from hiqa_cli.networks.regressor import LITE

EXACT, FAST = Scoring("exact"), Scoring("fast")


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder = write_tiny_weights(tmp_path_factory.mktemp("weights"))
    return Scorer.load(folder, device="cpu", precision="fp32")


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Noise that grows from left to right, on waves."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 128 + 60 * np.sin(x / 19 + y / 7)[:, :, None] * rng.uniform(0.3, 1, 3)
    return np.clip(waves + rng.normal(0, 1, waves.shape) * (x[:, :, None] / 10), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"absolute_map": True, "semantic": False},
        {"blocks": 1, "stem": 5},
        {"blocks": 1, "stem": 3},
        {"prior": LITE, "blocks": 1, "stem": 5},
        {"prior": LITE, "discrepancy": False, "semantic": False},
        {"prior": LITE, "blocks": 0, "discrepancy": False, "semantic": False},
    ],
    ids=str,
)
def test_packed_networks_compute_what_the_plain_ones_do(config: dict[str, Any], dtype: torch.dtype) -> None:
    if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("oneDNN has no bf16 on this CPU")
    network = HiqaNet(*tiny_networks(**config)).eval().pack(Layout(2, 256, dtype))
    image = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(1))
    image[0, :, :40] = 1.0  # where a correction upwards is clamped
    with torch.inference_mode():
        plain = network.run_modules(image)
        packed = network(image)
    assert packed.difference.shape[1] == 12, "this torch has no oneDNN: nothing was packed"
    close = {"rtol": 0, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0, "atol": 0.02}
    torch.testing.assert_close(packed.correction, plain.correction, **close)
    torch.testing.assert_close(packed.hallucination, plain.hallucination, **close)
    # The features, not the scores, which a random head that spreads a few pictures out makes as different as you like.
    scale = float(plain.features.float().abs().max())
    assert scale > 0
    torch.testing.assert_close(packed.features.float() / scale, plain.features.float() / scale, **close)


@pytest.mark.parametrize("row_by_row", [False, True])
def test_weights_rounded_together_keep_what_a_row_makes_of_usual_inputs(row_by_row: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(64, 200, generator=generator), 3 * torch.randn(64, generator=generator)
    means = torch.rand(*([64] if row_by_row else []), 200, generator=generator) + 0.01
    together, offset = round_with_error_feedback(weight, bias, means, torch.bfloat16)
    for rounded, own in ((together, weight), (offset, bias)):
        assert torch.equal(rounded, rounded.bfloat16().float())
        assert ((rounded - own).abs() <= 1.5 * 2**-7 * own.abs()).all()
    one_by_one = weight.bfloat16().float(), bias.bfloat16().float()
    left, usual = (((w - weight) * means).sum(dim=1) + b - bias for w, b in ((together, offset), one_by_one))
    assert left.abs().mean() < 0.05 * usual.abs().mean()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bytes_are_scored_as_the_floats_that_they_stand_for(dtype: torch.dtype) -> None:
    image = torch.randint(0, 256, (2, 3, 256, 256), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    network = HiqaNet(*tiny_networks()).eval().pack(Layout(2, 256, dtype))
    with torch.inference_mode():
        for way in (network, network.run_modules):
            of_bytes, of_floats = way(image), way(image / 255)
            torch.testing.assert_close(of_bytes.score, of_floats.score, rtol=0, atol=1e-6)
            torch.testing.assert_close(of_bytes.hallucination, of_floats.hallucination, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_tile_has_the_same_score_in_a_batch_of_any_size(scorer: Scorer, tmp_path: Path, precision: str) -> None:
    other = Scorer.load(write_tiny_weights(tmp_path / "w"), device="cpu", precision=precision)
    tiles = [picture(TILE, TILE, seed) for seed in range(7)]
    together = other.backend.predict_tiles(tiles, corrections=False)
    alone = [other.backend.predict_tiles([tile], corrections=False).predictions[0] for tile in tiles]
    tolerance = 1e-3 if precision == "fp32" else 0.02
    np.testing.assert_allclose(alone, together.predictions, rtol=0, atol=tolerance)


@pytest.mark.parametrize("size", [(512, 256), (384, 300), (256, 256), (90, 300)])
def test_modes_agree_to_the_digit_where_every_window_is_a_tile(scorer: Scorer, size: tuple[int, int]) -> None:
    pixels = picture(*size)
    stride = TILE if max(size) == 512 else 128
    exact = scorer.score(pixels, stride=stride, scoring=EXACT)
    fast = scorer.score(pixels, stride=stride, scoring=FAST)
    assert [(tile.x, tile.y) for tile in exact.tiles] == [(tile.x, tile.y) for tile in fast.tiles]
    assert [tile.score for tile in fast.tiles] == pytest.approx([tile.score for tile in exact.tiles], abs=1e-3)
    assert (exact.mode, fast.mode) == ("exact", "fast")


def test_a_window_between_tiles_is_pooled_from_their_features(scorer: Scorer) -> None:
    pixels = picture(512, 512, 3)
    backend = scorer.backend
    tiles = [cut_tile(pixels, x, y) for y in (0, 256) for x in (0, 256)]
    outputs = backend.predict_tiles(tiles, corrections=False, features=True)
    assert outputs.features is not None
    whole = outputs.features.reshape(2, 2, 8, 8, -1).transpose(0, 2, 1, 3, 4).reshape(16, 16, -1)
    expected = backend.predict_pooled(whole[4:12, 4:12].mean(axis=(0, 1), dtype=np.float32)[None])
    (middle,) = [tile for tile in scorer.score(pixels, scoring=FAST).tiles if (tile.x, tile.y) == (128, 128)]
    assert [middle.score, middle.predicted_error] == pytest.approx(expected[0], abs=1e-3)


@pytest.mark.parametrize(("width", "height", "stride"), [(700, 530, 128), (600, 257, 100), (1300, 256, 256)])
def test_every_window_weighs_its_pixels_once(width: int, height: int, stride: int) -> None:
    windows, tiles = plan_tiles(width, height, stride), plan_tiles(width, height, TILE)
    for starts, grid in ((windows.xs, tiles.xs), (windows.ys, tiles.ys)):
        for window in starts:
            weights = side_weights(window, grid, 8)
            assert sum(float(share.sum()) for share in weights.values()) == pytest.approx(1, abs=1e-6)
            centres = sum(float(share @ (grid[n] + 32 * np.arange(8) + 16)) for n, share in weights.items())
            assert centres == pytest.approx(window + 128, abs=16)
    pooler = WindowPooler(windows, tiles, lambda pooled: np.repeat(pooled, 2, axis=1))
    scores: list[float] = []
    for _ in tiles.ys:
        for column, x in enumerate(tiles.xs):
            ramp = np.broadcast_to((x + 32 * np.arange(8, dtype=np.float32) + 16)[None, :, None], (8, 8, 1))
            pooler.add(column, ramp)
        scores += [float(score) for score, _ in pooler.finish_row()]
    expected = [x + 128 for _ in windows.ys for x in windows.xs]
    assert scores == pytest.approx(expected, abs=16)


def test_fast_sees_every_pixel_about_once_and_exact_four_times() -> None:
    size = (1080, 800)
    one_pass, every = (aggregate_for(*size, scoring, np.sum) for scoring in (FAST, EXACT))
    counts = []
    for tally in (one_pass, every):
        count = 0
        while tally.next_place() is not None:
            count += 1
        counts.append(count)
    assert counts == [20, 48]
    assert isinstance(one_pass, WindowMean)
    assert one_pass.total == every.total == 48


def test_maps_do_not_change_the_score(scorer: Scorer) -> None:
    pixels = picture(530, 300, 2)
    for scoring in (FAST, EXACT, Scoring("fast", stride=100), Scoring(max_tiles=1)):
        plain = scorer.score(pixels, scoring=scoring)
        shown = scorer.score(pixels, scoring=scoring, hallucination=True, discrepancy=True)
        assert shown.score == pytest.approx(plain.score, abs=1e-3)
        assert len(shown.tiles) == len(plain.tiles)
        assert shown.hallucination is not None
        assert shown.hallucination.shape == pixels.shape


def test_the_first_tiles_of_a_sample_are_spread_over_the_picture() -> None:
    grid = plan_tiles(4096, 3072, TILE)
    order = spread_order(grid)
    assert sorted(order) == sorted(grid.places())
    assert len(set(order)) == grid.count
    for count in (16, 32, 96):
        counts = np.zeros((3, 4))
        for x, y in order[:count]:
            counts[y // 1024, x // 1024] += 1
        assert counts.min() >= math.floor(0.5 * count / 12)
        assert counts.max() <= math.ceil(1.7 * count / 12)


def large(spread: float) -> tuple[SampledMean, dict[tuple[int, int], float]]:
    """A sample of a picture of 192 tiles whose scores deviate by so many points."""
    grid = plan_tiles(4096, 3072, TILE)
    rng = np.random.default_rng(0)
    scores = {place: 50 + spread * rng.standard_normal() for place in grid.places()}
    sample = SampledMean(grid, tolerance=0.5, most=96)
    while (place := sample.next_place()) is not None:
        sample.receive(TileScore(*place, scores[place]), None)
    return sample, scores


def test_a_sample_ends_when_its_mean_is_known_or_at_its_limit() -> None:
    even, _ = large(0.1)
    uneven, scores = large(10.0)
    assert len(even.tiles) == AT_ONCE
    assert even.standard_error < 0.5
    assert len(uneven.tiles) == 96
    assert uneven.is_complete
    values = [tile.score for tile in uneven.tiles]
    assert values == [scores[tile.x, tile.y] for tile in uneven.tiles]
    assert uneven.standard_error == pytest.approx(np.std(values, ddof=1) / math.sqrt(96) * math.sqrt(0.5))


def test_a_large_picture_is_sampled_and_says_so(scorer: Scorer) -> None:
    pixels = picture(1100, 800)
    some = scorer.score(pixels, scoring=Scoring(max_tiles=4, tolerance=0.0))
    every = scorer.score(pixels, scoring=Scoring(max_tiles=None))
    assert (len(some.tiles), some.tile_total, len(every.tiles), every.tile_total) == (4, 20, 48, 48)
    assert some.standard_error > 0
    assert every.standard_error == 0
    assert some.notes == (f"sampled: 4 of 20 tiles, standard error {some.standard_error:.2f}",)
    assert every.notes == ()
    whole = scorer.score(pixels, stride=TILE, scoring=EXACT)
    by_place = {(tile.x, tile.y): tile.score for tile in whole.tiles}
    assert [tile.score for tile in some.tiles] == pytest.approx(
        [by_place[tile.x, tile.y] for tile in some.tiles], abs=1e-3
    )
    assert some.score == scorer.score(Picture(pixels, "array"), scoring=Scoring(max_tiles=4, tolerance=0.0)).score


def test_pictures_up_to_four_megapixels_are_scored_whole() -> None:
    assert not Scoring().samples(2560, 1600)
    assert Scoring().samples(4000, 3000)
    assert not Scoring(max_tiles=None).samples(40000, 3000)


@pytest.mark.parametrize(
    ("width", "height"), [(60000, 100), (1, 1_000_000), (97 * TILE, 300), (12 * TILE + 1, 8 * TILE)]
)
def test_the_limit_counts_tiles_so_that_narrow_pictures_are_sampled(width: int, height: int) -> None:
    assert Scoring().samples(width, height)
    assert Scoring().samples(height, width)
    assert Scoring(max_tiles=plan_tiles(width, height, TILE).count).samples(width, height) is False


def test_a_narrow_picture_takes_no_more_tiles_than_the_limit(scorer: Scorer) -> None:
    result = scorer.score(picture(256 * 9, 20), scoring=Scoring(max_tiles=4, tolerance=0.0))
    assert (len(result.tiles), result.tile_total) == (4, 9)
    assert any(note.startswith("sampled: 4 of 9 tiles") for note in result.notes)


def test_tiles_that_give_the_score_are_among_those_that_give_pictures() -> None:
    for scoring in (EXACT, FAST, Scoring("fast", 100), Scoring("exact", 100, max_tiles=1), Scoring("fast", 64)):
        grid = blend_grid(1000, 700, scoring)
        tally = aggregate_for(1000, 700, scoring, np.sum)
        wanted = set()
        while (place := tally.next_place()) is not None:
            wanted.add(place)
        assert wanted <= set(grid.places())


@pytest.mark.parametrize(
    "wrong", [{"mode": "quick"}, {"stride": 0}, {"max_tiles": 0}, {"tolerance": -1.0}, {"tolerance": math.nan}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Scoring(**wrong)  # type: ignore[arg-type]


def test_one_tile_of_several_says_that_its_error_is_unknown(scorer: Scorer) -> None:
    result = scorer.score(picture(600, 300), scoring=Scoring(max_tiles=1))
    row = result.to_row("a")
    assert (row["tiles"], row["standard_error"], row["lower"], row["upper"]) == (1, None, 0.0, 100.0)
    assert result.notes == ("sampled: 1 of 6 tiles, standard error unknown",)
