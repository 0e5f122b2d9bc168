"""Against people: rank correlation with the published scores of TID2013, on the two types that can be rebuilt exactly.

References 1 to 24 of TID2013 are crops of Kodak's photographs. Its Gaussian blur (type 8) is a kernel of 11x11
with zeros beyond the border; its JPEG (type 10) is libjpeg's with quantisation tables *not* limited to 255,
which Pillow writes when it is given the tables. Built so, the pictures meet the published colour PSNR.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from hiqa_cli.engine.opencv import cv2
from hiqa_cli.engine.reading import IMAGE_SUFFIXES, read_picture
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import DependencyError, UsageError

from .distortions import decode, to_8bit

BLUR, JPEG = 8, 10  # TID2013's types
SIGMAS = (0.5, 0.65, 1.0, 1.7, 4.0)  # px, levels 1 to 5
QUALITIES = (80, 60, 23, 8, 4)

# ITU-T T.81, annex K: the tables that libjpeg scales by quality, row by row.
LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *([99] * 32),
)  # fmt: skip


def unlimited_table(table: tuple[int, ...], quality: int) -> list[int]:
    """libjpeg's scaling of a quantisation table by quality 1..100, without its limit of 255."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [max(1, (value * scale + 50) // 100) for value in table]


def tid_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> what TID2013's JPEG of that quality shows. DependencyError without Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise DependencyError("Pillow is needed to write TID2013's JPEG", "pip install 'hiqa[icc]'") from None
    tables = [unlimited_table(LUMA, quality), unlimited_table(CHROMA, quality)]
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", qtables=tables, subsampling="4:2:0")
    data = np.frombuffer(file.getvalue(), np.uint8)
    return decode(data)


def tid_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """(H, W, 3) uint8 RGB -> TID2013's Gaussian blur: kernel 11x11, zeros beyond the border, rounded."""
    # In floating point: OpenCV's blur of 8-bit values rounds the kernel, which is 0.1 dB off at the mild levels.
    return to_8bit(cv2.GaussianBlur(image.astype(np.float64), (11, 11), sigma, borderType=cv2.BORDER_CONSTANT))


def read_table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV file; UsageError where it or a column is missing."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    for column in columns:
        if not rows or column not in rows[0]:
            raise UsageError(f"{path} has no column {column!r}", f"expected {', '.join(columns)}")
    return rows


def references(folder: Path, offsets: Path) -> dict[int, np.ndarray]:
    """TID2013's references 1 to 24, cut from Kodak's photographs (file names that hold their number)."""
    files = {
        int(digits.group()): path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and (digits := re.search(r"\d+", path.stem))
    }
    found = {}
    for row in read_table(offsets, ("reference", "kodak", "x", "y", "width", "height")):
        number = re.search(r"\d+", row["kodak"])
        if number is None:
            continue
        if int(number.group()) not in files:
            raise UsageError(f"{folder} has no Kodak photograph {number.group()}", "give the folder of all 24")
        x, y, width, height = (int(row[name]) for name in ("x", "y", "width", "height"))
        pixels = read_picture(files[int(number.group())]).pixels
        found[int(row["reference"])] = np.ascontiguousarray(pixels[y : y + height, x : x + width])
    return found


@dataclass(frozen=True)
class Agreement:
    """SROCC of hiqa's scores with the published ones: both types pooled, and each by itself."""

    pooled: float
    blur: float
    jpeg: float
    pictures: int


def measure_people(
    scorer: Scorer, folder: Path, scores: Path, offsets: Path, *, stride: int, tell: Callable[[str], None]
) -> Agreement:
    """Build blur and JPEG from Kodak's photographs, score them, compare with the published scores.

    scores: CSV with reference, type, level, mos; offsets: CSV with reference, kodak, x, y, width, height.
    """
    published = {
        (int(row["reference"]), int(row["type"]), int(row["level"])): float(row["mos"])
        for row in read_table(scores, ("reference", "type", "level", "mos"))
    }
    ours: dict[int, list[float]] = {BLUR: [], JPEG: []}
    theirs: dict[int, list[float]] = {BLUR: [], JPEG: []}
    for number, image in sorted(references(folder, offsets).items()):
        for level in range(1, 6):
            pictures = {BLUR: tid_blur(image, SIGMAS[level - 1]), JPEG: tid_jpeg(image, QUALITIES[level - 1])}
            for kind, picture in pictures.items():
                ours[kind].append(scorer.score(picture, stride=stride).score)
                theirs[kind].append(published[number, kind, level])
        tell(f"people: scene {number}")

    def srocc(kinds: tuple[int, ...]) -> float:
        a, b = ([value for kind in kinds for value in table[kind]] for table in (ours, theirs))
        return float(spearmanr(a, b)[0])

    return Agreement(srocc((BLUR, JPEG)), srocc((BLUR,)), srocc((JPEG,)), 2 * len(ours[BLUR]))
