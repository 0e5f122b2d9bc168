"""BIQ2021 (Ahmed, Asif)."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.files.folders import Files, locate
from hiqa_train.datasets.files.tables import read_csv
from hiqa_train.datasets.sample import Dataset, Part, ScoreScale

from .collect import TableRow, check_count, collect, parse_score

TABLES: tuple[tuple[str, Part, int], ...] = (
    ("Train (Images and MOS).csv", "training", 10000),
    ("Test (Images and MOS).csv", "test", 2000),
)


def read_biq2021(root: Path) -> Dataset:
    """Read BIQ2021 with its official split. One table has two unnamed columns; one file ends in `.JPG`."""
    folder = locate(root, "Images")
    if folder is None:
        raise DatasetError(f"{root} has no folder Images", f"expected {BIQ2021.layout}")
    rows = []
    for name, split, count in TABLES:
        table = locate(root, name)
        if table is None:
            raise DatasetError(f"{root} has no {name}", f"expected {BIQ2021.layout}")
        lines = read_csv(table, ("Image Name", "MOS"))
        check_count(len(lines), count, f"{table.name}: rows")
        for line, cells in lines:
            image = cells["image name"]
            rows.append(
                TableRow(
                    name=f"Images/{image}",
                    score=parse_score(cells["mos"], f"{table.name}, line {line}"),
                    scene=f"biq2021/{PurePosixPath(image).stem}",
                    subset=image[:4],
                    split=split,
                )
            )
    files = Files(folder)
    return collect(BIQ2021, root, rows, TABLES[0][0], files.find)


BIQ2021 = DatabaseInfo(
    name="biq2021",
    title="BIQ2021",
    images=12000,
    references=0,
    scale=ScoreScale("MOS", 0, 1, 0, 1, high_is_good=True),
    source="its authors' public project on GitHub: nisarahmedrana/BIQ2021",
    terms="free for research as its authors describe; no licence file; two thirds are under Unsplash's licence",
    layout=f"Images/'ss01 (1).jpg' .., '{TABLES[0][0]}', '{TABLES[1][0]}'",
    marks=((TABLES[0][0],), (TABLES[1][0],), ("Images",)),
    read=read_biq2021,
    splits={split: count for _, split, count in TABLES},
)
