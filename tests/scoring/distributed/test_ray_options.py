"""What --ray refuses, what an actor takes of a node, and how the driver counts: without a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.process import RunHiqa, picture_bytes, write_picture

from hiqa_cli.distributed.cluster.actor import Answers
from hiqa_cli.distributed.cluster.driver import RayStream
from hiqa_cli.distributed.cluster.share import Share, share_of
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.loading import LoadSettings
from hiqa_cli.errors import DeviceError, HiqaError, ImageError, UsageError


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--ray", "--maps", "m"), "--maps writes files on this machine, and --ray scores on others"),
        (("--ray", "--report", "r.html"), "--report keeps pictures, which --ray leaves on its nodes"),
        (("--ray", "--workers", "2"), "--workers are processes of this machine, --ray uses a cluster"),
        (("--ray-address", "head:6379", "-"), "standard input (-) cannot be read by the nodes of --ray"),
        (("--ray-actors", "1:2"), "--ray-actors needs --ray"),
        (("--ray", "--ray-actors", "3:2"), "--ray-actors: expected no more than 2 before the colon; found '3:2'"),
        (("--ray", "--ray-actors", "0"), "--ray-actors: expected MIN:MAX, whole numbers of at least 1; found '0'"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused_in_one_line(
    run_hiqa: RunHiqa, arguments: tuple[str, ...], expected: str
) -> None:
    done = run_hiqa("score", "a.png", *arguments)
    assert done.code == 2
    (message,) = done.messages
    assert message.startswith(f"hiqa: {expected}")


def test_a_missing_extra_is_named(tmp_path: Path, run_hiqa: RunHiqa) -> None:
    write_picture(tmp_path / "a.png")
    done = run_hiqa("score", "a.png", "--ray", cwd=tmp_path, before="import sys\nsys.modules['ray'] = None")
    assert done.code == 2
    assert done.messages == ["hiqa: --ray needs ray[data], which is not installed; pip install 'hiqa[ray]'"]


def settings(device: str = "auto", threads: int | None = None) -> LoadSettings:
    return LoadSettings(None, "torch", device, "auto", None, threads, None)


@pytest.mark.parametrize(
    ("nodes", "device", "threads", "share", "room"),
    [
        ([{"CPU": 64.0}, {"CPU": 2.0}], "auto", None, Share(2, 0), 33),
        ([{"CPU": 64.0}], "auto", None, Share(4, 0), 16),
        ([{"CPU": 8.0}, {}], "cpu", 3, Share(3, 0), 2),
        ([{"CPU": 16.0, "GPU": 2.0}, {"CPU": 32.0}], "auto", None, Share(8, 1), 2),
        ([{"CPU": 16.0, "GPU": 2.0}], "cpu", None, Share(4, 0), 4),
        ([{}], "auto", None, Share(4, 0), 0),
    ],
)
def test_an_actor_takes_a_gpu_with_its_cores_or_a_group_of_cores(
    nodes: list[dict[str, float]], device: str, threads: int | None, share: Share, room: int
) -> None:
    found = share_of(settings(device, threads), nodes)
    assert (found, found.room(nodes)) == (share, room)


def test_gpus_by_number_and_gpus_that_are_not_there_are_refused() -> None:
    with pytest.raises(UsageError, match="--device cuda:0,cuda:1 numbers the GPUs of one machine"):
        share_of(settings("cuda:0,cuda:1"), [{"CPU": 4.0, "GPU": 2.0}])
    with pytest.raises(DeviceError, match="no node of the Ray cluster has a GPU"):
        share_of(settings("cuda"), [{"CPU": 4.0}])


class LossyCluster:
    """Gives the first block twice, loses the second, and gives what was lost when it is asked for alone, but for d."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.asked: list[tuple[list[int], int]] = []

    def warn(self, text: str) -> None:
        self.said.append(text)

    def rows_of_a_block(self, count: int) -> int:
        return 2

    def answers(
        self, jobs: Sequence[Job], numbers: Sequence[int], scoring: Scoring, rows: int, retries: int
    ) -> Iterator[Answers]:
        self.asked.append((list(numbers), rows))
        if rows == 2:
            block: list[tuple[int, Any]] = [(0, ImageError("a")), (1, ImageError("b"))]
            yield from (Answers(block), Answers(block))
        else:
            yield Answers([(3, ImageError("c"))])

    def close(self) -> None:
        self.asked.append(([], 0))


def test_every_image_counts_once_and_what_a_lost_block_had_is_tried_alone() -> None:
    cluster = LossyCluster()
    jobs = [Job("a"), Job("b"), Job("x", problem="no such file"), Job("c"), Job("d")]
    with RayStream(cluster, jobs, Scoring()) as stream:  # type: ignore[arg-type]
        found = {job.name: str(outcome) for job, outcome in stream if isinstance(outcome, HiqaError)}
    assert found == {
        "x": "no such file",
        "a": "a",
        "b": "b",
        "c": "c",
        "d": "every Ray actor that scored it ended; if memory is short, give fewer --ray-actors",
    }
    assert cluster.asked == [([0, 1, 3, 4], 2), ([3, 4], 1), ([], 0)]
    assert cluster.said == ["2 images of Ray actors that ended: tried again, each alone"]


def test_the_actor_takes_bytes_or_paths_and_keeps_further_columns(tiny_weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from hiqa_cli import Scorer
    from hiqa_cli.distributed import RayScorer

    write_picture(tmp_path / "a.png", 1)
    scorer = RayScorer(tiny_weights, precision="fp32", threads=1)
    batch = {
        "bytes": np.array([picture_bytes(1), b"no picture"], dtype=object),
        "path": np.array(["a.png", "b.png"], dtype=object),
        "label": np.array([7, 8]),
    }
    by_bytes = scorer(batch)
    by_path = scorer({"path": np.array([str(tmp_path / "a.png")], dtype=object)})
    expected = Scorer.load(tiny_weights, precision="fp32", threads=1).score(tmp_path / "a.png").to_row("a.png")
    first, second = by_bytes.to_pylist()
    assert (first["path"], first["score"], first["label"]) == ("a.png", expected["score"], 7)
    assert (second["path"], second["score"], second["label"]) == ("b.png", None, 8)
    assert second["error"].startswith("not an image")
    assert "bytes" not in first
    assert by_path.to_pylist()[0]["score"] == expected["score"]
    with pytest.raises(UsageError, match="expected a column path or bytes, found image"):
        scorer({"image": np.array([1])})
    with pytest.raises(HiqaError, match=r"its weights are .*, those of the run are 00000000"):
        RayScorer(tiny_weights, weights_id="00000000", precision="fp32", threads=1)
