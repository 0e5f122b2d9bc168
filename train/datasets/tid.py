"""TID2008 and TID2013, the Tampere Image Databases (Ponomarenko et al.)."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path, PurePosixPath

from hiqa_cli.errors import DatasetError

from .collect import ALTERED, Row, check_count, collect, number
from .database import Database
from .folders import Files, locate
from .sample import Reading, Scale
from .scenes import tid_scene
from .text_tables import read_pairs

TABLE = "mos_with_names.txt"
REFERENCES = 25
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


def read_tid(name: str, types: int, levels: int, root: Path) -> Reading:
    """Read one of the two; file names are found whatever their case, which varies in table and archive.

    Level is not severity everywhere: the mean score rises with it for type 15, and goes up and down for type 17.
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
        if not (1 <= scene <= REFERENCES and 1 <= kind <= types and 1 <= level <= levels):
            raise DatasetError(f"{where}: {image} is no image of {database.title}", ALTERED)
        rows.append(
            Row(
                name=f"distorted_images/i{scene:02}_{kind:02}_{level}.bmp",
                score=number(score, where),
                scene=tid_scene(scene),
                reference=f"reference_images/I{scene:02}.BMP",
                distortion=TYPES[kind - 1],
                level=level,
            )
        )
    distorted, references = Files(locate(root, "distorted_images")), Files(locate(root, "reference_images"))
    return collect(
        database,
        root,
        rows,
        table.name,
        lambda image: distorted.find(PurePosixPath(image).name),
        lambda image: references.find(PurePosixPath(image).name),
    )


def _database(name: str, types: int, levels: int) -> Database:
    return Database(
        name=name,
        title=name.upper(),
        images=REFERENCES * types * levels,
        references=REFERENCES,
        scale=Scale("MOS", 0, 9, 0, 9, high_is_good=True),
        source=f"N. Ponomarenko's page: ponomarenko.info/{name}.htm",
        terms="educational and research use, not to be modified without permission; cite Ponomarenko et al.",
        layout=f"reference_images/I01.BMP .., distorted_images/i01_01_1.bmp .., {TABLE}",
        marks=((TABLE,), ("distorted_images",), ("reference_images",)),
        read=partial(read_tid, name, types, levels),
    )


TID = {
    "tid2008": _database("tid2008", types=17, levels=4),
    "tid2013": _database("tid2013", types=24, levels=5),
}
