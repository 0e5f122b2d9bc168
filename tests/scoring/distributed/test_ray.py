"""hiqa score --ray and RayScorer, on a real Ray cluster of two nodes with a stub network (bench/ray_cluster.py)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.process import CHECKOUT, TIMEOUT, RunHiqa, environment, write_picture

SECONDS = "0.002"  # of the stub for a tile
PICTURES, KINDS = 2000, 8
PATIENCE = 5 * TIMEOUT  # s; Ray starts a process an actor, which a busy machine takes long for


class Cluster:
    """The cluster as a process."""

    def __init__(self) -> None:
        command = [sys.executable, str(CHECKOUT / "bench" / "ray_cluster.py")]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment(STUB_SECONDS=SECONDS),
        )  # fmt: skip
        self.address = self._line()
        if not self.address:
            assert self._process.stderr is not None
            pytest.fail(f"the cluster does not start: {self._process.stderr.read()[-2000:]}")

    def ask(self, word: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(TIMEOUT)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("ray")
    one = Cluster()
    yield one
    one.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 names of eight pictures, in `many`."""
    place = tmp_path_factory.mktemp("ray")
    (place / "many").mkdir()
    for kind in range(KINDS):
        write_picture(place / f"{kind}.png", kind)
    for number in range(PICTURES):
        os.link(place / f"{number % KINDS}.png", place / "many" / f"{number:04}.png")
    return place


def rows(table: Path) -> list[dict[str, Any]]:
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True) if table.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def wait_for(count: int, table: Path, run: threading.Thread) -> None:
    """Until a table has so many rows, or its run has ended."""
    deadline = time.monotonic() + PATIENCE
    while run.is_alive() and len(rows(table)) < count:
        assert time.monotonic() < deadline, f"{len(rows(table))} rows after {PATIENCE} s"
        time.sleep(0.1)


@pytest.mark.slow
def test_scores_on_a_cluster_are_those_of_a_plain_run(
    cluster: Cluster, folder: Path, tiny_weights: Path, run_hiqa: RunHiqa
) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    names = [*(f"{kind}.png" for kind in range(4)), "missing.png", "broken.png"]
    plain = run_hiqa("score", *names, "--jsonl", "plain.jsonl", "--threads", "1", weights=tiny_weights, cwd=folder)
    spread = run_hiqa(
        "score", *names, "--jsonl", "ray.jsonl", "--ray-address", cluster.address, weights=tiny_weights, cwd=folder,
        timeout=PATIENCE,
    )  # fmt: skip
    assert (plain.code, spread.code) == (1, 1), spread.messages
    assert sorted(spread.messages) == sorted(plain.messages)
    expected = {row["path"]: row for row in rows(folder / "plain.jsonl")}
    found = {row["path"]: row for row in rows(folder / "ray.jsonl")}
    assert found.keys() == expected.keys()
    for path, row in expected.items():
        settings = row.get("settings", {}) | {"threads": None}
        assert found[path] | {"settings": found[path].get("settings", {}) | {"threads": None}} == row | {
            "settings": settings
        }


@pytest.mark.slow
def test_what_a_node_cannot_have_is_one_line(cluster: Cluster, folder: Path, run_hiqa: RunHiqa) -> None:
    done = run_hiqa(
        "score", "0.png", "--ray-address", cluster.address, "--weights", "nowhere", cwd=folder, timeout=PATIENCE
    )
    assert done.code == 2
    (message,) = done.messages
    assert re.match(r"hiqa: node [\d.]+: .*nowhere", message), message


@pytest.mark.slow
def test_the_example_of_the_documentation_runs(cluster: Cluster, folder: Path, tmp_path: Path) -> None:
    (block,) = re.findall(
        r"^```python\n(import ray\n.*?)^```", (CHECKOUT / "docs/scale.md").read_text("utf-8"), re.M | re.S
    )
    os.link(folder / "0.png", tmp_path / "0.png")
    os.link(folder / "1.png", tmp_path / "1.png")
    block = block.replace("photos/", f"{tmp_path}/").replace("scores/", f"{tmp_path}/scores/")
    variables = environment(RAY_ADDRESS=cluster.address, RAY_BACKEND_LOG_LEVEL="fatal")
    done = subprocess.run([sys.executable, "-c", block], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(tmp_path / "scores").to_pylist()
    assert sorted(Path(row["path"]).name for row in table) == ["0.png", "1.png"]
    assert all(0 < row["score"] < 100 for row in table)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds actors in /proc")
def test_every_picture_is_there_once_after_a_worker_and_a_node_are_lost_and_resume_scores_what_is_new(
    cluster: Cluster, folder: Path, run_hiqa: RunHiqa
) -> None:
    table = folder / "rows.jsonl"
    command = ["score", "many", "--ray-address", cluster.address, "--ray-actors", "1:2", "--jsonl", "rows.jsonl"]
    ended: list[Any] = []
    run = threading.Thread(target=lambda: ended.append(run_hiqa(*command, cwd=folder, timeout=PATIENCE)))
    run.start()
    for count in (100, 200, 300):
        wait_for(count, table, run)
        for worker in cluster.ask("workers").split()[:1]:
            os.kill(int(worker), signal.SIGKILL)
    wait_for(400, table, run)
    assert cluster.ask("remove") == "removed"
    assert 0 < len(rows(table)) < PICTURES, "the run was over before anything was lost"
    run.join(PATIENCE)
    assert [done.code for done in ended] == [0], ended
    counts = Counter(row["path"] for row in rows(table))
    assert counts == {f"many/{number:04}.png": 1 for number in range(PICTURES)}
    scores = {(int(row["path"][5:9]) % KINDS, row["score"]) for row in rows(table)}
    assert len(scores) == KINDS, "the same picture got several scores"

    for number in range(PICTURES, PICTURES + 3):
        os.link(folder / "0.png", folder / "many" / f"{number:04}.png")
    before = table.read_bytes()
    again = run_hiqa(*command, "--resume", cwd=folder)
    assert (again.code, len(again.lines)) == (0, 3), again.messages
    assert table.read_bytes().startswith(before)
    assert [row["path"] for row in rows(table)[PICTURES:]] == [f"many/{number}.png" for number in range(2000, 2003)]
