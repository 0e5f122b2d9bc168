"""Miniatures of the three databases of LIVE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import savemat

from .images import SIZE, Size, cell, distort, scene, write_image

LIVE_NAMES = (
    "bikes building2 buildings caps carnivaldolls cemetry churchandcapitol coinsinfountain dancers flowersonih35 house "
    "lighthouse lighthouse2 manfishing monarch ocean paintedhouse parrots plane rapids sailing1 sailing2 sailing3 "
    "sailing4 statue stream studentsculpture woman womanhat"
)
LIVE_REFERENCES = LIVE_NAMES.split()
LIVE_FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}
LIVEMD_IMAGES = "airplane babygirl beach bench boats bridge cafe church garden harbor market palace2 street tower wheel"


def live_entries() -> list[tuple[str, int, str, bool]]:
    """(folder, number, reference, original?) of the 982 entries, in the order of the arrays."""
    entries = []
    for folder, count in LIVE_FOLDERS.items():
        scattered = {1, 9, 11, 16, *range(20, 20 + 54 * 3, 3)}
        originals = set(range(146, 175)) if count == 174 else scattered
        seen = {False: 0, True: 0}
        for number in range(1, count + 1):
            original = number in originals
            entries.append((folder, number, LIVE_REFERENCES[seen[original] % 29] + ".bmp", original))
            seen[original] += 1
    return entries


def live_arrays() -> dict[str, np.ndarray]:
    """dmos_new runs from -3 to 112 in places, as the published one does; a distorted image is scored 0, too."""
    entries = live_entries()
    scores = np.array([[0.0 if original else 20 + 60 * (n % 7) / 6 for _, n, _, original in entries]])
    scores[0, 1], scores[0, 2], scores[0, 3] = -2.64, 111.77, 0.0  # jp2k/img2, img3, img4
    return {"dmos_new": scores, "dmos_std": scores * 0 + 2, "orgs": np.array([[float(e[3]) for e in entries]])}


def write_live(root: Path, *, scenes: int = 2, size: Size = SIZE, realigned: bool = True, old: bool = True) -> Path:
    """databaserelease2/: 58 images at most, BMP."""
    entries = live_entries()
    arrays = live_arrays()
    root.mkdir(parents=True)
    if realigned:
        savemat(root / "dmos_realigned.mat", arrays)
    if old:
        savemat(root / "dmos.mat", {"dmos": np.clip(arrays["dmos_new"], 0, 84), "orgs": arrays["orgs"]})
    savemat(root / "refnames_all.mat", {"refnames_all": cell([e[2] for e in entries], column=False)})
    (root / "readme.txt").write_text("a miniature\n")
    for number in range(scenes):
        write_image(root / "refimgs" / f"{LIVE_REFERENCES[number]}.bmp", scene(number, size))
    for kind, folder in enumerate(LIVE_FOLDERS):
        mine = [e for e in entries if e[0] == folder]
        lines = [f"{reference} img{number}.bmp {number / 100:.2f}" for _, number, reference, _ in reversed(mine)]
        (root / folder).mkdir()
        (root / folder / "info.txt").write_bytes("\r\n".join(lines).encode() + b"\r\n")
        for _, number, reference, original in mine:
            place = LIVE_REFERENCES.index(reference.removesuffix(".bmp"))
            if place < scenes:
                pixels = scene(place, size)
                shown = pixels if original else distort(pixels, kind, 1 + number % 5)
                write_image(root / folder / f"img{number}.bmp", shown)
    return root


def livemd_names(part: int) -> tuple[list[str], list[int]]:
    """The 225 distorted images of a part, and the number (from 1) of each one's reference."""
    other = "jpeg" if part == 1 else "noise"
    names, which = [], []
    for place, image in enumerate(LIVEMD_IMAGES.split(), start=1):
        for blur in range(4):
            for second in range(4):
                if blur or second:
                    parts = [f"blur{blur}"] * (blur > 0) + [f"{other}{second}"] * (second > 0)
                    names.append("_".join([image, *parts]) + ".bmp")
                    which.append(place)
    return names, which


def write_livemd(root: Path, *, scenes: int = 2, size: Size = SIZE) -> Path:
    """Two parts, references beside the distorted images, names nested a cell deeper in the second part."""
    for part, folder in ((1, "blurjpeg"), (2, "blurnoise")):
        where = root / f"Part {part}"
        names, which = livemd_names(part)
        references = LIVEMD_IMAGES.split()
        for place, name in enumerate(references[:scenes]):
            write_image(where / folder / f"{name}.bmp", scene(place, size))
        for name, place in zip(names, which, strict=True):
            if place <= scenes:
                write_image(where / folder / name, distort(scene(place - 1, size), name.count("_"), 1 + len(name) % 5))
        lists = {
            "distimgs": cell(names, deep=part - 1),
            "refimgs": cell([f"{name}.bmp" for name in references], deep=part - 1),
            "ref4dist": np.array(which, dtype=np.uint8).reshape(-1, 1),
            "distimgdistlevels": np.zeros((225, 2)),
        }
        savemat(where / "Imagelists.mat", lists)
        scores = np.linspace(10 * part, 80, 225).reshape(1, -1)
        savemat(where / "Scores.mat", {"DMOSscores": scores, "Zscores": scores * 0 - 3})
    return root


def livec_names() -> list[str]:
    """1,169 names: seven training images, then 1..1162 in the order of text, 627 of them `.JPG`."""
    numbers = sorted(str(number) for number in range(1, 1163))
    return [f"t{number}.bmp" for number in range(1, 8)] + [
        f"{number}.{'JPG' if place < 627 else 'bmp'}" for place, number in enumerate(numbers)
    ]


def write_livec(root: Path, *, images: int = 12, size: Size = SIZE) -> Path:
    """ChallengeDB_release/ in ChallengeDB_release/."""
    inner = root / "ChallengeDB_release"
    names = livec_names()
    scores = np.array([[3.42 + 89 * (place * 31 % 97) / 96 for place in range(len(names))]])
    (inner / "Data").mkdir(parents=True)
    savemat(inner / "Data" / "AllImages_release.mat", {"AllImages_release": cell(names)})
    savemat(inner / "Data" / "AllMOS_release.mat", {"AllMOS_release": scores})
    savemat(inner / "Data" / "AllStdDev_release.mat", {"AllStdDev_release": scores * 0 + 20})
    for place in range(7):
        write_image(inner / "Images" / "trainingImages" / names[place], scene(place, size))
    for place in [*range(7, 7 + images // 2), *range(len(names) - images // 2, len(names))]:
        pixels = distort(scene(place, size), 0, 1 + int((100 - scores[0, place]) / 25))
        write_image(inner / "Images" / names[place], pixels)
    return root
