"""Compare Scorer.score() in a loop with Scorer.score_many() on many small JPEG files, in one process and one run.

    python bench/many.py --threads 1 examples/*.png

The files are made from the given images, in a temporary folder. Rounds alternate between the two (`timing.py`): only
the ratio carries over to another machine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from PIL import Image

from hiqa_cli import Scorer
from hiqa_cli.engine.speed.timing import median_seconds, seconds_of

SIZES = ((128, 128), (256, 256), (384, 288), (640, 480))
IMAGES = 12
ROUNDS = 3


def write_files(folder: Path, sources: list[Path], size: tuple[int, int]) -> list[Path]:
    """IMAGES JPEG files of one size."""
    files = []
    for number in range(IMAGES):
        image = Image.open(sources[number % len(sources)]).convert("RGB").resize(size)
        files.append(folder / f"{size[0]}x{size[1]}-{number}.jpg")
        image.save(files[-1], quality=90)
    return files


def one_by_one(scorer: Scorer, files: list[Path]) -> None:
    for file in files:
        scorer.score(file)


def together(scorer: Scorer, files: list[Path]) -> None:
    for _ in scorer.score_many(files):
        pass


def measured(call: Callable[[], None], used: list[float]) -> float:
    """Seconds of a call by the clock; its seconds of processor time are added to `used`."""
    begin = time.process_time()
    seconds = seconds_of(call)
    used.append(time.process_time() - begin)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description="score() in a loop against score_many()")
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    scorer = Scorer.load(threads=arguments.threads)
    print(" ".join(f"{name}={value}" for name, value in scorer.settings.items()))
    print("| size | tiles | clock: score() | score_many() | ratio | processor: score() | score_many() | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            used: dict[str, list[float]] = {"one": [], "many": []}
            files = write_files(Path(folder), arguments.images, size)
            calls = {"one": partial(one_by_one, scorer, files), "many": partial(together, scorer, files)}
            measures = {name: partial(measured, call, used[name]) for name, call in calls.items()}
            wall = median_seconds(measures, ROUNDS)
            processor = {name: median(seconds[1:]) for name, seconds in used.items()}
            columns = [f"{size[0]}x{size[1]}", str(len(scorer.score(files[0]).tiles))]
            for times in (wall, processor):
                columns += [f"{1000 * times[name] / len(files):.0f} ms" for name in times]
                columns.append(f"{times['one'] / times['many']:.2f}")
            print(f"| {' | '.join(columns)} |", flush=True)


if __name__ == "__main__":
    main()
