"""The pictures that show why: full size, with scales, bounded in size, the same as the arrays."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.tiny_weights import write_tiny_weights

from hiqa_cli.engine.outputs.area import AreaReducer
from hiqa_cli.engine.outputs.colour_scale import DISCREPANCY_SCALE, QUALITY_SCALE
from hiqa_cli.engine.outputs.panel import LARGEST_SIDE, lay_out
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.scorer import Job, Outputs, Scorer
from hiqa_cli.images.read import is_hiqa_output


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder = write_tiny_weights(tmp_path_factory.mktemp("weights"))
    return Scorer.load(folder, device="cpu", precision="fp32")


def noise(width: int, height: int, dtype: type = np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, top, (height, width, 3), dtype, endpoint=True)


def all_outputs(folder: Path) -> Outputs:
    return Outputs(
        hallucination=folder / "hallucination.png",
        discrepancy=folder / "discrepancy.png",
        quality=folder / "quality.png",
        panel=folder / "panel.png",
    )


def made(scorer: Scorer, pixels: np.ndarray, outputs: Outputs, stride: int = 128) -> ScoreResult:
    job = Job(pixels, "a", outputs)
    ((_, result),) = scorer.score_stream([job], stride=stride)
    assert isinstance(result, ScoreResult), result
    return result


def pixels_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize(("width", "height"), [(600, 300), (257, 400), (70, 20), (1, 1)])
def test_pictures_have_the_images_size_and_maps_their_scale_beside_it(
    scorer: Scorer, tmp_path: Path, width: int, height: int
) -> None:
    pixels = noise(width, height)
    made(scorer, pixels, all_outputs(tmp_path))
    result = scorer.score(pixels, hallucination=True, discrepancy=True)
    assert result.hallucination is not None
    assert result.discrepancy is not None
    assert np.array_equal(pixels_of(tmp_path / "hallucination.png"), result.hallucination)
    levels = np.abs(result.discrepancy).mean(axis=2) * np.float32(255)
    shown = pixels_of(tmp_path / "discrepancy.png")
    assert np.array_equal(shown[:height, :width], DISCREPANCY_SCALE.paint(levels))
    for name in ("discrepancy", "quality"):
        shown = pixels_of(tmp_path / f"{name}.png")
        assert shown.shape[0] >= height
        assert 60 <= shown.shape[1] - width <= 200
        assert (shown[:, width:] != 255).any(), "the scale is missing"
        assert (shown[height:, :width] == 255).all()
    for path in tmp_path.iterdir():
        assert is_hiqa_output(path), path
        assert scorer.weights_id in Image.open(path).info["hiqa"]


def test_the_quality_map_shows_the_tiles_scores(scorer: Scorer, tmp_path: Path) -> None:
    pixels = np.concatenate([noise(512, 300) // 16, noise(512, 300)], axis=1)
    result = made(scorer, pixels, Outputs(quality=tmp_path / "q.png"), stride=256)
    shown = pixels_of(tmp_path / "q.png")
    by_place = {(tile.x, tile.y): tile.score for tile in result.tiles}
    for x, y in ((0, 0), (768, 0)):
        expected = QUALITY_SCALE.paint(np.array(by_place[x, y]))
        # The colour table has 256 steps: rounding may take the next one.
        assert np.abs(shown[y + 10, x + 100].astype(int) - expected).max() <= 4


def test_a_16_bit_picture_gives_8_bit_pictures(scorer: Scorer, tmp_path: Path) -> None:
    pixels = noise(100, 80, np.uint16)
    made(scorer, pixels, all_outputs(tmp_path))
    imagined = scorer.score(pixels, hallucination=True).hallucination
    assert imagined is not None
    assert np.array_equal(pixels_of(tmp_path / "hallucination.png"), imagined)


def test_the_hallucination_can_go_to_a_stream(scorer: Scorer) -> None:
    stream = io.BytesIO()
    pixels = noise(300, 260)
    made(scorer, pixels, Outputs(hallucination=stream))
    imagined = scorer.score(pixels, hallucination=True).hallucination
    assert imagined is not None
    assert not stream.closed
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(stream.getvalue()))), imagined)


def test_outputs_change_no_score(scorer: Scorer, tmp_path: Path) -> None:
    pixels = noise(300, 260)
    with_pictures = made(scorer, pixels, all_outputs(tmp_path))
    assert with_pictures.score == pytest.approx(scorer.score(pixels).score, abs=1e-9)


def test_an_existing_picture_is_replaced_by_the_whole_new_one(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"old")
    made(scorer, noise(30, 20), Outputs(hallucination=tmp_path / "a.png"))
    assert pixels_of(tmp_path / "a.png").shape == (20, 30, 3)
    assert len(list(tmp_path.iterdir())) == 1


SHAPES = [
    (1, 1),
    (40, 20),
    (512, 512),
    (300, 450),
    (6000, 4000),
    (4000, 6000),
    (9000, 500),
    (500, 9000),
    (100000, 1),
    (1, 100000),
    (2400, 2400),
    (129, 100),
]


@pytest.mark.parametrize(("width", "height"), SHAPES)
def test_a_panel_keeps_to_2400_px_and_no_part_covers_another(width: int, height: int) -> None:
    layout = lay_out(width, height)
    assert max(layout.width, layout.height) <= LARGEST_SIDE
    columns, rows = layout.reduced
    assert columns <= width
    assert rows <= height
    if min(columns, rows) > 50:
        assert columns / rows == pytest.approx(width / height, rel=0.03)
    shown = (columns * layout.enlarged, rows * layout.enlarged + layout.label_height)
    boxes = [(x, y, x + shown[0], y + shown[1]) for x, y in layout.corners[:3]]
    x, y = layout.corners[3]
    boxes.append((x, y, x + layout.card_width, y + layout.label_height + round(220 * layout.unit)))
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert 0 < left < right <= layout.width
        assert 0 < top < bottom <= layout.height
        for other in boxes[:number]:
            apart = left >= other[2] or other[0] >= right or top >= other[3] or other[1] >= bottom
            assert apart


def test_small_pictures_are_shown_larger_and_normal_ones_as_they_are() -> None:
    assert lay_out(20, 10).enlarged > 1
    layout = lay_out(512, 384)
    assert (layout.reduced, layout.enlarged) == ((512, 384), 1)


def test_the_panel_shows_the_picture_itself_unreduced(scorer: Scorer, tmp_path: Path) -> None:
    pixels = noise(300, 200)
    made(scorer, pixels, Outputs(panel=tmp_path / "p.png"))
    layout = lay_out(300, 200)
    shown = pixels_of(tmp_path / "p.png")
    x, y = layout.corners[0]
    y += layout.label_height
    assert np.array_equal(shown[y : y + 200, x : x + 300], pixels)
    assert shown.shape == (layout.height, layout.width, 3)


@pytest.mark.parametrize(("columns", "rows"), [(20, 12), (7, 9), (40, 1), (1, 24), (40, 24)])
def test_area_reduction_in_strips_weighs_every_pixel_once(columns: int, rows: int) -> None:
    pixels = noise(40, 24)
    reducer = AreaReducer(40, 24, columns, rows, 3)
    for y in range(0, 24, 7):
        reducer.add(y, pixels[y : y + 7])
    result = reducer.result()
    # Exact areas, written down independently: repeat pixels until both sizes divide, then average.
    fine = pixels.astype(np.float64).repeat(rows, axis=0).repeat(columns, axis=1)
    expected = fine.reshape(rows, 24, columns, 40, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(result, expected, atol=2e-3)


def test_the_scale_of_small_discrepancies_has_room_for_them() -> None:
    assert DISCREPANCY_SCALE.position(3.0) == pytest.approx(0.25)
    shares = np.array([DISCREPANCY_SCALE.position(number) for number, _ in DISCREPANCY_SCALE.ticks])
    assert (np.diff(shares) > 0.1).all(), "labels would overlap"
    numbers = np.array([number for number, _ in DISCREPANCY_SCALE.ticks])
    painted = DISCREPANCY_SCALE.paint(numbers)
    assert np.array_equal(painted, DISCREPANCY_SCALE.colours(shares))


def test_colours_beyond_the_scale_are_those_of_its_ends() -> None:
    table = DISCREPANCY_SCALE.table
    painted = DISCREPANCY_SCALE.paint(np.array([-5.0, 0.0, 48.0, 200.0]))
    assert np.array_equal(painted, table[[0, 0, 255, 255]])
    assert DISCREPANCY_SCALE.ticks[-1][1] == "48+"
    # Perceptually even, for our purpose: luminance never falls from the low end to the high one.
    for scale in (DISCREPANCY_SCALE, QUALITY_SCALE):
        light = scale.table @ np.array([0.2126, 0.7152, 0.0722])
        assert (np.diff(light) > -0.6).all()
        assert light[-1] - light[0] > 120
