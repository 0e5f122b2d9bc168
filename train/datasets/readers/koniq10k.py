"""KonIQ-10k (Hosu, Lin, Sziranyi, Saupe)."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.files.folders import Files, locate
from hiqa_train.datasets.files.tables import read_csv
from hiqa_train.datasets.sample import Dataset, Part, ScoreScale

from .collect import ALTERED, TableRow, collect, parse_score

SETS, SCORES = "koniq10k_distributions_sets.csv", "koniq10k_scores_and_distributions.csv"
SIZES = ("1024x768", "512x384")
PARTS: dict[str, Part] = {"training": "training", "validation": "validation", "test": "test"}


def read_koniq10k(root: Path) -> Dataset:
    """Read KonIQ-10k, preferring the images of full size and the table with the official split.

    `MOS` is 0..100 in the table of sets, and 1..5 in the table of scores, which has the other as `MOS_zscore`. The
    header decides which it is, never the values.
    """
    table, folder = locate(root, SETS, SCORES), locate(root, *SIZES)
    if table is None or folder is None:
        raise DatasetError(f"{root} is not a complete copy of KonIQ-10k", f"expected {KONIQ10K.layout}")
    lines = read_csv(table, ("image_name", "MOS"))
    header = set(lines[0][1]) if lines else set()
    column = "mos_zscore" if "mos_zscore" in header else "mos"
    if column == "mos" and "set" not in header:
        raise DatasetError(
            f"{table} has neither a column MOS_zscore nor a column set: the scale of its scores is not known", ALTERED
        )
    rows = []
    for line, cells in lines:
        where = f"{table.name}, line {line}"
        if "set" in header and cells["set"] not in PARTS:
            raise DatasetError(f"{where}: expected a set of {', '.join(PARTS)}, found {cells['set']!r}", ALTERED)
        image = cells["image_name"]
        rows.append(
            TableRow(
                name=f"{folder.name}/{image}",
                score=parse_score(cells[column], where),
                scene=f"koniq10k/{PurePosixPath(image).stem}",
                split=PARTS[cells["set"]] if "set" in header else None,
            )
        )
    files = Files(folder)
    notes = (f"images of {folder.name}", f"scores of {table.name}") + (() if "set" in header else ("no split",))
    return collect(KONIQ10K, root, rows, table.name, files.find, notes=notes)


KONIQ10K = DatabaseInfo(
    name="koniq10k",
    title="KonIQ-10k",
    images=10073,
    references=0,
    scale=ScoreScale("MOS", 0, 100, 0, 100, high_is_good=True),
    source="University of Konstanz, MMSP: database.mmsp-kn.de/koniq-10k-database.html",
    terms="as its page states; cite Hosu et al. 2020",
    layout=f"1024x768/*.jpg or 512x384/*.jpg, {SETS} or {SCORES}",
    marks=((SETS, SCORES), SIZES),
    read=read_koniq10k,
    splits={"training": 7058, "validation": 1000, "test": 2015},
)
