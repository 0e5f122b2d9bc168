"""Fonts and words for rendered material."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import ImageFont

Font = ImageFont.FreeTypeFont

# Letters of languages that common fonts have, by language.
LETTERS = {
    "latin": "abcdefghijklmnoprstuvwyzéäöçñ",
    "greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщыэюя",
    "armenian": "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցփքօֆ",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
}
DIGITS = "0123456789"


def find_fonts(folders: list[Path]) -> list[Path]:
    """The font files in some folders, sorted by name, so that a seed means the same on every run."""
    return sorted(
        (path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in (".ttf", ".otf")),
        key=lambda path: path.name,
    )


@cache
def _load(path: Path | None, size: int) -> Font:
    if path is None:
        font = ImageFont.load_default(size)
        assert isinstance(font, ImageFont.FreeTypeFont)
        return font
    return ImageFont.truetype(str(path), size)


def choose_font(fonts: list[Path], size: float, random: np.random.Generator) -> Font:
    """One of the fonts, or Pillow's own where there are none, at a size in px."""
    path = fonts[int(random.integers(len(fonts)))] if fonts else None
    return _load(path, max(6, round(size)))


def choose_language(random: np.random.Generator) -> str:
    """A key of LETTERS at random, most often "latin"."""
    return str(random.choice(list(LETTERS), p=(0.6, 0.1, 0.2, 0.05, 0.05)))


def words(count: int, language: str, random: np.random.Generator) -> list[str]:
    """Made-up words of a language's letters, with capitals, digits and stops now and then."""
    letters = list(LETTERS[language])
    found = []
    for _ in range(count):
        word = "".join(random.choice(letters, int(random.integers(1, 10))))
        draw = random.random()
        if draw < 0.1:
            word = word.capitalize()
        elif draw < 0.15:
            word = "".join(random.choice(list(DIGITS), int(random.integers(1, 6))))
        elif draw < 0.25:
            word += str(random.choice([",", ".", ";", ":"]))
        found.append(word)
    return found


def line_of(width: float, font: Font, language: str, random: np.random.Generator) -> str:
    """Words that fill about `width` px in a font."""
    per_letter = max(font.getlength("abcdefghij") / 10, 1.0)
    return " ".join(words(max(1, int(width / per_letter / 6.5)), language, random))
