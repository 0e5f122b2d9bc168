"""score_many(): any iterable, results in order, errors raised or returned, files read in parallel."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.process import picture_bytes, write_picture

from hiqa_cli import HiqaError, ImageError, Job, Picture, Scorer, ScoreResult, UsageError
from hiqa_cli.engine.backends.torch_backend import TorchBackend
from hiqa_cli.engine.pipeline import prefetch
from hiqa_cli.engine.pipeline.prefetch import Prefetcher
from hiqa_cli.images import read as reading

FINE = 1e-3  # points
PATIENCE = 60.0  # s


@pytest.fixture(scope="module")
def scorer(tiny_weights: Path) -> Scorer:
    return Scorer.load(tiny_weights, device="cpu", precision="fp32")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{n}.png" for n in range(5)]
    for n, path in enumerate(paths):
        write_picture(path, n)
    return paths


def test_results_come_in_order_from_any_iterable_of_any_kinds(scorer: Scorer, files: list[Path]) -> None:
    alone = [scorer.score(path).score for path in files]

    def mixed() -> Iterator[object]:
        yield files[0]
        yield np.asarray(Image.open(files[1]))
        yield files[2].read_bytes()
        with files[3].open("rb") as stream:  # closed when the next image is asked for
            yield stream
        yield Image.open(files[4])

    for images in (files, tuple(files), iter(files), dict.fromkeys(files), mixed()):
        scores = [result.score for result in scorer.score_many(images)]  # type: ignore[arg-type]
        assert scores == pytest.approx(alone, abs=FINE)
    assert list(scorer.score_many([])) == []


def test_a_batch_of_arrays_or_tensors_is_many_images(scorer: Scorer) -> None:
    batch = np.random.default_rng(0).integers(0, 256, (3, 40, 50, 3), dtype=np.uint8)
    alone = [scorer.score(array).score for array in batch]
    tensor = torch.from_numpy(batch).permute(0, 3, 1, 2)
    for images in (batch, tensor):
        assert [result.score for result in scorer.score_many(images)] == pytest.approx(alone, abs=FINE)


def test_a_buffer_may_be_used_again_for_the_next_image(scorer: Scorer, files: list[Path]) -> None:
    arrays = [np.asarray(Image.open(path).convert("RGB")) for path in files]

    def frames() -> Iterator[np.ndarray]:
        buffer = np.empty_like(arrays[0])
        for array in arrays:
            buffer[:] = array
            yield buffer
            buffer[:] = 0

    scores = [result.score for result in scorer.score_many(frames())]
    assert scores == pytest.approx([scorer.score(array).score for array in arrays], abs=FINE)


def test_an_error_is_raised_after_the_results_before_it_and_names_its_image(scorer: Scorer, files: list[Path]) -> None:
    files[2].write_bytes(files[2].read_bytes()[:200])
    results = scorer.score_many(files)
    assert [next(results).width, next(results).width] == [80, 80]
    with pytest.raises(ImageError, match=r"/2\.png: truncated PNG"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)
    with pytest.raises(ImageError, match=r"images\[1\]: an array of shape"):
        list(scorer.score_many([np.zeros((9, 9)), np.zeros(9)]))


def test_images_of_a_hugging_face_dataset_are_read_from_their_bytes_or_their_path(
    scorer: Scorer, files: list[Path]
) -> None:
    plain = [result.score for result in scorer.score_many(files[:3])]
    stored = [
        {"bytes": files[0].read_bytes(), "path": None},
        {"bytes": None, "path": str(files[1])},
        {"bytes": files[2].read_bytes(), "path": "elsewhere.png"},
    ]
    assert [result.score for result in scorer.score_many(stored)] == plain
    assert scorer.score(stored[1]).score == plain[1]
    with pytest.raises(ImageError, match="None in place of an image"):
        scorer.score({"bytes": None, "path": None})
    with pytest.raises(UsageError, match="several images, found an object of type dict; use score"):
        scorer.score_many(stored[0])


def test_an_error_is_returned_in_its_place(scorer: Scorer, files: list[Path]) -> None:
    images = [files[0], None, "no such.png", files[1]]
    first, none, missing, last = scorer.score_many(images, on_error="return")  # type: ignore[call-overload]
    assert isinstance(first, ScoreResult)
    assert str(none).startswith("images[1]: None in place of an image; expected a path")
    assert str(missing) == "no such.png: no such file"
    assert isinstance(last, ScoreResult)


def test_arrays_that_were_asked_for_come_with_each_result(scorer: Scorer, files: list[Path]) -> None:
    for path, result in zip(files, scorer.score_many(files, hallucination=True, discrepancy=True), strict=True):
        assert result.hallucination is not None
        assert result.discrepancy is not None
        assert result.distorted is not None
        assert np.array_equal(result.distorted, np.asarray(Image.open(path)))
        rebuilt = result.distorted / 255 - result.discrepancy
        np.testing.assert_allclose(result.hallucination / 255, rebuilt, atol=0.5 / 255 + 1e-6)


def test_images_share_batches(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    predict = TorchBackend.predict_tiles

    def counted(self: TorchBackend, tiles: list[np.ndarray], corrections: bool) -> object:
        sizes.append(len(tiles))
        time.sleep(0.1)  # as networks do: the next images are read meanwhile
        return predict(self, tiles, corrections)

    monkeypatch.setattr(TorchBackend, "predict_tiles", counted)
    images = [picture_bytes(n) for n in range(33)]
    assert len(list(scorer.score_many(images))) == 33
    assert sum(sizes) == 33
    assert len(sizes) <= 1 + 33 // 8 + 1


def test_files_are_read_in_parallel_and_an_iterable_runs_on_one_thread(
    scorer: Scorer, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(prefetch.READERS)
    iterating: set[int] = set()
    read = reading.read_picture

    def slow(*arguments: object) -> Picture:
        together.wait(PATIENCE)  # until READERS files are being read at the same time
        return read(*arguments)  # type: ignore[arg-type]

    def paths() -> Iterator[Path]:
        for path in files[: prefetch.READERS]:
            iterating.add(threading.get_ident())
            yield path

    monkeypatch.setattr(reading, "read_picture", slow)
    assert len(list(scorer.score_many(paths()))) == prefetch.READERS
    assert len(iterating) == 1


def test_only_one_large_file_is_decoded_before_the_first_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "PREFETCH_PIXELS", 1000)
    for n in range(6):
        write_picture(tmp_path / f"{n}.png", n)
    ahead = Prefetcher([Job(tmp_path / f"{n}.png", token=n) for n in range(6)])
    for n in range(6):
        taken = ahead.take(wait=True)
        assert taken is not None
        assert taken[0].token == n
        time.sleep(0.1)
        assert ahead.take(wait=False) is None
        ahead.release(80 * 60)
    assert ahead.take(wait=True) is None


def test_files_that_cannot_be_read_hold_nobody_up(scorer: Scorer, files: list[Path]) -> None:
    images = [file for path in files for file in (path, b"", path.with_name("missing"), np.zeros(3), io.BytesIO(b"x"))]
    outcomes = list(scorer.score_many(images * 4, on_error="return"))
    assert [isinstance(outcome, HiqaError) for outcome in outcomes] == [False, True, True, True, True] * 20
