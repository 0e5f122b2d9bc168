"""A stream of images: results in order and at once, one bad image harms no other, memory is bounded."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from support.stream_jobs import PATIENCE, good, grey, job
from support.tiny_weights import tiny_networks, write_tiny_weights

from hiqa_cli.engine.backends.torch_backend import TorchBackend
from hiqa_cli.engine.pipeline import prefetch
from hiqa_cli.engine.pipeline.prefetch import Prefetcher
from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.scorer import Job, Scorer
from hiqa_cli.errors import HiqaError, ImageError
from hiqa_cli.networks.hiqa import HiqaNet, HiqaOutput


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder = write_tiny_weights(tmp_path_factory.mktemp("weights"))
    return Scorer.load(folder, device="cpu", precision="fp32")


def bad(name: str, error: BaseException) -> Job:
    def fail() -> None:
        raise error

    return job(name, fail, grey(0))


def test_an_image_that_fails_becomes_its_own_result_and_the_others_go_on(scorer: Scorer) -> None:
    jobs = [
        bad("first", ImageError("is truncated", "get it again")),
        good("a"),
        bad("memory", MemoryError()),
        bad("vanished", FileNotFoundError(2, "No such file or directory")),
        bad("surprise", ZeroDivisionError("odd\nheader")),
        good("b"),
    ]
    results = list(scorer.score_stream(jobs))
    assert [done.name for done, _ in results] == [wanted.name for wanted in jobs]
    assert [done.token for done, _ in results] == [wanted.name.upper() for wanted in jobs]
    messages = [str(result) for _, result in results if isinstance(result, HiqaError)]
    assert messages == [
        "is truncated; get it again",
        "not enough memory to hold this image",
        "no such file",
        "cannot be read (ZeroDivisionError: odd header)",
    ]
    assert all(isinstance(results[n][1], ScoreResult) for n in (1, 5))


def test_an_empty_stream_gives_nothing(scorer: Scorer) -> None:
    assert list(scorer.score_stream([])) == []


def test_a_result_comes_out_though_the_next_job_has_not_arrived(scorer: Scorer) -> None:
    arrived = threading.Event()

    def jobs() -> Iterator[Job]:
        yield good("a")
        yield bad("b", ImageError("empty file"))
        yield good("c")
        assert arrived.wait(PATIENCE), "the stream waited for a job before it gave its results"
        yield good("d")

    names = []
    for done, _ in scorer.score_stream(jobs()):
        names.append(done.name)
        if names == ["a", "b", "c"]:
            arrived.set()
    assert names == ["a", "b", "c", "d"]


def test_a_result_comes_out_while_the_next_image_is_still_being_read(scorer: Scorer) -> None:
    scored = threading.Event()

    def slow() -> None:
        assert scored.wait(PATIENCE), "the stream waited for a picture before it gave a result"

    results = scorer.score_stream([good("a"), job("slow", slow, grey(3))])
    assert next(results)[0].name == "a"
    scored.set()
    assert isinstance(next(results)[1], ScoreResult)


def test_small_images_share_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer.load(write_tiny_weights(tmp_path / "w"), device="cpu", precision="fp32")
    sizes: list[int] = []
    forward = HiqaNet.forward

    def counted(self: HiqaNet, distorted: torch.Tensor) -> HiqaOutput:
        sizes.append(len(distorted))
        return forward(self, distorted)

    monkeypatch.setattr(HiqaNet, "forward", counted)
    all_read = threading.Event()

    def jobs() -> Iterator[Job]:
        yield good("0", 0)
        for n in range(1, 17):
            yield good(str(n), 10 * n)
        all_read.set()

    results = scorer.score_stream(jobs())
    next(results)  # alone, or with others that were read by then
    assert all_read.wait(PATIENCE)
    time.sleep(0.2)  # the last picture is being read
    assert len(list(results)) == 16
    assert sum(sizes) == 17
    assert 8 in sizes


def test_an_error_of_the_jobs_themselves_is_raised_after_the_results_before_it(
    scorer: Scorer,
) -> None:
    def jobs() -> Iterator[Job]:
        yield good("a")
        raise KeyError("the caller's own")

    results = scorer.score_stream(jobs())
    assert next(results)[0].name == "a"
    with pytest.raises(KeyError, match="the caller's own"):
        next(results)


def test_a_network_that_gives_nan_is_that_images_error(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = HiqaNet.forward

    def spoiled(self: HiqaNet, distorted: torch.Tensor) -> HiqaOutput:
        output = forward(self, distorted)
        white = distorted.float().mean(dim=(1, 2, 3)) > 252
        return output._replace(statistics=output.statistics.masked_fill(white[:, None], float("nan")))

    monkeypatch.setattr(HiqaNet, "forward", spoiled)
    outcomes = [outcome for _, outcome in scorer.score_stream([good("a"), good("white", 255), good("b")])]
    assert [isinstance(outcome, ScoreResult) for outcome in outcomes] == [True, False, True]
    assert "not finite" in str(outcomes[1])


def test_one_tile_too_large_for_memory_costs_its_own_image_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    scorer = Scorer.load(
        write_tiny_weights(tmp_path / "w"),
        device="cpu",
        precision="fp32",
        batch_size=2,
        on_warning=notices.append,
    )
    forward = HiqaNet.forward

    def choosy(self: HiqaNet, distorted: torch.Tensor) -> HiqaOutput:
        if (distorted.float().mean(dim=(1, 2, 3)) > 252).any():
            raise RuntimeError("CUDA out of memory")
        return forward(self, distorted)

    monkeypatch.setattr(HiqaNet, "forward", choosy)
    white = Job(grey(255, 300, 300), "white")
    outcomes = [o for _, o in scorer.score_stream([good("a"), white, good("b"), good("c")])]
    assert [isinstance(o, ScoreResult) for o in outcomes] == [True, False, True, True]
    assert str(outcomes[1]) == "out of memory with a single tile; try --device cpu"
    assert notices == ["out of memory at batch size 2, continuing with 1"]


def test_a_second_large_picture_is_not_read_before_the_first_is_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prefetch, "PREFETCH_PIXELS", 1000)
    read: list[str] = []

    ahead = Prefetcher([job(name, partial(read.append, name), grey(0, 40, 40)) for name in "ab"])
    assert ahead.take(wait=True) is not None
    time.sleep(0.3)
    assert read == ["a"]
    assert ahead.take(wait=False) is None
    ahead.release(1600)
    assert ahead.take(wait=True) is not None
    assert read == ["a", "b"]
    assert ahead.take(wait=True) is None


MEASURE = """
import sys
from pathlib import Path
import numpy as np
from hiqa_cli.engine.scorer import Job, Outputs, Scorer
from hiqa_cli.images.picture import Picture
weights, out = map(Path, sys.argv[1:])
scorer = Scorer.load(weights, device="cpu", precision="fp32", batch_size=1)
def score(width, height, name):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels += np.arange(width, dtype=np.uint8)[:, None]
    pixels[::7] //= 2
    outputs = Outputs(*(out / f"{name}.{kind}.png" for kind in "hdqp"))
    ((_, result),) = scorer.score_stream([Job(Picture(pixels, "test"), name, outputs)], stride=256)
    assert result.width == width, result
    # Not ru_maxrss: through fork and exec that also holds what the parent had.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
print(score(512, 512, "small"), score(512, 8192, "tall"))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from Linux' /proc")
def test_a_tall_picture_costs_little_more_memory_than_its_own_pixels(tmp_path: Path) -> None:
    weights = write_tiny_weights(tmp_path / "w")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(weights), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    small, tall = (int(value) for value in done.stdout.split())
    pixels = 512 * 8192 * 3 / 1024  # KiB; one float32 copy of the picture would be four times that
    assert tall - small < 3 * pixels


def test_a_backend_takes_its_network_over() -> None:
    """It folds batch norms and sets evaluation mode on the network it is given."""
    from hiqa_cli.engine.backends.devices import Placement

    network = HiqaNet(*tiny_networks(batch_norm=True))
    TorchBackend(network, Placement("cpu", "fp32"), 1, print)
    assert not network.training
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
