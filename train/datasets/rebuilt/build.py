"""Builds `tid2013-rebuilt` or `tid2008-rebuilt` in the published layout, so that the same reader reads it.

    reference_images/I01.BMP ..  distorted_images/i01_01_1.bmp ..  mos_with_names.txt  rebuilt.json  readme

Every file is written atomically and only once, so that a stopped build resumes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from hiqa_cli._version import __version__
from hiqa_cli.errors import UsageError, cannot_write
from hiqa_cli.files.atomic import write_bytes
from hiqa_train.datasets.files.tables import read_csv
from hiqa_train.datasets.readers.collect import parse_score
from hiqa_train.datasets.readers.tid import DISTORTED, NOT_REBUILT, REBUILT_MARK, REFERENCES_FOLDER, TABLE, TID
from hiqa_train.distortions.codecs import pillow
from hiqa_train.distortions.opencv import cv2

from .kodak import SCENES, find_references
from .tid_distortions import fingerprint, rebuild

README = """\
These are not the images of {title}, which may not be redistributed. hiqa {version} made them from Kodak's photographs,
to measure like the originals (train/experiments/REBUILT.md in the source of hiqa compares them, type by type). The
scores in {table} are the published ones: state a result as one on published scores and rebuilt images.
"""


@dataclass(frozen=True)
class Edition:
    """A rebuilt database: the types of TID2013 that it has, and the levels of TID2013 that are its levels 1, 2, ...

    digits: decimals of its scores.
    """

    name: str
    types: tuple[int, ...]
    levels: tuple[int, ...]
    digits: int


def _edition(name: str, types: int, levels: tuple[int, ...], digits: int) -> Edition:
    kept = tuple(kind for kind in range(1, types + 1) if kind not in NOT_REBUILT)
    return Edition(name, kept, levels, digits)


EDITIONS = {
    edition.name: edition
    for edition in (
        _edition("tid2013-rebuilt", 24, (1, 2, 3, 4, 5), 5),
        _edition("tid2008-rebuilt", 17, (2, 3, 4, 5), 4),
    )
}


@dataclass(frozen=True)
class BuildResult:
    """The numbers of images that were written, and that existed already."""

    written: int
    kept: int


def image_name(scene: int, kind: int, level: int) -> str:
    """The file name of a distorted image. level: as the database numbers it."""
    return f"i{scene:02}_{kind:02}_{level}.bmp"


def manifest(name: str) -> dict[str, Any]:
    """What determines the bytes of the images: the distortions, and the versions of the libraries."""
    return {
        "name": name,
        "recipe": fingerprint(),
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "pillow": pillow().__version__,
    }


def build(
    name: str,
    source: Path,
    tree: Path,
    scores: Path,
    scenes: list[int],
    types: list[int],
    advance: Callable[[], None],
) -> BuildResult:
    """Write the images of some scenes and types (as the database numbers them) into `tree`, and the table of all
    scores.

    source: folder of Kodak's photographs. scores: CSV with reference, type, level, mos. advance: called after each
    image. UsageError if a photograph or score is missing, or `tree` holds something else; OutputError.
    """
    edition = EDITIONS[name]
    table = score_table(edition, scores)
    references = find_references(source, scenes)
    start_tree(tree, manifest(name))
    write_once(tree / TABLE, table.encode())
    title = TID[name].title
    write_once(tree / "readme", README.format(title=title, version=__version__, table=TABLE).encode())
    for scene, reference in references.items():
        write_once(tree / REFERENCES_FOLDER / f"I{scene:02}.BMP", as_bmp(reference))
    images = [
        (scene, kind, number, level)
        for scene in references
        for kind in types
        for number, level in enumerate(edition.levels, start=1)
    ]

    def one(scene: int, kind: int, number: int, level: int) -> bool:
        path = tree / DISTORTED / image_name(scene, kind, number)
        if path.exists():
            return False
        write_bytes(path, as_bmp(rebuild(references[scene], kind, level, scene)))
        return True

    written = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            for done in as_completed([pool.submit(one, *place) for place in images]):
                written += done.result()
                advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return BuildResult(written, len(images) - written)


def score_table(edition: Edition, scores: Path) -> str:
    """`mos_with_names.txt`: a line `score name` for every image of the database, built or not.

    UsageError if the table lacks a score.
    """
    published = {
        (int(row["reference"]), int(row["type"]), int(row["level"])): parse_score(
            row["mos"], f"{scores.name}, line {line}"
        )
        for line, row in read_csv(scores, ("reference", "type", "level", "mos"))
    }
    lines = []
    for scene in SCENES:
        for kind in edition.types:
            for number in range(1, len(edition.levels) + 1):
                if (scene, kind, number) not in published:
                    raise UsageError(
                        f"{scores} has no score of reference {scene}, type {kind}, level {number}",
                        f"give the scores of {edition.name.removesuffix('-rebuilt').upper()}",
                    )
                score = published[scene, kind, number]
                lines.append(f"{score:.{edition.digits}f} {image_name(scene, kind, number)}\n")
    return "".join(lines)


def start_tree(tree: Path, wanted: dict[str, Any]) -> None:
    """Create the folders. UsageError if `tree` exists and is neither empty nor of the same build."""
    file = tree / REBUILT_MARK
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        for what, value in wanted.items():
            if found.get(what) != value:
                raise UsageError(
                    f"{tree} was started with {what} {found.get(what)}, this is {what} {value}",
                    "give a new folder --to",
                )
    elif tree.exists() and (not tree.is_dir() or any(tree.iterdir())):
        raise UsageError(f"{tree} is not empty, and was not created by this command", "give a new folder --to")
    try:
        for folder in (tree / DISTORTED, tree / REFERENCES_FOLDER):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(tree, error) from error
    write_once(file, (json.dumps(wanted, indent=2) + "\n").encode())


def write_once(path: Path, data: bytes) -> None:
    """Write a file if it does not exist. UsageError if it exists with other contents."""
    if path.exists():
        if path.read_bytes() != data:
            raise UsageError(f"{path} exists with other contents", "give a new folder --to")
    else:
        write_bytes(path, data)


def as_bmp(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB -> a BMP file."""
    ok, data = cv2.imencode(".bmp", image[..., ::-1])
    if not ok:
        raise RuntimeError("OpenCV could not write a BMP")
    return data.tobytes()
