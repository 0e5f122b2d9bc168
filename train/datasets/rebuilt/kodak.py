"""Kodak's 24 photographs (PCD0992), recognised by content, and the references of TID2008 and TID2013 cut from them.

`kodak.csv` has, for each photograph, the SHA-256 of its RGB values row by row, and the position of the reference with
the same number: the only crop whose blurred versions have the PSNR published for TID2013.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from hiqa_cli.errors import HiqaError, UsageError
from hiqa_cli.images.read import image_files, read_picture

WIDTH, HEIGHT = 512, 384  # of a reference
SCENES = range(1, 25)


@dataclass(frozen=True)
class Photograph:
    """A photograph: number 1..24, size, and the upper left corner of its reference."""

    number: int
    width: int
    height: int
    x: int
    y: int


def photographs() -> dict[str, Photograph]:
    """Hash -> photograph."""
    text = (files(__package__) / "kodak.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {
        row["sha256"]: Photograph(*(int(row[name]) for name in ("number", "width", "height", "x", "y"))) for row in rows
    }


def find_references(folder: Path, scenes: list[int]) -> dict[int, np.ndarray]:
    """Scene -> reference, (384, 512, 3) uint8 RGB, from a folder with Kodak's photographs under any names.

    Other files are ignored. UsageError if a requested scene is missing.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", "give the folder of Kodak's 24 photographs")
    known, wanted = photographs(), set(scenes)
    found: dict[int, np.ndarray] = {}
    others = []
    # Try names with a wanted number first, to avoid reading all 24 photographs for one scene.
    for path in sorted(image_files(folder), key=lambda path: not any(f"{scene:02}" in path.stem for scene in wanted)):
        if set(found) == wanted:
            break
        photograph = _recognise(path, known)
        if photograph is None:
            others.append(path.name)
        elif photograph[0].number in wanted:
            row, pixels = photograph
            found[row.number] = np.ascontiguousarray(pixels[row.y : row.y + HEIGHT, row.x : row.x + WIDTH])
    missing = sorted(wanted - set(found))
    if missing:
        which = ", ".join(map(str, missing))
        hint = f"{others[0]} differs from all 24" if others else "it has no other image"
        raise UsageError(f"{folder} lacks a lossless copy of Kodak's photograph {which}; {hint}")
    return dict(sorted(found.items()))


def _recognise(path: Path, known: dict[str, Photograph]) -> tuple[Photograph, np.ndarray] | None:
    try:
        pixels = read_picture(path).pixels
    except HiqaError:
        return None
    photograph = known.get(hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest())
    return None if photograph is None else (photograph, pixels)
