"""LIVE in the Wild Image Quality Challenge Database (Ghadiyaram, Bovik)."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.files.folders import Files, locate
from hiqa_train.datasets.files.matlab import names, read_mat, vector
from hiqa_train.datasets.sample import Dataset, ScoreScale

from .collect import ALTERED, TableRow, collect

TRAINING = 7  # images that instructed the observers: first in the list, and not part of the database
IMAGES = 1162
NAMES, SCORES = "AllImages_release", "AllMOS_release"  # of the files, and of the variables in them


def read_livec(root: Path) -> Dataset:
    """Read LIVE in the Wild, without the seven images that instructed the observers.

    Names and scores are paired by their position in the lists, whose order is not that of a sorted folder.
    """
    name_file, score_file = locate(root, f"{NAMES}.mat"), locate(root, f"{SCORES}.mat")
    folder = locate(root, "Images")
    if name_file is None or score_file is None or folder is None:
        raise DatasetError(f"{root} is not a complete copy of LIVE in the Wild", f"expected {LIVEC.layout}")
    images = names(read_mat(name_file), NAMES, name_file, TRAINING + IMAGES)
    scores = vector(read_mat(score_file), SCORES, score_file, TRAINING + IMAGES)
    if not all(name.lower().startswith("t") for name in images[:TRAINING]):
        raise DatasetError(f"{name_file}: expected the {TRAINING} images t*.* first, found {images[0]}", ALTERED)
    rows = [
        TableRow(name=f"Images/{name}", score=score, scene=f"livec/{PurePosixPath(name).stem}")
        for name, score in zip(images[TRAINING:], scores[TRAINING:], strict=True)
    ]
    files = Files(folder, depth=0)
    return collect(LIVEC, root, rows, score_file.name, files.find)


LIVEC = DatabaseInfo(
    name="livec",
    title="LIVE in the Wild",
    images=IMAGES,
    references=0,
    scale=ScoreScale("MOS", 0, 100, 0, 100, high_is_good=True),
    source="LIVE, University of Texas at Austin, on request: live.ece.utexas.edu/research/ChallengeDB",
    terms="free use with the copyright notice and citation",
    layout=f"Images/*.JPG and *.bmp, Data/{NAMES}.mat, Data/{SCORES}.mat",
    marks=((f"{NAMES}.mat",), (f"{SCORES}.mat",), ("Images",)),
    read=read_livec,
)
