"""LIVE Image Quality Assessment Database, release 2 (Sheikh, Wang, Cormack, Bovik)."""

from __future__ import annotations

import re
from pathlib import Path

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.files.folders import Files, fold, list_entries, locate
from hiqa_train.datasets.files.matlab import names, read_mat, vector
from hiqa_train.datasets.files.tables import read_text
from hiqa_train.datasets.sample import Dataset, ScoreScale
from hiqa_train.datasets.scenes import live_scene

from .collect import ALTERED, TableRow, check_count, collect

FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}  # in the order of the arrays
ORIGINALS = {"jp2k": 58, "jpeg": 58, "wn": 29, "gblur": 29, "fastfading": 29}  # undistorted images among them
ENTRIES = sum(FOLDERS.values())
REALIGNED, OLD = "dmos_realigned.mat", "dmos.mat"  # the later scores are on one scale for all distortions


def read_live(root: Path) -> Dataset:
    """Read LIVE, preferring the realigned scores. The undistorted images among the distorted ones are left out.

    `orgs` marks these, never a score of 0, which a distorted image may have too.
    """
    table = locate(root, REALIGNED, OLD)
    name_file = locate(root, "refnames_all.mat")
    references = locate(root, "refimgs")
    if table is None or name_file is None or references is None:
        raise DatasetError(f"{root} is not a complete copy of LIVE", f"expected {LIVE.layout}")
    base = references.parent
    variables = read_mat(table)
    scores = vector(variables, "dmos_new" if fold(table.name) == REALIGNED else "dmos", table, ENTRIES)
    originals = vector(variables, "orgs", table, ENTRIES)
    reference_names = names(read_mat(name_file), "refnames_all", name_file, ENTRIES)
    rows, images, place = [], {}, 0
    for folder, count in FOLDERS.items():
        part = slice(place, place + count)
        place += count
        check_count(sum(map(bool, originals[part])), ORIGINALS[folder], f"{table.name}: originals in {folder}")
        where = locate(base, folder, depth=0)
        images.update(_numbered(where, folder))
        listed = _info(where)
        for number, (score, original, reference) in enumerate(
            zip(scores[part], originals[part], reference_names[part], strict=True), start=1
        ):
            if not original:
                _check_reference(folder, number, reference, listed)
                rows.append(_row(folder, number, score, reference))
    files = Files(references)
    notes = (f"scores of {table.name}",)
    return collect(LIVE, root, rows, table.name, images.get, files.find, notes)


def _row(folder: str, number: int, score: float, reference: str) -> TableRow:
    return TableRow(
        name=f"{folder}/img{number}.bmp",
        score=score,
        scene=live_scene(Path(reference).stem),
        reference=f"refimgs/{reference}",
        distortion=folder,
    )


def _numbered(where: Path | None, folder: str) -> dict[str, Path]:
    """The images of a folder by their published names; numbers may be padded with zeros."""
    found = {}
    for entry in list_entries(where) if where else ():
        number = re.fullmatch(r"img0*(\d+)\.bmp", fold(entry.name))
        if number:
            found[f"{folder}/img{number[1]}.bmp"] = Path(entry.path)
    return found


def _info(where: Path | None) -> dict[int, str]:
    """Image number -> reference in `info.txt`, which is not sorted by number; empty without the file."""
    path = locate(where, "info.txt", depth=0) if where else None
    found = {}
    for line in read_text(path).splitlines() if path else ():
        words = line.split()
        number = re.fullmatch(r"img0*(\d+)\.bmp", fold(words[1])) if len(words) > 1 else None
        if number:
            found[int(number[1])] = words[0]
    return found


def _check_reference(folder: str, number: int, reference: str, listed: dict[int, str]) -> None:
    """`info.txt` and `refnames_all.mat` must agree: otherwise the scores belong to other images."""
    if fold(listed.get(number, reference)) != fold(reference):
        raise DatasetError(
            f"{folder}/info.txt gives img{number}.bmp the reference {listed[number]}, refnames_all.mat {reference}",
            ALTERED,
        )


LIVE = DatabaseInfo(
    name="live",
    title="LIVE release 2",
    images=779,
    references=29,
    # realigned scores run from -2.6 to 111.8 around their nominal range
    scale=ScoreScale("DMOS", 0, 100, -15, 125, high_is_good=False),
    source="LIVE, University of Texas at Austin, on request: live.ece.utexas.edu/research/quality/subjective.htm",
    terms="free use with the copyright notice and citation",
    layout="refimgs/ jp2k/ jpeg/ wn/ gblur/ fastfading/ (img1.bmp ..), dmos_realigned.mat or dmos.mat, "
    "refnames_all.mat",
    marks=(("refimgs",), ("fastfading",), ("refnames_all.mat",), (REALIGNED, OLD)),
    read=read_live,
)
