"""What a row costs around the networks: many tiny pictures, a stub network (`stub_network.py`), JSON lines.

    python bench/scale.py --rows 100000 --ways one workers ray

One after the other: one process, two workers, and a Ray cluster of two nodes on this machine (`ray_cluster.py`). For
each prints rows a second by the clock from the first row to the last, processor time a row of all processes, and the
memory of the process that was started, after every fifth of the rows. Linux only; a busy machine changes the first,
hardly the others.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from kills import Cluster, start, write_pictures

WAYS = ("one", "workers", "ray")
TICKS = os.sysconf("SC_CLK_TCK")
PARENT, USER, SYSTEM, USER_OF_CHILDREN, SYSTEM_OF_CHILDREN = 1, 11, 12, 13, 14  # fields after the name in /proc/*/stat


def link_pictures(folder: Path, rows: int) -> Path:
    """So many names of a few pictures; a file system allows some ten thousand names of one."""
    names = write_pictures(folder / "few")
    place = folder / "many"
    place.mkdir()
    for number in range(rows):
        os.link(names[number % len(names)], place / f"{number:07}.png")
    return place


def processor_seconds(roots: set[int]) -> float:
    """Processor time so far of these processes, those below them, and those of them that have ended."""
    found: dict[int, tuple[int, int]] = {}
    for one in Path("/proc").iterdir():
        if one.name.isdecimal():
            try:
                fields = (one / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            times = sum(int(fields[place]) for place in (USER, SYSTEM, USER_OF_CHILDREN, SYSTEM_OF_CHILDREN))
            found[int(one.name)] = int(fields[PARENT]), times
    own = set(roots)
    while more := {pid for pid, (parent, _) in found.items() if parent in own and pid not in own}:
        own |= more
    return sum(found[pid][1] for pid in own if pid in found) / TICKS


def resident(pid: int) -> float:
    """Memory of a process in MB; 0 where it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def measure(way: str, pictures: Path, table: Path, rows: int) -> str:
    """A line on one way."""
    cluster = Cluster(0) if way == "ray" else None
    options = {"one": [], "workers": ["--workers", "2"]}.get(way) or []
    if cluster is not None:
        options = ["--ray-address", cluster.address, "--ray-actors", "2:2"]
    run = start(pictures, table, options, seconds=0)
    roots = {run.pid, *([] if cluster is None else [cluster.pid])}
    try:
        begin: tuple[float, float, int] | None = None  # clock, processor time, rows
        end = begin
        memory: list[float] = []
        lines = position = 0
        while run.poll() is None:
            time.sleep(0.25)
            if not table.exists():
                continue
            with table.open("rb") as file:
                file.seek(position)
                data = file.read()
            position += len(data)
            lines += data.count(b"\n")
            held = resident(run.pid)
            if held and lines:
                end = time.monotonic(), processor_seconds(roots), lines
                begin = begin or end
                if lines >= (len(memory) + 1) * rows // 5:
                    memory.append(held)
        assert begin is not None
        assert end is not None
        assert run.returncode == 0, run.communicate()[1].decode()
        clock, used, count = (later - earlier for earlier, later in zip(begin, end, strict=True))
        sizes = ", ".join(f"{one:.0f}" for one in memory)
        cost = f"{1000 * used / count:.2f} ms of processor time a row"
        return f"{way}: {count / clock:.0f} rows a second, {cost}, {sizes} MB"
    finally:
        if cluster is not None:
            cluster.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="the cost of a row around the networks")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        pictures = link_pictures(Path(place), options.rows)
        for way in options.ways:
            print(measure(way, pictures, Path(place) / f"{way}.jsonl", options.rows), flush=True)


if __name__ == "__main__":
    main()
