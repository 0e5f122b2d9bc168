"""A stream that is closed early, and outputs that cannot be written."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stream_jobs import PATIENCE, good, grey, job
from support.tiny_weights import write_tiny_weights

from hiqa_cli.engine.results import ScoreResult
from hiqa_cli.engine.scorer import Job, Outputs, Scorer
from hiqa_cli.errors import OutputError


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder = write_tiny_weights(tmp_path_factory.mktemp("weights"))
    return Scorer.load(folder, device="cpu", precision="fp32")


def test_closing_a_stream_stops_reading_and_removes_half_pictures(scorer: Scorer, tmp_path: Path) -> None:
    read: list[int] = []

    def jobs() -> Iterator[Job]:
        for n in range(100_000):
            read.append(n)
            target = tmp_path / "out" / f"{n}.png"
            yield Job(grey(9, 700, 300), str(n), Outputs(hallucination=target))

    results = scorer.score_stream(jobs())
    next(results)
    results.close()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0.png"]
    time.sleep(0.3)
    seen = len(read)
    time.sleep(0.3)
    assert len(read) == seen < 1000


def test_a_stream_that_is_closed_does_not_wait_for_a_silent_pipe(scorer: Scorer) -> None:
    end = threading.Event()

    results = scorer.score_stream([good("a"), job("silent", lambda: end.wait(PATIENCE), grey(5))])
    next(results)
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < PATIENCE / 4
    end.set()


def test_a_target_that_cannot_be_written_is_that_images_result(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    jobs = [
        Job(grey(1), "a", Outputs(panel=tmp_path / "file" / "a.png")),
        Job(grey(2), "b", Outputs(panel=tmp_path / "b.png")),
    ]
    (_, first), (_, second) = scorer.score_stream(jobs)
    assert isinstance(first, OutputError)
    assert isinstance(second, ScoreResult)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", "file"]


def test_when_one_picture_of_an_image_cannot_be_begun_none_is_left(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    outputs = Outputs(hallucination=tmp_path / "out" / "a.png", quality=tmp_path / "file" / "q.png")
    ((_, outcome),) = scorer.score_stream([Job(grey(1), "a", outputs)])
    assert isinstance(outcome, OutputError)
    assert not list((tmp_path / "out").iterdir())


class Closed(io.RawIOBase):
    """A pipe whose reader leaves after the head of the picture."""

    left = 3

    def write(self, data: object) -> int:
        self.left -= 1
        if self.left < 0:
            raise BrokenPipeError(32, "Broken pipe")
        return 1


def test_a_reader_that_goes_away_is_not_taken_for_a_bad_image(scorer: Scorer) -> None:
    closed = Outputs(hallucination=Closed())  # type: ignore[arg-type]
    with pytest.raises(BrokenPipeError):
        list(scorer.score_stream([Job(grey(1), "a", closed)]))
