"""Miniature copies of the published databases, made here: the real layout, file formats and whole score tables, and the
images of the first scenes only. Scores are invented; they fall with the level, as people's do.

A tree of this kind is read with a line "n of N", as any database is that was unpacked in part.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from hiqa_train.datasets.readers.tid import NOT_REBUILT
from support.sample_images import photograph

Size = tuple[int, int]  # width, height
SIZE: Size = (48, 32)
LIVE_NAMES = (
    "bikes building2 buildings caps carnivaldolls cemetry churchandcapitol coinsinfountain dancers flowersonih35 house "
    "lighthouse lighthouse2 manfishing monarch ocean paintedhouse parrots plane rapids sailing1 sailing2 sailing3 "
    "sailing4 statue stream studentsculpture woman womanhat"
)
LIVE_REFERENCES = LIVE_NAMES.split()
LIVE_FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}
CSIQ_NAMES = (
    "1600 aerial_city boston bridge butter_flower cactus child_swimming couple elk family fisher foxy geckos "
    "lady_liberty lake log_seaside monument native_american redwood roping rushmore shroom snow_leaves sunset_sparrow "
    "sunsetcolor swarm trolley turtle veggies woman"
)
CSIQ_IMAGES = CSIQ_NAMES.split()
CSIQ_TYPES = {  # in the workbook -> folder, in the file name
    "noise": ("awgn", "AWGN"),
    "jpeg": ("jpeg", "JPEG"),
    "jpeg 2000": ("jpeg2000", "jpeg2000"),
    "fnoise": ("fnoise", "fnoise"),
    "blur": ("blur", "BLUR"),
    "contrast": ("contrast", "contrast"),
}
LIVEMD_IMAGES = "airplane babygirl beach bench boats bridge cafe church garden harbor market palace2 street tower wheel"


def distort(pixels: np.ndarray, kind: int, level: int) -> np.ndarray:
    """(H, W, 3) uint8 -> the same with noise, blur or JPEG (by `kind`), worse with the level 1..5."""
    if kind % 3 == 0:
        noise = np.random.default_rng(100 * kind + level).normal(0, 6 * level, pixels.shape)
        return np.clip(pixels + noise, 0, 255).astype(np.uint8)
    if kind % 3 == 1:
        return cv2.GaussianBlur(pixels, (0, 0), 0.6 * level)
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 70 - 12 * level])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def write_image(path: Path, pixels: np.ndarray) -> None:
    """In the format that the suffix says, in whatever case it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix.lower(), pixels)
    assert done
    path.write_bytes(data.tobytes())


def scene(number: int, size: Size) -> np.ndarray:
    return photograph(*size, seed=number)


def cell(names: list[str], *, deep: int = 0, column: bool = True) -> np.ndarray:
    """A MATLAB cell of texts, nested `deep` cells deeper."""
    array = np.empty((len(names), 1) if column else (1, len(names)), dtype=object)
    for place, name in enumerate(names):
        value: object = name
        for _ in range(deep):
            inner = np.empty((1, 1), dtype=object)
            inner[0, 0] = value
            value = inner
        array.ravel()[place] = value
    return array


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


def csiq_rows() -> list[tuple[object, int, str, int, float, float]]:
    """image, dst_idx, dst_type, dst_lev, dmos_std, dmos: 866 rows; image 1600 is a number."""
    rows: list[tuple[object, int, str, int, float, float]] = []
    for image in CSIQ_IMAGES:
        for index, kind in enumerate(CSIQ_TYPES, start=1):
            levels = 5
            if kind == "contrast":
                levels = 3 if image in ("elk", "geckos", "lady_liberty", "swarm") else 4
            name: object = int(image) if image.isdecimal() else image
            rows += [(name, index, kind, level, 0.05, 0.2 * level - 0.1) for level in range(1, levels + 1)]
    return rows


def write_csiq(root: Path, *, scenes: int = 2, size: Size = SIZE, flat: bool = False) -> Path:
    """src_imgs/, dst_imgs/TYPE/ (or all in dst_imgs/), and a workbook whose header is in row 4, columns D to I."""
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "all_by_distortion"
    book.active["A1"] = "#REF!"
    sheet = book.create_sheet("all_by_image")
    sheet["D4"] = "image"
    for column, title in enumerate(("image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"), start=4):
        sheet.cell(4, column, title)
    for line, row in enumerate(csiq_rows(), start=5):
        for column, value in enumerate(row, start=4):
            sheet.cell(line, column, value)
    root.mkdir(parents=True)
    book.save(root / "csiq.DMOS.xlsx")
    for number, image in enumerate(CSIQ_IMAGES[:scenes]):
        write_image(root / "src_imgs" / f"{image}.png", scene(number, size))
    for name, index, kind, level, *_ in csiq_rows():
        if str(name) in CSIQ_IMAGES[:scenes]:
            folder, word = CSIQ_TYPES[kind]
            where = root / "dst_imgs" / ("" if flat else folder)
            pixels = distort(scene(CSIQ_IMAGES.index(str(name)), size), index, level)
            write_image(where / f"{name}.{word}.{level}.png", pixels)
    return root


def tid_name(reference: int, kind: int, level: int) -> str:
    """As the table of TID2013 spells it: mixed first letters, some `.BMP`."""
    letter = "I" if kind in (1, 11, 13) and level == 1 else "i"
    suffix = ".BMP" if kind in (11, 13) and level == 1 else ".bmp"
    return f"{letter}{reference:02}_{kind:02}_{level}{suffix}"


def write_tid(
    root: Path, year: int, *, scenes: int = 2, types: int = 0, size: Size = SIZE, rebuilt: bool = False
) -> Path:
    """TID2008 or TID2013: a table with CRLF in mixed case, upper-case references but for the 25th.

    types: of how many types images are written; 0: of all. rebuilt: as hiqa builds it, without the 25th reference and
    the types that it cannot rebuild.
    """
    kinds, levels = (17, 4) if year == 2008 else (24, 5)
    lines, scores = [], []
    for reference in range(1, 25 if rebuilt else 26):
        for kind in range(1, kinds + 1):
            if rebuilt and kind in NOT_REBUILT:
                continue
            for level in range(1, levels + 1):
                score = f"{7 - 1.2 * level + 0.01 * (kind % 5):.5f}"
                scores.append(score)
                lines.append(f"{score} {tid_name(reference, kind, level)}")
                if reference <= scenes and kind <= (types or kinds):
                    other_case = f"I{reference:02}_{kind:02}_{level}.bmp"  # the disk need not agree with the table
                    pixels = distort(scene(reference - 1, size), kind, level)
                    write_image(root / "distorted_images" / other_case, pixels)
        if reference <= scenes:
            name = "i25.bmp" if reference == 25 else f"I{reference:02}.BMP"
            write_image(root / "reference_images" / name, scene(reference - 1, size))
    (root / "mos_with_names.txt").write_bytes("\r\n".join(lines).encode() + b"\r\n")
    (root / "mos.txt").write_text("\n".join(scores) + "\n")
    (root / "readme").write_text("a miniature\n")
    if rebuilt:
        (root / "rebuilt.json").write_text("{}\n")
    return root


def write_kadid10k(root: Path, *, scenes: int = 2, types: int = 25, size: Size = SIZE) -> Path:
    """References and distorted images in one folder; `dmos.csv`, whose `dmos` is high = good."""
    lines = ["dist_img,ref_img,dmos,var"]
    for reference in range(1, 82):
        for kind in range(1, 26):
            for level in range(1, 6):
                name = f"I{reference:02}_{kind:02}_{level:02}.png"
                lines.append(f"{name},I{reference:02}.png,{4.6 - 0.5 * level:.2f},0.496")
                if reference <= scenes and kind <= types:
                    write_image(root / "images" / name, distort(scene(reference - 1, size), kind, level))
        if reference <= scenes:
            write_image(root / "images" / f"I{reference:02}.png", scene(reference - 1, size))
    (root / "dmos.csv").write_text("\n".join(lines) + "\n")
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


def koniq_rows() -> list[tuple[str, float, float, str]]:
    """image, MOS 0..100, MOS 1..5, set: 10,073 rows."""
    sets = ["training"] * 7058 + ["validation"] * 1000 + ["test"] * 2015
    rows = []
    for place, part in enumerate(sets):
        share = (place * 37 % 101) / 100
        rows.append((f"{10004473376 + place * 977}.jpg", 4 + 84 * share, 1.1 + 3.2 * share, part))
    return rows


def write_koniq10k(root: Path, *, images: int = 6, size: Size = SIZE, folders: tuple[str, ...] = ("1024x768",)) -> Path:
    """Both tables, each in a folder of its own as its zip makes it; `images` of each part."""
    rows = koniq_rows()
    shares = "0.0,0.0,0.238095238095,0.695238095238,0.0666666666667,105"
    sets = [f"{name},{shares},{mos:.10f},0.527894274494,{part}" for name, mos, _, part in rows]
    scores = [f'"{name}",0,0,25,73,7,105,{small:.10f},0.527278,{mos:.10f}' for name, mos, small, _ in rows]
    header = "image_name,c1,c2,c3,c4,c5,c_total,MOS,SD"
    for name, last, lines in (
        ("koniq10k_distributions_sets", "set", sets),
        ("koniq10k_scores_and_distributions", "MOS_zscore", scores),
    ):
        (root / name).mkdir(parents=True)
        (root / name / f"{name}.csv").write_text("\n".join([f"{header},{last}", *lines]) + "\n")
    for folder in folders:
        for start in (0, 7058, 8058):
            for place in range(start, start + images):
                name, mos, *_ = rows[place]
                write_image(root / folder / name, distort(scene(place, size), 1, 5 - int(mos / 25)))
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


def write_spaq(root: Path, *, images: int = 8, size: Size = SIZE, suffix: str = ".jpg") -> Path:
    """TestImage/ and a workbook of 11,125 rows with blanks in its name; the attributes are left empty, to save time."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    titles = ["Image name", "MOS", "Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness"]
    sheet.append(titles)
    for number in range(1, 11126):
        score = 5 + 90 * (number * 13 % 89) / 88
        sheet.append([f"{number:05}.jpg", score])
        if number <= images:
            pixels = distort(scene(number, size), 1, 1 + int((100 - score) / 25))
            write_image(root / "TestImage" / f"{number:05}{suffix}", pixels)
    (root / "Annotations").mkdir(parents=True)
    book.save(root / "Annotations" / "MOS and Image attribute scores.xlsx")
    return root


def biq_names() -> list[str]:
    """12,000 names; `ss02 (1014).jpg` as the table has it."""
    counts = {"ss01": 2000, "ss02": 2000, "ss03": 8000}
    return [f"{subset} ({number}).jpg" for subset, count in counts.items() for number in range(1, count + 1)]


def write_biq2021(root: Path, *, images: int = 8, size: Size = SIZE) -> Path:
    """Two tables, one of them with columns without a name; the file that the table misnames; one small image."""
    names = biq_names()
    test = names[5::6]
    train = sorted(set(names) - set(test), key=lambda name: (name != "ss02 (1014).jpg", name))
    score = {name: (place * 29 % 101) / 100 for place, name in enumerate(names)}
    root.mkdir(parents=True)
    lines = ["Image Name,MOS,,", *(f"{name},{score[name]:.4f},," for name in train)]
    (root / "Train (Images and MOS).csv").write_text("\n".join(lines) + "\n")
    lines = ["Image Name,MOS", *(f"{name},{score[name]:.4f}" for name in test)]
    (root / "Test (Images and MOS).csv").write_text("\n".join(lines) + "\n")
    for place, name in enumerate([*train[:images], *test[: images // 2]]):
        clean = scene(place, (size[0] - 9, size[1] - 5) if place == 1 else size)
        pixels = distort(clean, 1, 1 + int(4 * (1 - score[name])))
        write_image(root / "Images" / name.replace("ss02 (1014).jpg", "ss02 (1014).JPG"), pixels)
    return root


def write_table(path: Path, *, scenes: int = 4, levels: int = 3, size: Size = SIZE, references: bool = True) -> Path:
    """A table of one's own, high = good, with references, types and a split by scene."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "score", "reference", "type", "split"] if references else ["path", "score"])
        for number in range(scenes):
            pixels = scene(number, size)
            write_image(path.parent / "clean" / f"{number}.png", pixels)
            for kind, word in enumerate(("noise", "blur", "jpeg")):
                for level in range(1, levels + 1):
                    name = f"images/{number}_{word}_{level}.png"
                    write_image(path.parent / name, distort(pixels, kind, level))
                    part = ("train", "train", "val", "test")[number % 4]
                    row = [name, str(5 - level), f"clean/{number}.png", word, part]
                    rows.writerow(row if references else row[:2])
    return path


WRITERS: dict[str, Callable[[Path], Path]] = {
    "live": write_live,
    "csiq": write_csiq,
    "tid2008": lambda root: write_tid(root, 2008),
    "tid2013": lambda root: write_tid(root, 2013),
    "tid2008-rebuilt": lambda root: write_tid(root, 2008, rebuilt=True),
    "tid2013-rebuilt": lambda root: write_tid(root, 2013, rebuilt=True),
    "kadid10k": write_kadid10k,
    "livemd": write_livemd,
    "koniq10k": write_koniq10k,
    "livec": write_livec,
    "spaq": write_spaq,
    "biq2021": write_biq2021,
}
