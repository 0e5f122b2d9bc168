"""Kill hiqa again and again, continue with --resume, and count: no row may be lost, none may be there twice.

    python bench/kills.py --rounds 50 --victims parent worker ray

Each round scores pictures with two workers and a stub network (`stub_network.py`), kills the parent or one worker with
SIGKILL after a number of rows that differs from round to round, and runs `--resume`, in one process, until the exit
code is 0. With victim `ray` it scores on a cluster of two nodes on this machine (`ray_cluster.py`), and kills an actor.
Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

STUB = Path(__file__).with_name("stub_network.py")
CHECKOUT = STUB.parents[1]
PICTURES = 60
MOST_RUNS = 5  # of --resume in a round
VICTIMS = ("parent", "worker", "ray")
SECONDS = 0.01
CLUSTER = STUB.with_name("ray_cluster.py")


def write_pictures(folder: Path) -> list[str]:
    """Small pictures of different levels."""
    folder.mkdir()
    names = [str(folder / f"{number:03}.png") for number in range(PICTURES)]
    for number, name in enumerate(names):
        Image.fromarray(np.full((60, 80, 3), 20 + 3 * number, np.uint8)).save(name)
    return names


def children(pid: int) -> list[int]:
    """The worker processes of a run."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
        except FileNotFoundError:
            continue
    return found


def paths_in(table: Path) -> list[str]:
    """The paths of complete rows of JSON lines, whether scored or not."""
    if not table.exists():
        return []
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line)["path"] for line in lines if line.endswith("\n")]


def start(pictures: Path, table: Path, options: Sequence[str], seconds: float = SECONDS) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(STUB), "score", str(pictures), "-q", "--jsonl", str(table)]
    return subprocess.Popen(
        [*command, *options], env=variables(seconds), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


class Cluster:
    """Two nodes of Ray, as a process that names its actors."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(CLUSTER)], env=variables(seconds), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid = self._process.pid
        self.address = self._line()

    def actors(self) -> list[int]:
        """The processes that score now."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"workers\n")
        self._process.stdin.flush()
        return [int(pid) for pid in self._line().split()]

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    def close(self) -> None:
        self._process.communicate()


def variables(seconds: float = SECONDS) -> dict[str, str]:
    """The environment of the processes. seconds: of the stub network for a tile."""
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "STUB_SECONDS": str(seconds)}


def kill_one(run: subprocess.Popen[bytes], victim: str, table: Path, rows: int, cluster: Cluster | None) -> int:
    """Wait for so many rows, kill, and wait for the end. Returns the number of rows then."""
    while run.poll() is None and len(paths_in(table)) < rows:
        time.sleep(0.01)
    found = len(paths_in(table))
    if run.poll() is None:
        if cluster is not None:
            targets = cluster.actors()[-1:]
        else:
            targets = [run.pid] if victim == "parent" else children(run.pid)[-1:]
        for pid in targets:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    run.communicate(timeout=300)
    return found


def one_round(
    victim: str, folder: Path, expected: Sequence[str], chance: random.Random, cluster: Cluster | None
) -> str:
    """A line on what happened. AssertionError where a row is lost or there twice."""
    table = folder / "rows.jsonl"
    table.unlink(missing_ok=True)
    spread = ["--workers", "2"] if cluster is None else ["--ray-address", cluster.address]
    run = start(folder / "pictures", table, spread)
    before = kill_one(run, victim, table, chance.randrange(0, len(expected) * 2 // 3), cluster)
    kept = paths_in(table)
    runs = 0
    while runs < MOST_RUNS:
        again = start(folder / "pictures", table, ["--resume"])
        message = again.communicate(timeout=300)[1].decode()
        runs += 1
        if again.returncode == 0:
            break
    else:
        raise AssertionError(f"{victim}: --resume does not end with 0: {message}")
    counts = Counter(paths_in(table))
    lost = set(expected) - counts.keys()
    twice = [path for path, count in counts.items() if count > 1]
    assert not lost, f"{victim}: {len(lost)} rows lost, such as {min(lost)}"
    assert not twice, f"{victim}: {len(twice)} rows twice, such as {twice[0]}"
    assert victim == "parent" or len(kept) == len(expected), f"the run did not survive its worker: {len(kept)} rows"
    return f"{victim}: killed at {before} rows, {len(kept)} rows then, {len(counts)} after {runs} x --resume"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--victims", nargs="+", choices=VICTIMS, default=VICTIMS[:2])
    options = parser.parse_args()
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        expected = write_pictures(folder / "pictures")
        for victim in options.victims:
            cluster = Cluster() if victim == "ray" else None
            try:
                for _ in range(options.rounds):
                    print(one_round(victim, folder, expected, chance, cluster), flush=True)
            finally:
                if cluster is not None:
                    cluster.close()
    print(f"{options.rounds} rounds each of {', '.join(options.victims)}: no row lost, none twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
