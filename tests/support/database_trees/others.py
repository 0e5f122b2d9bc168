"""Miniatures of CSIQ, TID, KADID-10k, KonIQ-10k, SPAQ and BIQ2021."""

from __future__ import annotations

from pathlib import Path

from hiqa_train.datasets.readers.tid import NOT_REBUILT

from .images import SIZE, Size, distort, scene, write_image

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
