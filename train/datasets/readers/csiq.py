"""CSIQ, the Categorical Subjective Image Quality database (Larson, Chandler)."""

from __future__ import annotations

from pathlib import Path

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.files.folders import Files, locate
from hiqa_train.datasets.files.tables import read_sheet, text
from hiqa_train.datasets.sample import Dataset, ScoreScale

from .collect import TableRow, collect, parse_score

WORKBOOK = "csiq.DMOS.xlsx"
SHEET = "all_by_image"
TYPES = {  # type in the workbook -> folder, type in the file name
    "noise": ("awgn", "AWGN"),
    "jpeg": ("jpeg", "JPEG"),
    "jpeg 2000": ("jpeg2000", "jpeg2000"),
    "fnoise": ("fnoise", "fnoise"),
    "blur": ("blur", "BLUR"),
    "contrast": ("contrast", "contrast"),
}


def read_csiq(root: Path) -> Dataset:
    """Read CSIQ; distorted images are in one folder per type, as published, or all in one folder.

    Raises DependencyError without openpyxl.
    """
    workbook, distorted = locate(root, WORKBOOK), locate(root, "dst_imgs", "dst_imgs_all")
    references = locate(root, "src_imgs")
    if workbook is None or distorted is None or references is None:
        raise DatasetError(f"{root} is not a complete copy of CSIQ", f"expected {CSIQ.layout}")
    rows = []
    for line, cells in read_sheet(workbook, SHEET, ("image", "dst_type", "dst_lev", "dmos")):
        where = f"{workbook.name}, row {line}"
        image, level = text(cells["image"]), text(cells["dst_lev"])  # the image named 1600 is stored as a number
        kind = text(cells["dst_type"]).lower()
        if kind not in TYPES or not level.isdecimal():
            raise DatasetError(f"{where}: expected a type of {', '.join(TYPES)} and a level, found {kind!r}, {level!r}")
        folder, word = TYPES[kind]
        rows.append(
            TableRow(
                name=f"dst_imgs/{folder}/{image}.{word}.{level}.png",
                score=parse_score(text(cells["dmos"]), where),
                scene=f"csiq/{image}".lower(),
                reference=f"src_imgs/{image}.png",
                distortion=folder,
                level=int(level),
            )
        )
    images, originals = Files(distorted), Files(references)
    return collect(CSIQ, root, rows, workbook.name, images.find, originals.find)


CSIQ = DatabaseInfo(
    name="csiq",
    title="CSIQ",
    images=866,
    references=30,
    scale=ScoreScale("DMOS", 0, 1, 0, 1, high_is_good=False),
    source="the CSIQ page of its authors, D. Chandler's group: vision.eng.shizuoka.ac.jp",
    terms="as its page states; cite Larson and Chandler 2010",
    layout="src_imgs/NAME.png, dst_imgs/TYPE/NAME.TYPE.LEVEL.png, csiq.DMOS.xlsx",
    marks=(("src_imgs",), (WORKBOOK,), ("dst_imgs", "dst_imgs_all")),
    read=read_csiq,
)
