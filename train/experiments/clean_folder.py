"""Builds a folder of clean images for the recipe `release` from photographs of several kinds.

    python -m hiqa_train.experiments.clean_folder OUT --as-is CID22 --reduce PHOTOGRAPHS --scored IMAGES TABLE.csv

Reduction makes a photograph nearly undistorted: area averaging removes noise, compression artefacts and blur. The
photographs of `--reduce` are reduced by a factor of at least two, to a short side of at most 640 px. Of a table with
human scores (columns file and score, higher is better), the best files whose names begin with `--begins` are reduced to
320 px. Images with a short side below 320 px are left out and listed.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np

from hiqa_cli.images.read import image_files, read_picture
from hiqa_train.data.clean_images import MIN_SIDE

from .script_main import report, run_command

MAX_SHORT_SIDE = 640  # px, of reduced photographs
LEAST_REDUCTION = 2.0


def reduced(pixels: np.ndarray, short_side: int) -> np.ndarray:
    """Reduce (H, W, 3) uint8 by area averaging to a short side of `short_side` px."""
    factor = short_side / min(pixels.shape[:2])
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def highest_scored(table: Path, begins: str, count: int) -> list[str]:
    """The names of the `count` files with the highest scores among those that begin with `begins`."""
    with table.open(encoding="utf-8-sig", newline="") as lines:
        rows = [row[:2] for row in csv.reader(lines)][1:]
    scores = {name: float(score) for name, score in rows if name.startswith(begins)}
    return sorted(scores, key=lambda name: (-scores[name], name))[:count]


def build(arguments: argparse.Namespace) -> int:
    """Write the images to OUT as PNG. Returns the exit code."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    written, left_out = 0, []

    def write(path: Path, name: str, short_side: int | None) -> None:
        nonlocal written
        pixels = read_picture(path).pixels[..., :3]
        if short_side is not None:
            pixels = reduced(pixels, short_side) if short_side < min(pixels.shape[:2]) else pixels[:0]
        if min(pixels.shape[:2]) < MIN_SIDE or pixels.dtype != np.uint8:
            left_out.append(path.name)
            return
        encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1]
        (arguments.out / f"{name}.png").write_bytes(encoded.tobytes())
        written += 1

    for folder in arguments.as_is:
        for path in image_files(folder):
            write(path, f"{folder.name}_{path.stem}", None)
    for folder in arguments.reduce:
        for path in image_files(folder):
            short = min(read_picture(path).pixels.shape[:2])
            write(path, f"{folder.name}_{path.stem}", min(MAX_SHORT_SIDE, int(short / LEAST_REDUCTION)))
    if arguments.scored:
        images, table = arguments.scored
        for name in highest_scored(table, arguments.begins, arguments.count):
            write(images / name, Path(name).stem.replace(" ", "_"), MIN_SIDE)
    report(f"{written} images in {arguments.out}; left out: {', '.join(left_out) or 'none'}")
    return 0


def main() -> None:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--as-is", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--reduce", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--scored", type=Path, nargs=2, metavar=("IMAGES", "TABLE"))
    parser.add_argument("--begins", default="", help="first characters of the names of scored files to take")
    parser.add_argument("--count", type=int, default=1000, help="number of scored files to take")
    arguments = parser.parse_args()
    run_command(lambda: build(arguments))


if __name__ == "__main__":
    main()
