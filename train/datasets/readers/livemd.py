"""LIVE Multiply Distorted Image Quality Database (Jayaraman, Mittal, Moorthy, Bovik)."""

from __future__ import annotations

import re
from pathlib import Path

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.files.folders import Files, fold, locate
from hiqa_train.datasets.files.matlab import names, read_mat, vector
from hiqa_train.datasets.sample import Dataset, ScoreScale

from .collect import ALTERED, TableRow, collect

PARTS = {"Part 1": "blurjpeg", "Part 2": "blurnoise"}
IMAGES, REFERENCES = 225, 15  # of each part
LISTS, SCORES = "Imagelists.mat", "Scores.mat"


def read_livemd(root: Path) -> Dataset:
    """Read both parts. Images that are only blurred are in both, as two files with two scores: 450 in all."""
    rows: list[TableRow] = []
    files = {}
    for part, folder in PARTS.items():
        where = locate(root, part, part.replace(" ", ""))
        if where is None:
            raise DatasetError(f"{root} has no folder {part}", f"expected {LIVEMD.layout}")
        rows += _rows(where, part, folder)
        files[part] = Files(where)
    separate = Files(locate(root, "Ref_Images"))  # folder of the references in a repacked copy

    def image(name: str) -> Path | None:
        return files[name.partition("/")[0]].find(name)

    def reference(name: str) -> Path | None:  # both parts have the same
        found = (where.find(name) for where in (*files.values(), separate))
        return next((path for path in found if path is not None), None)

    return collect(LIVEMD, root, rows, SCORES, image, reference)


def _rows(where: Path, part: str, folder: str) -> list[TableRow]:
    list_file, score_file = locate(where, LISTS, depth=1), locate(where, SCORES, depth=1)
    if list_file is None or score_file is None:
        raise DatasetError(f"{where} has no {LISTS if list_file is None else SCORES}", f"expected {LIVEMD.layout}")
    lists = read_mat(list_file)
    images = names(lists, "distimgs", list_file, IMAGES)
    references = names(lists, "refimgs", list_file, REFERENCES)
    which = vector(lists, "ref4dist", list_file, IMAGES)  # counted from 1
    scores = vector(read_mat(score_file), "DMOSscores", score_file, IMAGES)
    rows = []
    for image, place, score in zip(images, which, scores, strict=True):
        if place not in range(1, REFERENCES + 1):
            raise DatasetError(f"{list_file}: ref4dist of {image} is {place:g}, expected 1..{REFERENCES}", ALTERED)
        reference = references[int(place) - 1]
        scene = fold(Path(reference).stem)
        if fold(image).partition("_")[0] != scene:
            raise DatasetError(f"{list_file}: the reference of {image} is given as {reference}", ALTERED)
        rows.append(
            TableRow(
                name=f"{part}/{folder}/{image}",
                score=score,
                scene=f"livemd/{scene}",
                reference=reference,
                distortion="+".join(re.findall(r"_([a-z]+)\d", fold(image))),
            )
        )
    return rows


LIVEMD = DatabaseInfo(
    name="livemd",
    title="LIVE Multiply Distorted",
    images=len(PARTS) * IMAGES,
    references=REFERENCES,
    scale=ScoreScale("DMOS", 0, 100, -10, 110, high_is_good=False),
    source="LIVE, University of Texas at Austin, on request: live.ece.utexas.edu/research/quality",
    terms="free use with the copyright notice and citation",
    layout="'Part 1'/blurjpeg/ and 'Part 2'/blurnoise/ (REF.bmp, REF_blur1_jpeg1.bmp ..), "
    "Imagelists.mat and Scores.mat in each part",
    marks=(("Part 1", "Part1"), ("Part 2", "Part2"), (LISTS,), (SCORES,)),
    read=read_livemd,
)
