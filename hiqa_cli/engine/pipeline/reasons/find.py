"""From the judgement of an image and its tiles to its reasons and their places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.pipeline.statistics import ImageStatistics

from .head import ReasonsHead
from .names import WORDS
from .reason import Place, Reason

MOST = 3  # reasons of an image
LEAST_POINTS = 1.0
LOCAL_FACTOR = 2.0  # a tile stands out with this many times the mean points of the tiles
LARGEST_SHARE = 0.25  # of the image: the tiles that stand out are a place up to this


def find_reasons(
    head: ReasonsHead,
    image: ImageStatistics,
    measured: np.ndarray,
    corners: Sequence[tuple[int, int]],
    width: int,
    height: int,
) -> tuple[Reason, ...]:
    """Up to MOST reasons, those with most points first.

    measured: the measures of the image. corners: x, y of the tiles in `image`. width, height: px of the image.
    """
    evidence, points = (one[0] for one in head.judge(image, measured))
    called = [word for word in range(len(WORDS)) if evidence[word] > 0 and points[word] >= LEAST_POINTS]
    called = sorted(called, key=lambda word: -points[word])[:MOST]
    if not called:
        return ()
    of_tiles = head.judge_tiles(image, measured).points
    return tuple(
        Reason(WORDS[word], float(points[word]), local_place(of_tiles[:, word], corners, width, height))
        for word in called
    )


def local_place(points: np.ndarray, corners: Sequence[tuple[int, int]], width: int, height: int) -> Place | None:
    """The rectangle around the tiles that stand out, if it is small: the rest of the image is nearly free of the fault.

    points: (n,) of the tiles at `corners`. width, height: px of the image.
    """
    out = np.flatnonzero(points >= max(LOCAL_FACTOR * points.mean(), LEAST_POINTS)).tolist()
    if not out:
        return None
    xs, ys = ([corners[number][axis] for number in out] for axis in (0, 1))
    left, top = min(xs), min(ys)
    right, bottom = min(max(xs) + TILE, width), min(max(ys) + TILE, height)
    place = Place(left, top, right - left, bottom - top)
    return place if place.w * place.h <= LARGEST_SHARE * width * height else None
