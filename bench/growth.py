"""How time and memory of `hiqa score` grow with the size of an image, the number of images, and threads.

    python bench/growth.py --json growth.json

Every point is `hiqa score` in a process of its own on generated JPEG files, next to the time of importing torch and
OpenCV. Seconds are medians; peak memory is that of the process (Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from hiqa_cli.engine.speed.benchmark import generated_images
from hiqa_cli.engine.speed.timing import median_seconds, seconds_of

SIZES = {0.2: (512, 384), 1: (1156, 866), 4: (2310, 1732), 12: (4000, 3000), 50: (8166, 6124), 100: (11548, 8660)}
COUNTS = (1, 10, 100, 1000)
THREADS = (1, 2)
IMPORT = "import torch, cv2"
# Runs hiqa and prints the peak memory of its process, which a parent process cannot query.
CHILD = """
import sys
from hiqa_cli.engine.speed.benchmark import peak_memory
from hiqa_cli.commands.app import run
code = run(sys.argv[1:])
print(peak_memory(), file=sys.stderr)
sys.exit(code)
"""


class PythonProcess:
    """A command of this Python; `peak_bytes` is the largest that its last line of standard error reported."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments = arguments
        self.peak_bytes = 0

    def run(self) -> None:
        """Run it once; exits where it fails."""
        done = subprocess.run([sys.executable, *self.arguments], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(self.arguments)} ended with {done.returncode}: {done.stderr}")
        last = done.stderr.strip().splitlines()[-1:]
        self.peak_bytes = max(self.peak_bytes, int(last[0]) if last and last[0].isdecimal() else 0)


def median_of(call: Callable[[], None], rounds: int) -> float:
    """Median seconds of a call."""
    return median_seconds({"": lambda: seconds_of(call)}, rounds, warm_up=0)[""]


def point(images: list[Path], options: list[str], rounds: int) -> dict[str, float]:
    """Seconds and peak memory of scoring the images."""
    process = PythonProcess(["-c", CHILD, "score", "--quiet", *options, *map(str, images)])
    seconds = median_of(process.run, rounds)
    return {"seconds": seconds, "peak_mib": process.peak_bytes / 2**20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=float, nargs="*", default=list(SIZES))
    parser.add_argument("--counts", type=int, nargs="*", default=list(COUNTS))
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    common = ["--precision", options.precision]
    facts: dict[str, dict[str, dict[str, float]]] = {"megapixels": {}, "images": {}, "threads": {}, "start": {}}
    imports = median_of(PythonProcess(["-c", IMPORT]).run, options.rounds)
    facts["start"]["import torch, cv2"] = {"seconds": imports}
    print(f"{'import torch, cv2':28} {imports:8.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in options.sizes:
            image = Path(folder) / f"{megapixels:g}.jpg"
            image.write_bytes(generated_images(*SIZES[megapixels], 1)[0])
            show(facts, "megapixels", f"{megapixels:g}", point([image], common, options.rounds))
            image.unlink()
        small = generated_images(*SIZES[0.2], 4)
        images = [Path(folder) / f"{number}.jpg" for number in range(max(options.counts, default=0))]
        for number, image in enumerate(images):
            image.write_bytes(small[number % len(small)])
        for count in options.counts:
            rounds = options.rounds if count < 1000 else 1
            show(facts, "images", str(count), point(images[:count], common, rounds))
        for threads in THREADS if os.cpu_count() != 1 and len(images) >= 100 else ():
            limited = [*common, "--threads", str(threads)]
            show(facts, "threads", str(threads), point(images[:100], limited, options.rounds))
    if options.json is not None:
        options.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def show(facts: dict[str, dict[str, dict[str, float]]], kind: str, name: str, found: dict[str, float]) -> None:
    """Keep and print a point."""
    facts[kind][name] = found
    print(f"{name + ' ' + kind:28} {found['seconds']:8.2f} s {found['peak_mib']:8.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
