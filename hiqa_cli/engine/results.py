"""The results of scoring an image.

Scores are points on 0..100, higher is better (ITU-T P.910's bad, poor, fair, good, excellent in steps of 20).
Coordinates are pixels of the upright image, origin at the top left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hiqa_cli.engine.tiling.sides import NO_BORDERS, Borders

from .config import grade
from .pipeline.kinds.names import PHOTOGRAPH
from .pipeline.reasons.reason import Place, Reason
from .pipeline.reasons.worst import worst_places
from .row_schema import COLUMNS, DECIMALS, HIGHEST, LOWEST, rating_columns

if TYPE_CHECKING:
    from .outputs.sinks import Verdict


@dataclass(frozen=True)
class TileScore:
    """The prediction for one tile of 256x256 px.

    x, y: its left and top edge in px of the whole image (of the reflected one, where it is smaller than a tile).
    score: points on 0..100.
    predicted_error: R's own prediction of its error, as the logarithm of a factor on the half-width (see
        `calibration`); 0 from weights that predict none.
    """

    x: int
    y: int
    score: float
    predicted_error: float = 0.0

    def moved(self, right: int, down: int) -> TileScore:
        """The same tile, some px further right and down."""
        return replace(self, x=self.x + right, y=self.y + down) if right or down else self


@dataclass(frozen=True, eq=False, repr=False)
class ScoreResult:
    """The result for one image.

    score: of the statistics of all tiles (section 3.4) and of the reduced whole, 0..100, higher is better.
    uncertainty: half-width in points: for 80 % of the validation images the subjective score lies within score +/- it.
    width, height: px of the upright image, before any reflection.
    tiles: the tiles whose statistics make the score, row by row; of a sample, in the order of drawing.
    mode: "exact" (every overlapping tile through the networks, as in the paper) or "fast" (adjacent tiles, each once).
    tile_total: how many tiles the whole image has; more than `tiles` where a large one was sampled.
    standard_error: of the score in points, from sampling; 0 where no tile was left out, infinite where a single tile
        of several was scored.
    precision: "fp32" or "bf16", the arithmetic of the networks.
    weights: first 8 hex digits of the sha256 of the weights' manifest.
    stride: px between tiles.
    kind: "photograph"; or "flat", "text", "screenshot" or "drawing", whose score means little: `uncertainty` is 100.
    reasons: up to three faults, those that cost most points first; none of a picture that is no photograph, and from
        weights without a head for them.
    borders: px at each side of the image that were left out as a border of one colour. Tiles have their place in the
        whole image all the same.
    notes: what was done to the image before scoring (profile, alpha, borders, reflection, rotation, frames).
    exif: camera, lens and exposure as (name, value), e.g. ("aperture", "f/2.8").
    hallucination: None, or (H, W, 3) uint8 RGB: G's estimate of the undistorted image.
    discrepancy: None, or (H, W, 3) float32, signed, distorted minus hallucination, in units of the full range
        (-1..1): formula (10) without the absolute value.
    distorted: None, or with the hallucination the image as it was scored, (H, W, 3) uint8 RGB, upright, at full size.
    """

    score: float
    uncertainty: float
    width: int
    height: int
    tiles: tuple[TileScore, ...]
    precision: str
    weights: str
    stride: int
    mode: str
    tile_total: int
    standard_error: float = 0.0
    kind: str = PHOTOGRAPH
    reasons: tuple[Reason, ...] = ()
    borders: Borders = NO_BORDERS
    notes: tuple[str, ...] = ()
    exif: tuple[tuple[str, str], ...] = ()
    hallucination: np.ndarray | None = None
    discrepancy: np.ndarray | None = None
    distorted: np.ndarray | None = None

    def __eq__(self, other: object) -> bool:
        """Whether every field is equal, arrays value by value."""
        if not isinstance(other, ScoreResult):
            return NotImplemented
        mine, theirs = (tuple(getattr(one, name) for name in FIELDS) for one in (self, other))
        return mine == theirs and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            if getattr(self, name) is not None and getattr(other, name) is not None
            else getattr(self, name) is getattr(other, name)
            for name in ARRAYS
        )

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in FIELDS))

    def __repr__(self) -> str:
        count = len(self.tiles)
        parts = [
            f"{self.score:.2f} +/- {self.uncertainty:.2f} points ({grade(self.score)})",
            f"{self.width}x{self.height} px",
            f"{count if count == self.tile_total else f'{count} of {self.tile_total}'} tiles",
            f"{self.mode} {self.precision}",
            *self.words,
            *(f"{name} {value.shape}" for name in ARRAYS if (value := getattr(self, name)) is not None),
            *self.notes,
        ]
        return f"<ScoreResult {', '.join(parts)}>"

    @property
    def words(self) -> tuple[str, ...]:
        """What to say of the image beside its score: its kind where it is no photograph, and its reasons."""
        return (*([] if self.kind == PHOTOGRAPH else [self.kind]), *map(str, self.reasons))

    @property
    def worst_places(self) -> tuple[Place, ...]:
        """The places with the lowest scores, up to three; none of a small image."""
        return worst_places(self.tiles, self.width, self.height)

    @property
    def verdict(self) -> Verdict:
        """What pictures of the result say."""
        from .outputs.sinks import Verdict

        return Verdict(self.score, self.uncertainty, self.words, self.worst_places)

    def _repr_html_(self) -> str:
        """For notebooks: the facts as a table, and the panel where the result has its hallucination."""
        from .outputs.notebook import panel_png, table_html

        panel = None
        if self.distorted is not None and self.hallucination is not None:
            panel = panel_png(self.distorted, self.hallucination, self.verdict, self.weights)
        facts = {
            "score": f"{self.score:.2f} +/- {self.uncertainty:.2f} points, {grade(self.score)}",
            "size": f"{self.width} x {self.height} px",
            "kind": self.kind,
            **({"reasons": ", ".join(map(str, self.reasons))} if self.reasons else {}),
            "tiles": f"{len(self.tiles)} of {self.tile_total}, mode {self.mode}, {self.precision}",
            "weights": self.weights,
            **({"notes": "; ".join(self.notes)} if self.notes else {}),
            **dict(self.exif),
        }
        return table_html(facts, panel)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values that JSON and pandas take, with unrounded points, without arrays.

        lower, upper: the interval score +/- uncertainty, cut to 0..100. tiles: their number. `standard_error` is None
            where it is infinite. borders: left, top, right and bottom in px. notes: a list. exif: a dictionary.
        reasons: a list of dictionaries (`Reason.to_dict`).
        """
        row = self.to_row()
        finite = math.isfinite(self.standard_error)
        return {
            "score": self.score,
            "lower": max(LOWEST, self.score - self.uncertainty),
            "upper": min(HIGHEST, self.score + self.uncertainty),
            "uncertainty": self.uncertainty,
            "standard_error": self.standard_error if finite else None,
            **{name: row[name] for name in ("grade", "kind")},
            "reasons": [reason.to_dict() for reason in self.reasons],
            **{name: row[name] for name in ("notes", "width", "height", "tiles")},
            "tile_total": self.tile_total,
            "stride": self.stride,
            "borders": self.borders._asdict(),
            **{name: row[name] for name in ("mode", "precision", "weights")},
            "exif": dict(self.exif),
        }

    def to_row(self, path: str = "") -> dict[str, Any]:
        """The result as a row of a table, column -> value, in the order of CSV and JSON lines.

        Points have four decimals. `standard_error` is None where it is infinite. `notes` and `reasons` are lists.
        A reason is its word with whole points. `error` is empty: a result has none.
        """
        values = {
            "path": path,
            **rating_columns(self.score, self.uncertainty),
            "standard_error": round(self.standard_error, DECIMALS) if math.isfinite(self.standard_error) else None,
            "kind": self.kind,
            "reasons": list(map(str, self.reasons)),
            "notes": list(self.notes),
            "width": self.width,
            "height": self.height,
            "tiles": len(self.tiles),
            "mode": self.mode,
            "precision": self.precision,
            "weights": self.weights,
            "error": "",
        }
        return {column: values[column] for column in COLUMNS}


ARRAYS = ("hallucination", "discrepancy", "distorted")
FIELDS = tuple(field.name for field in fields(ScoreResult) if field.name not in ARRAYS)
