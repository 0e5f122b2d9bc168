"""How the whole command's time and memory grow: with the size of an image, their number, and threads.

    python bench/growth.py --json growth.json

Every point is `hiqa score` in a process of its own on generated JPEG files; beside it stands what importing torch and
OpenCV alone takes. Seconds are medians of alternating rounds; peak memory is the process's own (Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from hiqa_cli.engine.benchmark import generated_images

SIZES = {0.2: (512, 384), 1: (1156, 866), 4: (2310, 1732), 12: (4000, 3000), 50: (8166, 6124), 100: (11548, 8660)}
COUNTS = (1, 10, 100, 1000)
THREADS = (1, 2)
IMPORT = "import torch, cv2"
# Runs hiqa in this process and says its peak memory, which a parent cannot ask for by itself.
CHILD = """
import sys
from hiqa_cli.engine.bench import peak_memory
from hiqa_cli.app import run
code = run(sys.argv[1:])
print(peak_memory(), file=sys.stderr)
sys.exit(code)
"""


def timed(arguments: list[str]) -> tuple[float, int]:
    """(seconds, peak bytes) of a command of this Python's; the last line of its standard error is the peak, if any."""
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    last = done.stderr.strip().splitlines()[-1:]
    return seconds, int(last[0]) if last and last[0].isdecimal() else 0


def point(images: list[Path], options: list[str], rounds: int) -> dict[str, float]:
    found = [timed(["-c", CHILD, "score", "--quiet", *options, *map(str, images)]) for _ in range(rounds)]
    return {"seconds": median(seconds for seconds, _ in found), "peak_mib": max(peak for _, peak in found) / 2**20}


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
    imports = median(timed(["-c", IMPORT])[0] for _ in range(options.rounds))
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
    facts[kind][name] = found
    print(f"{name + ' ' + kind:28} {found['seconds']:8.2f} s {found['peak_mib']:8.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
