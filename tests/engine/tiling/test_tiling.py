"""Tiles cover every pixel, reflect what is too small, and blend back without seams."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.outputs.sinks import compose_strip
from hiqa_cli.engine.tiling.blending import CorrectionBlender, ScoreBlender
from hiqa_cli.engine.tiling.grid import TileGrid, cut_tile, plan_tiles
from hiqa_cli.engine.tiling.whole import reduced_size, whole_tiles
from hiqa_cli.errors import UsageError

SIZES = [(1, 1), (256, 256), (257, 256), (300, 513), (640, 480), (1000, 7), (7, 1000)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("stride", [1 + 60, 128, 255, 256])
def test_every_pixel_lies_in_a_tile_and_the_last_tiles_end_at_the_border(width: int, height: int, stride: int) -> None:
    grid = plan_tiles(width, height, stride)
    for starts, side in ((grid.xs, grid.padded_width), (grid.ys, grid.padded_height)):
        covered = np.zeros(side, bool)
        for start in starts:
            covered[start : start + TILE] = True
        assert covered.all()
        assert starts[-1] + TILE == side
        assert list(starts) == sorted(set(starts))
    assert len(list(grid.places())) == grid.count


def test_a_stride_that_divides_the_side_gives_no_tile_twice() -> None:
    assert plan_tiles(512, 256, 128).xs == (0, 128, 256)
    assert plan_tiles(512, 256, 256).xs == (0, 256)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("stride", [100, 256])
def test_tiles_count_by_the_share_of_the_image_that_is_theirs(width: int, height: int, stride: int) -> None:
    grid = plan_tiles(width, height, stride)
    owners = np.zeros((grid.padded_height, grid.padded_width))
    for x, y in grid.places():
        owners[y : y + TILE, x : x + TILE] += 1
    expected = [(1 / owners[y : y + TILE, x : x + TILE]).sum() / owners.size for x, y in grid.places()]
    np.testing.assert_allclose(grid.weights, expected)
    assert grid.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("size", "reduced", "tiles"),
    [
        ((512, 512), (256, 256), 1),
        ((3000, 2000), (384, 256), 2),
        ((256, 256), (256, 256), 1),
        ((100, 60), (100, 60), 1),
        ((5000, 500), (1024, 102), 4),
        ((1, 100000), (1, 1024), 4),
    ],
)
def test_the_whole_image_is_reduced_to_few_tiles_and_never_enlarged(
    size: tuple[int, int], reduced: tuple[int, int], tiles: int
) -> None:
    assert reduced_size(*size) == reduced
    assert len(whole_tiles(np.zeros((size[1], size[0], 3), np.uint8))) == tiles


def test_the_reduced_image_averages_areas_and_takes_16_bits_as_8() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    (tile,) = whole_tiles(pixels)
    means = pixels.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3))
    assert np.abs(tile - means).max() <= 1  # rows and columns are rounded one after the other
    (deep,) = whole_tiles(pixels.astype(np.uint16) * 257)
    assert np.array_equal(deep, tile)


def test_reducing_a_large_image_in_strips_gives_what_reducing_it_at_once_gives_in_little_memory() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (1531, 2047, 3), np.uint16)
    eight = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    at_once = np.asarray(Image.fromarray(eight).resize(reduced_size(2047, 1531), Image.Resampling.BOX))
    tracemalloc.start()
    first, *_ = whole_tiles(pixels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(first, at_once[:256, :256])
    assert peak < 2 * pixels.nbytes


@pytest.mark.parametrize("stride", [0, -1, 257, 1.5, True, "128"])
def test_a_stride_outside_1_to_256_is_refused_with_what_was_found(stride: object) -> None:
    with pytest.raises(UsageError, match=r"from 1 to 256, found"):
        plan_tiles(512, 512, stride)  # type: ignore[arg-type]


def test_a_small_picture_is_reflected_as_numpy_reflects_it() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 30, 3), np.uint8)
    expected = np.pad(pixels, ((0, 56), (0, 226), (0, 0)), mode="reflect")
    assert np.array_equal(cut_tile(pixels, 0, 0), expected)
    assert plan_tiles(30, 200, 128).note == "reflected to 256x256"


def test_one_pixel_fills_its_tile_and_a_large_picture_carries_no_note() -> None:
    pixel = np.array([[[1, 2, 3]]], np.uint8)
    assert (cut_tile(pixel, 0, 0) == pixel).all()
    assert cut_tile(pixel, 0, 0).shape == (TILE, TILE, 3)
    assert plan_tiles(256, 256, 128).note == ""


def test_a_picture_100000_wide_and_1_high_is_cut_without_a_large_copy() -> None:
    pixels = np.arange(300000, dtype=np.uint32).reshape(1, -1, 3).astype(np.uint8)
    grid = plan_tiles(100000, 1, 256)
    last = cut_tile(pixels, grid.xs[-1], 0)
    assert np.array_equal(last[77], pixels[0, -TILE:])
    blender = CorrectionBlender(grid)
    assert blender._band.nbytes < 2_000_000


def blended(grid: TileGrid, field: np.ndarray) -> np.ndarray:
    """What the blender makes of corrections that are cut from one field (H, W, 3)."""
    blender, out = CorrectionBlender(grid), np.full_like(field, np.nan)
    seen: list[int] = []
    for y in grid.ys:
        for x in grid.xs:
            blender.add(x, cut_tile(field, x, y))
        for top, strip in blender.finish_row():
            out[top : top + len(strip)] = strip
            seen += range(top, top + len(strip))
    assert seen == list(range(grid.height))
    return out


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("stride", [100, 128, 256])
def test_corrections_that_agree_between_tiles_are_blended_to_themselves(width: int, height: int, stride: int) -> None:
    field = np.random.default_rng(1).normal(0, 0.2, (height, width, 3)).astype(np.float32)
    result = blended(plan_tiles(width, height, stride), field)
    np.testing.assert_allclose(result, field, rtol=0, atol=1e-6)


def test_rows_come_one_by_one_at_stride_1() -> None:
    field = np.random.default_rng(2).normal(0, 0.2, (259, 258, 3)).astype(np.float32)
    np.testing.assert_allclose(blended(plan_tiles(258, 259, 1), field), field, rtol=0, atol=1e-6)


def test_no_correction_gives_the_picture_back_bit_for_bit() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
    strip = compose_strip(0, pixels, np.zeros(pixels.shape, np.float32))
    assert np.array_equal(strip.hallucination, pixels)
    assert not strip.discrepancy.any()


def test_a_16_bit_picture_is_shown_in_8_bits_and_clipped_to_the_range() -> None:
    pixels = np.array([[[0, 257 * 100, 65535]]], np.uint16)
    strip = compose_strip(0, pixels, np.array([[[-0.5, 0.1, 0.5]]], np.float32))
    assert strip.distorted.tolist() == [[[0, 100, 255]]]
    assert strip.hallucination.tolist() == [[[0, 126, 255]]]
    np.testing.assert_allclose(strip.discrepancy, [[[0, -0.1, 0]]], atol=1e-6)


def test_tiles_that_disagree_leave_no_step_where_they_end() -> None:
    grid = plan_tiles(1024, 512, 128)
    rng = np.random.default_rng(4)
    blender, parts = CorrectionBlender(grid), []
    for _ in grid.ys:
        for x in grid.xs:
            level = np.float32(rng.normal(0, 0.1))  # every tile has another opinion
            blender.add(x, np.full((TILE, TILE, 3), level, np.float32))
        parts += [strip.copy() for _, strip in blender.finish_row()]
    field = np.concatenate(parts)[:, :, 0]
    across, down = np.abs(np.diff(field, axis=1)), np.abs(np.diff(field, axis=0))
    borders = np.array(grid.xs[1:]) - 1
    assert across[:, borders].max() <= np.delete(across, borders, axis=1).max()
    borders = np.array(grid.ys[1:]) - 1
    assert down[borders].max() <= np.delete(down, borders, axis=0).max()


def test_the_quality_map_keeps_one_score_and_passes_smoothly_between_two() -> None:
    grid = plan_tiles(384, 300, 128)
    blender = ScoreBlender(grid)
    rows = [strip for scores in ([10.0, 90.0], [10.0, 90.0]) for _, strip in blender.finish_row(scores)]
    quality = np.concatenate(rows)
    assert quality.shape == (300, 384)
    np.testing.assert_allclose(quality[:, :128], 10.0, atol=1e-3)
    np.testing.assert_allclose(quality[:, 256:], 90.0, atol=1e-3)
    assert (np.diff(quality, axis=1) >= -1e-4).all()
    assert np.diff(quality, axis=1).max() < 1.0
