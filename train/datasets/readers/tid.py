"""TID2008 and TID2013, the Tampere Image Databases (Ponomarenko et al.), and both rebuilt from Kodak's photographs.

A rebuilt database has the published scores with images that `hiqa datasets build` makes to measure like the originals:
24 references, because the 25th is not a photograph, and without the types that could not be rebuilt.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.files.folders import Files, locate
from hiqa_train.datasets.files.tables import read_pairs
from hiqa_train.datasets.sample import Dataset, ScoreScale
from hiqa_train.datasets.scenes import tid_scene

from .collect import ALTERED, TableRow, check_count, collect, parse_score

TABLE = "mos_with_names.txt"
DISTORTED, REFERENCES_FOLDER = "distorted_images", "reference_images"
REFERENCES, REBUILT_REFERENCES = 25, 24
NOT_REBUILT = frozenset({12, 13, 15, 20})  # types whose images do not measure like the originals
REBUILT_MARK = "rebuilt.json"
REBUILT_NOTE = "published scores, on images rebuilt to measure like the originals"
TYPES = (  # in the order of their numbers; TID2008 has the first 17
    "additive Gaussian noise",
    "chroma noise",
    "spatially correlated noise",
    "masked noise",
    "high frequency noise",
    "impulse noise",
    "quantization noise",
    "Gaussian blur",
    "denoising",
    "JPEG",
    "JPEG2000",
    "JPEG transmission errors",
    "JPEG2000 transmission errors",
    "non-eccentricity pattern noise",
    "local blocks",
    "mean shift",
    "contrast change",
    "color saturation",
    "multiplicative noise",
    "comfort noise",
    "lossy compression of noisy images",
    "color quantization with dither",
    "chromatic aberrations",
    "sparse sampling",
)


def read_tid(name: str, types: int, levels: int, references: int, root: Path) -> Dataset:
    """Read TID2008, TID2013 or a rebuilt one. The case of file names varies in table and archive and is ignored.

    A higher level is not always worse: the mean score rises with it for type 15, and rises and falls for type 17.
    """
    database = TID[name]
    table = locate(root, TABLE)
    if table is None:
        raise DatasetError(f"{root} has no {TABLE}", f"expected {database.layout}")
    pairs = read_pairs(table)
    others = [other.title for other in TID.values() if other.images == len(pairs)]
    check_count(len(pairs), database.images, f"{table.name}: rows", f"this is {others[0]}" if others else ALTERED)
    rows = []
    for line, score, image in pairs:
        where = f"{table.name}, line {line}"
        found = re.fullmatch(r"i(\d\d)_(\d\d)_(\d)\.bmp", image, re.IGNORECASE)
        scene, kind, level = map(int, found.groups()) if found else (0, 0, 0)
        if not (1 <= scene <= references and 1 <= kind <= types and 1 <= level <= levels):
            raise DatasetError(f"{where}: {image} is not an image of {database.title}", ALTERED)
        rows.append(
            TableRow(
                name=f"{DISTORTED}/i{scene:02}_{kind:02}_{level}.bmp",
                score=parse_score(score, where),
                scene=tid_scene(scene),
                reference=f"{REFERENCES_FOLDER}/I{scene:02}.BMP",
                distortion=TYPES[kind - 1],
                level=level,
            )
        )
    distorted, undistorted = Files(locate(root, DISTORTED)), Files(locate(root, REFERENCES_FOLDER))
    notes = (REBUILT_NOTE,) if name.endswith("-rebuilt") else ()
    return collect(database, root, rows, table.name, distorted.find, undistorted.find, notes)


def _database(name: str, types: int, levels: int) -> DatabaseInfo:
    return DatabaseInfo(
        name=name,
        title=name.upper(),
        images=REFERENCES * types * levels,
        references=REFERENCES,
        scale=ScoreScale("MOS", 0, 9, 0, 9, high_is_good=True),
        source=f"N. Ponomarenko's page: ponomarenko.info/{name}.htm",
        terms="educational and research use, not to be modified without permission; cite Ponomarenko et al.",
        layout=f"{REFERENCES_FOLDER}/I01.BMP .., {DISTORTED}/i01_01_1.bmp .., {TABLE}",
        marks=((TABLE,), (DISTORTED,), (REFERENCES_FOLDER,)),
        read=partial(read_tid, name, types, levels, REFERENCES),
    )


def _rebuilt(name: str, types: int, levels: int) -> DatabaseInfo:
    kept = sum(kind not in NOT_REBUILT for kind in range(1, types + 1))
    original = _database(name, types, levels)
    return replace(
        original,
        name=f"{name}-rebuilt",
        title=f"{original.title} rebuilt",
        images=REBUILT_REFERENCES * kept * levels,
        references=REBUILT_REFERENCES,
        source=f"hiqa datasets build {name}-rebuilt, from Kodak's 24 photographs",
        terms="photographs: unrestricted use, as their distributors state; scores: cite Ponomarenko et al.",
        layout=f"{original.layout}, {REBUILT_MARK}",
        marks=(*original.marks, (REBUILT_MARK,)),
        read=partial(read_tid, f"{name}-rebuilt", types, levels, REBUILT_REFERENCES),
    )


TID = {
    "tid2008": _database("tid2008", types=17, levels=4),
    "tid2013": _database("tid2013", types=24, levels=5),
    "tid2008-rebuilt": _rebuilt("tid2008", types=17, levels=4),
    "tid2013-rebuilt": _rebuilt("tid2013", types=24, levels=5),
}
