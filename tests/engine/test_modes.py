"""Modes and samples: what is computed once gives the scores of what is computed tile by tile, as near as is said."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_weights import tiny_networks, write_tiny_weights

from hiqa_cli.engine.config import TILE, Scoring
from hiqa_cli.engine.pipeline.statistics import image_statistics
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.tiling.aggregate import AT_ONCE, SampledTiles, aggregate_for, blend_grid, spread_order
from hiqa_cli.engine.tiling.grid import plan_tiles
from hiqa_cli.errors import UsageError
from hiqa_cli.images.picture import Picture
from hiqa_cli.networks.hiqa import HiqaNet

EXACT, FAST = Scoring("exact"), Scoring("fast")


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder = write_tiny_weights(tmp_path_factory.mktemp("weights"))
    return Scorer.load(folder, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def pooling(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """With the kind of R that the released weights have."""
    folder = write_tiny_weights(tmp_path_factory.mktemp("weights"), pair=True)
    return Scorer.load(folder, device="cpu", precision="fp32")


def no_points(statistics: np.ndarray) -> np.ndarray:
    """For a choice of tiles that needs no scores."""
    raise AssertionError("scores were asked for")


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Noise that grows from left to right, on waves."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 128 + 60 * np.sin(x / 19 + y / 7)[:, :, None] * rng.uniform(0.3, 1, 3)
    return np.clip(waves + rng.normal(0, 1, waves.shape) * (x[:, :, None] / 10), 0, 255).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bytes_are_scored_as_the_floats_that_they_stand_for(dtype: torch.dtype) -> None:
    image = torch.randint(0, 256, (2, 3, 256, 256), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    network = HiqaNet(*tiny_networks()).eval().in_precision(dtype)
    with torch.inference_mode():
        of_bytes, of_floats = network(image), network(image / 255)
        torch.testing.assert_close(of_bytes.statistics, of_floats.statistics, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(of_bytes.correction, of_floats.correction, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_tile_has_the_same_score_in_a_batch_of_any_size(scorer: Scorer, tmp_path: Path, precision: str) -> None:
    other = Scorer.load(write_tiny_weights(tmp_path / "w"), device="cpu", precision=precision)
    tiles = [picture(TILE, TILE, seed) for seed in range(7)]
    whole = np.zeros((1, 0), np.float32)

    def scores(some: list[np.ndarray]) -> np.ndarray:
        return other.backend.predict(other.backend.predict_tiles(some, corrections=False).statistics, whole)[:, 0]

    alone = np.concatenate([scores([tile]) for tile in tiles])
    np.testing.assert_allclose(alone, scores(tiles), rtol=0, atol=1e-3 if precision == "fp32" else 0.02)


@pytest.mark.parametrize("size", [(512, 256), (256, 256), (90, 300)])
def test_modes_agree_to_the_digit_where_their_tiles_do(scorer: Scorer, size: tuple[int, int]) -> None:
    pixels = picture(*size)
    exact = scorer.score(pixels, stride=TILE, scoring=EXACT)
    fast = scorer.score(pixels, stride=TILE, scoring=FAST)
    assert exact.tiles == fast.tiles
    assert (exact.mode, fast.mode) == ("exact", "fast")
    assert exact.score == fast.score


def test_an_r_that_pools_scores_the_mean_of_its_tiles_statistics(pooling: Scorer) -> None:
    pixels = picture(600, 256, 3)
    image = image_statistics(pooling.backend, pixels)
    assert image.weights == pytest.approx([256 / 600, 172 / 600, 172 / 600])  # the second and the third overlap
    by_hand = pooling.backend.predict(np.float32(image.weights @ image.tiles.astype(float))[None], image.whole)[0, 0]
    result = pooling.score(pixels)
    assert result.score == pytest.approx(by_hand, abs=1e-3)
    assert abs(result.score - np.mean([tile.score for tile in result.tiles])) > 1e-3


def test_the_paper_s_r_scores_the_mean_over_its_tiles(scorer: Scorer) -> None:
    result = scorer.score(picture(600, 256, 3))
    assert result.score == pytest.approx(np.mean([tile.score for tile in result.tiles]), abs=1e-6)


def test_the_whole_image_is_seen_beside_its_tiles(pooling: Scorer) -> None:
    """The same four tiles, in another order: only the reduced image differs."""
    pixels = picture(512, 512, 4)
    shuffled = np.concatenate([pixels[256:], pixels[:256]])
    first, second = (image_statistics(pooling.backend, one) for one in (pixels, shuffled))
    np.testing.assert_allclose(first.tiles.mean(axis=0), second.tiles.mean(axis=0), rtol=1e-4, atol=1e-4)
    assert not np.allclose(first.whole, second.whole, atol=1e-4)
    assert pooling.score(pixels).score != pytest.approx(pooling.score(shuffled).score, abs=1e-3)


def test_fast_sees_every_pixel_about_once_and_exact_four_times() -> None:
    size = (1080, 800)
    one_pass, every = (aggregate_for(*size, scoring, no_points) for scoring in (FAST, EXACT))
    counts = []
    for tally in (one_pass, every):
        count = 0
        while tally.next_place() is not None:
            count += 1
        counts.append(count)
    assert counts == [one_pass.total, every.total] == [20, 48]


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


def large(spread: float) -> tuple[SampledTiles, dict[tuple[int, int], float]]:
    """A sample of a picture of 192 tiles whose scores deviate by so many points."""
    grid = plan_tiles(4096, 3072, TILE)
    rng = np.random.default_rng(0)
    scores = {place: 50 + spread * rng.standard_normal() for place in grid.places()}
    sample = SampledTiles(grid, tolerance=0.5, most=96, points_of=lambda statistics: statistics[:, 0])
    while (place := sample.next_place()) is not None:
        sample.receive(place, np.array([scores[place]]))
    return sample, scores


def test_a_sample_ends_when_its_mean_is_known_or_at_its_limit() -> None:
    even, _ = large(0.1)
    uneven, scores = large(10.0)
    assert len(even.places) == AT_ONCE
    assert even.standard_error < 0.5
    assert len(uneven.places) == 96
    assert uneven.is_complete
    values = [scores[place] for place in uneven.places]
    assert uneven.statistics[:, 0].tolist() == values
    assert uneven.standard_error == pytest.approx(np.std(values, ddof=1) / math.sqrt(96) * math.sqrt(0.5))


def test_a_large_picture_is_sampled_and_says_so(scorer: Scorer) -> None:
    pixels = picture(1100, 800)
    some = scorer.score(pixels, scoring=Scoring(max_tiles=4, tolerance=0.0))
    every = scorer.score(pixels, scoring=Scoring(max_tiles=None))
    assert (len(some.tiles), some.tile_total, len(every.tiles), every.tile_total) == (4, 20, 20, 20)
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
        tally = aggregate_for(1000, 700, scoring, no_points)
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
