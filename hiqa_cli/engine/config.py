"""Settings of the engine: backends, tiles, scoring modes, grades. Imports neither numpy nor torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hiqa_cli.errors import UsageError

AUTO, TORCH, OPENVINO = "auto", "torch", "openvino"
BACKENDS = (AUTO, TORCH, OPENVINO)
DEFAULT_BACKEND = AUTO  # see backends/preferred.py
USUAL_BACKEND = OPENVINO  # on a processor; rows name the backend where it is another

TILE = 256  # px, the side of a scoring tile; the paper's patch (section 3.4)
DEFAULT_STRIDE = 128  # px between tiles; the paper says "a fixed stride" (section 3.4) without a number
MODES = ("exact", "fast")
DEFAULT_MODE = "fast"
DEFAULT_TOLERANCE = 0.5  # points
DEFAULT_MAX_TILES = 96  # 6.3 megapixels of 3072x2048 px

POLL = 0.2  # s of one wait, at most; some systems deliver Ctrl-C only between waits

GRADES = ("bad", "poor", "fair", "good", "excellent")  # ITU-T P.910, in steps of 20 points from 0


@dataclass(frozen=True)
class GradeColour:
    """A grade's colour as #rrggbb: on light grounds, on dark ones, and on either, where the ground is unknown."""

    on_light: str
    on_dark: str
    on_any: str


# The only colours of grades: page, contact sheet, panel and terminal take them from here. Red to blue rather than red
# to green, so that people who confuse red and green tell the ends apart; the grade's word or meter stands beside it.
# Each has a contrast of 4.5 to 1 at least with its ground (WCAG 2.2, success criterion 1.4.3).
GRADE_COLOURS = dict(
    zip(
        GRADES,
        (
            GradeColour("#c2211c", "#f09895", "#e02d27"),
            GradeColour("#a04d04", "#fa9842", "#bb5a05"),
            GradeColour("#7d6000", "#dba800", "#937100"),
            GradeColour("#21723c", "#40c76d", "#278647"),
            GradeColour("#1062c0", "#7bb4f4", "#1273e2"),
        ),
        strict=True,
    )
)


@dataclass(frozen=True)
class Scoring:
    """How an image is scored.

    mode: "exact" (the paper's method: overlapping tiles, every `stride` px) or "fast" (adjacent tiles).
    stride: px between tiles, 1..256: those that give the score in mode "exact", and those that hallucination and maps
        are blended from.
    max_tiles: an image of more adjacent tiles than this is scored by a sample of at most this many of them, spread over
        it; None: never sample.
    tolerance: points; sampling stops once the standard error of the mean is at most this.
    keep_borders: score borders of one colour, too, which are left out else (`tiling.borders`).
    """

    mode: str = DEFAULT_MODE
    stride: int = DEFAULT_STRIDE
    tolerance: float = DEFAULT_TOLERANCE
    max_tiles: int | None = DEFAULT_MAX_TILES
    keep_borders: bool = False

    def __post_init__(self) -> None:
        """Raises UsageError for a value out of range."""
        check_stride(self.stride)
        if self.mode not in MODES:
            raise UsageError(f"mode must be one of {', '.join(MODES)}, found {self.mode!r}")
        count = self.max_tiles
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise UsageError(f"max_tiles must be a whole number of at least 1, found {count!r}")
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise UsageError(f"tolerance must be a number of points from 0 upwards, found {self.tolerance!r}")

    def samples(self, width: int, height: int) -> bool:
        """Whether an image of width x height px is scored by a sample of its tiles.

        Tiles count, not pixels: a narrow image is extended to the side of a tile, and takes as long as a wide one.
        """
        tiles = math.ceil(width / TILE) * math.ceil(height / TILE)
        return self.max_tiles is not None and tiles > self.max_tiles

    @property
    def tile_stride(self) -> int:
        """Px between the tiles that give the score, where all of them do."""
        return self.stride if self.mode == "exact" else TILE

    def blend_stride(self, width: int, height: int) -> int:
        """Px between the tiles that hallucination and maps are blended from. The tiles that give the score must be
        among them: all tiles of `stride` in mode "exact", else the adjacent ones."""
        scores_all = self.mode == "exact" and not self.samples(width, height)
        return self.stride if scores_all or TILE % self.stride == 0 else DEFAULT_STRIDE


def check_stride(stride: int) -> int:
    """`stride` itself; UsageError where tiles would leave gaps or not advance."""
    if isinstance(stride, bool) or not isinstance(stride, int) or not 1 <= stride <= TILE:
        raise UsageError(
            f"stride must be a whole number of px from 1 to {TILE}, found {stride!r}",
            "a smaller stride scores more tiles and takes longer",
        )
    return stride


def grade(score: float) -> str:
    """The grade of a score in points; scores outside 0..100 get the first or the last one."""
    step = 100.0 / len(GRADES)
    return GRADES[min(max(int(score // step), 0), len(GRADES) - 1)]


DEFAULT_SCORING = Scoring()
