"""KADID-10k (Lin, Hosu, Saupe)."""

from __future__ import annotations

import re
from pathlib import Path

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.files.folders import Files, fold, locate
from hiqa_train.datasets.files.tables import read_csv
from hiqa_train.datasets.sample import Dataset, ScoreScale

from .collect import ALTERED, TableRow, collect, parse_score

TABLE = "dmos.csv"
TYPES = (  # in the order of their numbers
    "Gaussian blur",
    "lens blur",
    "motion blur",
    "color diffusion",
    "color shift",
    "color quantization",
    "color saturation 1",
    "color saturation 2",
    "JPEG2000",
    "JPEG",
    "white noise",
    "white noise in color component",
    "impulse noise",
    "multiplicative noise",
    "denoise",
    "brighten",
    "darken",
    "mean shift",
    "jitter",
    "non-eccentricity patch",
    "pixelate",
    "quantization",
    "color block",
    "high sharpen",
    "contrast change",
)


def read_kadid10k(root: Path) -> Dataset:
    """Read KADID-10k. In its column `dmos` high values are good, which the mean scores of its levels must confirm."""
    table, folder = locate(root, TABLE), locate(root, "images")
    if table is None or folder is None:
        raise DatasetError(f"{root} is not a complete copy of KADID-10k", f"expected {KADID10K.layout}")
    rows = []
    for line, cells in read_csv(table, ("dist_img", "ref_img", "dmos")):
        where = f"{table.name}, line {line}"
        image, reference = cells["dist_img"], cells["ref_img"]
        found = re.fullmatch(r"i(\d\d)_(\d\d)_(\d\d)\.png", fold(image))
        scene, kind, level = map(int, found.groups()) if found else (0, 0, 0)
        if not (1 <= scene <= 81 and 1 <= kind <= len(TYPES) and 1 <= level <= 5):
            raise DatasetError(f"{where}: {image} is not an image of KADID-10k", ALTERED)
        if fold(reference) != f"i{scene:02}.png":
            raise DatasetError(f"{where}: the reference of {image} is given as {reference}", ALTERED)
        rows.append(
            TableRow(
                name=f"images/{image}",
                score=parse_score(cells["dmos"], where),
                scene=f"kadid10k/i{scene:02}",
                reference=f"images/{reference}",
                distortion=TYPES[kind - 1],
                level=level,
            )
        )
    files = Files(folder)

    return collect(KADID10K, root, rows, table.name, files.find, files.find)


KADID10K = DatabaseInfo(
    name="kadid10k",
    title="KADID-10k",
    images=10125,
    references=81,
    scale=ScoreScale("DMOS", 1, 5, 1, 5, high_is_good=True),
    source="University of Konstanz, MMSP: database.mmsp-kn.de/kadid-10k-database.html",
    terms="as its page states; cite Lin, Hosu and Saupe 2019",
    layout="images/I01.png .. and images/I01_01_01.png .., dmos.csv",
    marks=((TABLE,), ("images",)),
    read=read_kadid10k,
)
