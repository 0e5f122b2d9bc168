"""The made pictures: kinds to fit with, and kinds, fonts and languages kept out for the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hiqa_train.distortions.opencv import cv2

from . import drawings, pages, plain, windows
from .wear import worn

Make = Callable[[int, int, np.random.Generator, list[Path], np.ndarray | None], np.ndarray]


def _without_photo(make: Callable[[int, int, np.random.Generator, list[Path]], np.ndarray]) -> Make:
    return lambda width, height, random, fonts, photo: make(width, height, random, fonts)


# kind -> name -> maker
FITTED: dict[str, dict[str, Make]] = {
    "flat": {
        make.__name__: _without_photo(make)
        for make in (plain.one_colour, plain.gradient, plain.title_card, plain.nearly_empty)
    },
    "text": {make.__name__: _without_photo(make) for make in (pages.page, pages.code, pages.table)},
    "screenshot": {make.__name__: make for make in (windows.desktop, windows.browser)},
    "drawing": {
        make.__name__: _without_photo(make)
        for make in (drawings.chart, drawings.cartoon, drawings.diagram, drawings.sketch)
    },
}
HELD_OUT: dict[str, dict[str, Make]] = {
    "flat": {"glow": _without_photo(plain.glow), "title_card": _without_photo(plain.title_card)},
    "text": {make.__name__: _without_photo(make) for make in (pages.columns, pages.receipt, pages.scan)},
    "screenshot": {make.__name__: make for make in (windows.app, windows.terminal, windows.board)},
    "drawing": {
        make.__name__: _without_photo(make)
        for make in (drawings.pie, drawings.scatter, drawings.poster, drawings.map_of_areas)
    },
}


@dataclass(frozen=True)
class Made:
    """A made picture: (H, W, 3) uint8, its kind, and the name of its maker."""

    pixels: np.ndarray
    kind: str
    name: str


def make_pictures(
    makers: dict[str, dict[str, Make]], each: int, fonts: list[Path], photos: list[Path], seed: int
) -> Iterator[Made]:
    """`each` pictures of every maker, about 240 to 900 px a side; half of the screenshots may hold a photograph."""
    for kind, named in makers.items():
        for number_of_maker, (name, make) in enumerate(named.items()):
            for number in range(each):
                random = np.random.default_rng([seed, number_of_maker, number, *kind.encode()])
                size = float(np.exp(random.uniform(np.log(240), np.log(900))))
                aspect = float(np.exp(random.uniform(-0.5, 0.5)))
                photo = None
                if kind == "screenshot" and photos and random.random() < 0.5:
                    read = cv2.imread(str(photos[int(random.integers(len(photos)))]))
                    photo = None if read is None else np.ascontiguousarray(read[:, :, ::-1])
                pixels = make(round(size * aspect), round(size / aspect), random, fonts, photo)
                yield Made(worn(np.ascontiguousarray(pixels), random), kind, name)
