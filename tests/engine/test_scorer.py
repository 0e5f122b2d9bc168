"""A score belongs to its picture alone: not to its neighbours, the batch, the order or the threads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from support.tiny_weights import tiny_networks, write_tiny_weights

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.scorer import Job, Scorer
from hiqa_cli.engine.weights import save_weights
from hiqa_cli.errors import ImageError, UsageError
from hiqa_cli.images.picture import Picture

FP32 = 1e-3  # points
BF16 = 0.02


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def scorer(weights: Path) -> Scorer:
    return Scorer.load(weights, device="cpu", precision="fp32")


@pytest.fixture
def threads() -> Iterator[None]:
    """Leaves torch with as many threads as it had."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Waves with noise, another for every seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = 128 + 90 * np.sin(x / (5 + seed) + y / 17)[:, :, None] * rng.uniform(0.2, 1, 3)
    return np.clip(waves + rng.normal(0, 4 + 3 * seed, waves.shape), 0, 255).astype(np.uint8)


PICTURES = [picture(300, 280, 0), picture(90, 40, 1), picture(256, 256, 2), picture(400, 256, 3)]


def streamed(scorer: Scorer, arrays: list[np.ndarray]) -> list[ScoreResult]:
    jobs = [Job(array, str(n)) for n, array in enumerate(arrays)]
    results = []
    for n, (job, result) in enumerate(scorer.score_stream(jobs)):
        assert job.name == str(n)
        assert isinstance(result, ScoreResult), result
        results.append(result)
    assert len(results) == len(arrays)
    return results


def tile_scores(result: ScoreResult) -> np.ndarray:
    return np.array([tile.score for tile in result.tiles])


def test_scores_differ_between_pictures_and_are_the_mean_of_their_tiles(scorer: Scorer) -> None:
    results = [scorer.score(array) for array in PICTURES]
    scores = [result.score for result in results]
    assert np.ptp(scores) > 0.5
    for result in results:
        assert 0 <= result.score <= 100
        assert result.score == pytest.approx(tile_scores(result).mean(), abs=1e-9)
        assert 0.1 <= result.uncertainty <= 60


def test_the_same_score_alone_together_reversed_and_twice(scorer: Scorer) -> None:
    alone = [scorer.score(array) for array in PICTURES]
    together = streamed(scorer, PICTURES)
    backwards = streamed(scorer, PICTURES[::-1])[::-1]
    again = streamed(scorer, [PICTURES[2], *PICTURES, PICTURES[2]])[1:5]
    for others in (together, backwards, again):
        for one, other in zip(alone, others, strict=True):
            np.testing.assert_allclose(tile_scores(one), tile_scores(other), rtol=0, atol=FP32)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_same_score_in_batches_of_any_size(weights: Path, scorer: Scorer, batch_size: int) -> None:
    other = Scorer.load(weights, device="cpu", precision="fp32", batch_size=batch_size)
    for one, two in zip(streamed(scorer, PICTURES), streamed(other, PICTURES), strict=True):
        np.testing.assert_allclose(tile_scores(one), tile_scores(two), rtol=0, atol=FP32)


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_the_same_score_on_one_thread_and_on_two(weights: Path) -> None:
    scores = []
    for count in (1, 2):
        scorer = Scorer.load(weights, device="cpu", precision="fp32", threads=count)
        assert torch.get_num_threads() == count
        scores.append(scorer.score(PICTURES[1]).score)
    assert scores[0] == pytest.approx(scores[1], abs=FP32)


def test_bf16_is_near_float32_and_does_not_depend_on_neighbours(weights: Path, scorer: Scorer) -> None:
    notices: list[str] = []
    half = Scorer.load(weights, device="cpu", precision="bf16", batch_size=2, on_warning=notices.append)
    assert half.precision == "bf16"
    first, second = PICTURES[1], PICTURES[2]
    alone, together = half.score(first), streamed(half, [second, first])[1]
    assert alone.precision == "bf16"
    assert alone.score == pytest.approx(together.score, abs=BF16)
    assert alone.score == pytest.approx(scorer.score(first).score, abs=0.5)


@pytest.mark.parametrize("level", [0, 127, 255])
@pytest.mark.parametrize("size", [(1, 1), (300, 260)])
def test_a_constant_picture_has_a_finite_score(scorer: Scorer, level: int, size: tuple[int, int]) -> None:
    result = scorer.score(np.full((*size, 3), level, np.uint8))
    assert np.isfinite([result.score, result.uncertainty]).all()


def test_a_small_picture_is_reflected_and_the_result_says_so(scorer: Scorer) -> None:
    small = picture(90, 300, 4)
    result = scorer.score(small, hallucination=True)
    assert result.notes == ("reflected to 256x300",)
    assert (result.width, result.height, len(result.tiles)) == (90, 300, 2)
    assert result.hallucination is not None
    assert result.hallucination.shape == small.shape
    whole = scorer.score(np.pad(small, ((0, 0), (0, 166), (0, 0)), mode="reflect"))
    assert result.score == pytest.approx(whole.score, abs=FP32)


def test_tiles_carry_their_places_row_by_row(scorer: Scorer) -> None:
    result = scorer.score(picture(300, 400, 0), stride=256)
    assert [(tile.x, tile.y) for tile in result.tiles] == [(0, 0), (44, 0), (0, 144), (44, 144)]
    assert result.stride == 256


def test_notes_of_reading_come_before_the_note_of_reflection(scorer: Scorer) -> None:
    result = scorer.score(Picture(picture(20, 20), "JPEG", ("turned upright",)))
    assert result.notes == ("turned upright", "reflected to 256x256")


def test_arrays_of_every_kind_that_mean_the_same_score_the_same(scorer: Scorer) -> None:
    eight = picture(256, 256, 1)
    score = scorer.score(eight).score
    assert scorer.score(eight.astype(np.uint16) * 257).score == pytest.approx(score, abs=FP32)
    assert scorer.score(eight.astype(">u2") * 257).score == pytest.approx(score, abs=FP32)
    assert scorer.score(eight / 255.0).score == pytest.approx(score, abs=FP32)
    assert scorer.score((eight / 255.0).astype(np.float32)).score == pytest.approx(score, abs=FP32)
    coarse = (eight / 255.0).astype(np.float16)
    assert scorer.score(coarse).score == pytest.approx(score, abs=0.5)
    grey = eight[:, :, 0]
    assert scorer.score(grey).score == scorer.score(np.dstack([grey] * 3)).score


def test_a_path_is_read_and_a_path_that_cannot_be_is_named(scorer: Scorer, tmp_path: Path) -> None:
    array = picture(64, 64)
    assert cv2.imwrite(str(tmp_path / "a.png"), array[:, :, ::-1])
    assert scorer.score(tmp_path / "a.png").score == scorer.score(array).score
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match=r"empty\.jpg: "):
        scorer.score(str(tmp_path / "empty.jpg"))


def test_a_wrong_stride_is_refused_before_anything_is_read(scorer: Scorer) -> None:
    def jobs() -> Iterator[Job]:
        raise AssertionError("was read")
        yield

    with pytest.raises(UsageError, match="stride"):
        scorer.score_stream(jobs(), stride=0)


def test_a_generator_that_corrects_nothing_gives_the_picture_back_bit_for_bit(
    tmp_path: Path,
) -> None:
    generator, regressor = tiny_networks()
    with torch.no_grad():
        for parameter in generator.heads.parameters():
            parameter.zero_()
    save_weights(
        tmp_path,
        generator,
        regressor,
        Calibration((0, 0, 0, 0, 0)),
        name="clean",
        version="1",
        licence="none",
        training_data=[],
        measured={},
    )
    clean = Scorer.load(tmp_path, device="cpu", precision="fp32")
    array = picture(400, 300, 5)
    result = clean.score(array, hallucination=True, discrepancy=True)
    assert result.hallucination is not None
    assert np.array_equal(result.hallucination, array)
    assert result.discrepancy is not None
    assert not result.discrepancy.any()


def test_the_hallucination_has_no_seams_where_tiles_begin_and_end(scorer: Scorer) -> None:
    level = np.full((640, 768, 3), 120, np.uint8)  # on a picture without edges every edge is a seam
    discrepancy = scorer.score(level, discrepancy=True).discrepancy
    assert discrepancy is not None
    assert np.ptp(discrepancy) > 1e-3, "nothing was corrected: a seam could not be seen"
    steps = np.abs(np.diff(discrepancy, axis=1)).mean(axis=(0, 2))
    borders = [x + side for x in range(0, 513, 128) for side in (-1, 255) if 0 < x + side < 767]
    elsewhere = np.delete(steps, borders)
    assert steps[borders].max() <= elsewhere.max()


def test_arrays_asked_for_are_the_picture_minus_its_hallucination(scorer: Scorer) -> None:
    array = picture(300, 270, 2)
    result = scorer.score(array, hallucination=True, discrepancy=True)
    assert result.hallucination is not None
    assert result.discrepancy is not None
    assert (result.hallucination.dtype, result.discrepancy.dtype) == (np.uint8, np.float32)
    imagined = array / 255.0 - result.discrepancy
    np.testing.assert_allclose(result.hallucination / 255.0, imagined, atol=0.5 / 255 + 1e-6)
    assert np.abs(result.discrepancy).max() > 0.01
    plain = scorer.score(array)
    assert plain.hallucination is None
    assert plain.discrepancy is None
    assert plain.score == pytest.approx(result.score, abs=1e-9)
