"""SPAQ, Smartphone Photography Attribute and Quality (Fang, Zhu, Zeng, Ma, Wang)."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.files.folders import Files, locate
from hiqa_train.datasets.files.tables import read_sheet, text
from hiqa_train.datasets.sample import Dataset, ScoreScale

from .collect import TableRow, collect, parse_score

WORKBOOK = "MOS and Image attribute scores.xlsx"


def read_spaq(root: Path) -> Dataset:
    """Read SPAQ; a repacked copy with `.png` in place of `.jpg` is read too, with a note.

    Raises DependencyError without openpyxl.
    """
    workbook, folder = locate(root, WORKBOOK), locate(root, "TestImage")
    if workbook is None or folder is None:
        raise DatasetError(f"{root} is not a complete copy of SPAQ", f"expected {SPAQ.layout}")
    rows = []
    for line, cells in read_sheet(workbook, None, ("Image name", "MOS")):
        image = text(cells["image name"])
        rows.append(
            TableRow(
                name=f"TestImage/{image}",
                score=parse_score(text(cells["mos"]), f"{workbook.name}, row {line}"),
                scene=f"spaq/{PurePosixPath(image).stem}",
            )
        )
    files = Files(folder)
    repacked = {row.name for row in rows if files.find(row.name) is None and _png(files, row.name) is not None}
    notes = (f"repacked copy: {len(repacked):,} images are .png in place of the published .jpg",) if repacked else ()
    return collect(SPAQ, root, rows, workbook.name, lambda name: files.find(name) or _png(files, name), notes=notes)


def _png(files: Files, name: str) -> Path | None:
    return files.find(f"{PurePosixPath(name).stem}.png")


SPAQ = DatabaseInfo(
    name="spaq",
    title="SPAQ",
    images=11125,
    references=0,
    scale=ScoreScale("MOS", 0, 100, 0, 100, high_is_good=True),
    source="its authors' public project on GitHub: h4nwei/SPAQ",
    terms="as its project states; cite Fang et al. 2020",
    layout=f"TestImage/00001.jpg .., 'Annotations/{WORKBOOK}'",
    marks=((WORKBOOK,), ("TestImage",)),
    read=read_spaq,
)
