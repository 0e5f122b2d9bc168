"""Time and memory of `hiqa score` with one process and with several, on small and on large pictures, real networks.

    python bench/worker_cost.py --small 500 --large 50 examples/*.png

Pictures are made from the given ones: small ones of 256x256 px, large ones of 1632x1224 px, as JPEG. Every line is a
run of its own: clock and processor seconds of all processes, and the most memory that they held together, in which a
page that processes share counts once. Linux only. On a machine that others use, trust the processor seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

SIZES = {"small": (256, 256), "large": (1632, 1224)}
WORKERS = (1, 2, 4)


def write_pictures(folder: Path, sources: list[Path], size: tuple[int, int], count: int) -> Path:
    folder.mkdir()
    images = [Image.open(source).convert("RGB").resize(size, Image.Resampling.LANCZOS) for source in sources]
    for number in range(count):
        images[number % len(images)].save(folder / f"{number:04}.jpg", quality=80 + number % 15)
    return folder


def held(pid: int) -> float:
    """MB of memory of a process and those below it."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return own / 1024 + sum(held(int(child)) for child in children)


def measure(folder: Path, workers: int, count: int) -> str:
    """A line on one run."""
    command = [sys.executable, "-m", "hiqa_cli", "score", str(folder), "-q", "--precision", "fp32", "--jsonl", "-"]
    begin, most = time.monotonic(), 0.0
    run = subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(run.pid, os.WNOHANG)
        if pid:
            break
        most = max(most, held(run.pid))
        time.sleep(0.3)
    assert status == 0, f"hiqa ended with {status}"
    clock, used = time.monotonic() - begin, usage.ru_utime + usage.ru_stime
    return f"{count} {folder.name}, {workers} workers: {clock:.0f} s, {used:.0f} s of processor time, {most:.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description="one process against several")
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--small", type=int, default=500)
    parser.add_argument("--large", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for name, count in (("small", options.small), ("large", options.large)):
            folder = write_pictures(Path(place) / name, options.images, SIZES[name], count)
            for workers in WORKERS if count else ():
                print(measure(folder, workers, count), flush=True)


if __name__ == "__main__":
    main()
