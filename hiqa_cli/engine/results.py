"""The results of scoring an image.

Scores are points on 0..100, higher is better (ITU-T P.910's bad, poor, fair, good, excellent in steps of 20).
Coordinates are pixels of the upright image, origin at the top left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .row_schema import COLUMNS, DECIMALS, rating_columns


@dataclass(frozen=True)
class TileScore:
    """The prediction for one tile of 256x256 px.

    x, y: its left and top edge in px (of the reflected image, where the image is smaller than a tile).
    score: points on 0..100.
    predicted_error: R's own prediction of its error, as the logarithm of a factor on the half-width (see
        `calibration`); 0 from weights that predict none.
    """

    x: int
    y: int
    score: float
    predicted_error: float = 0.0


@dataclass(frozen=True)
class ScoreResult:
    """The result for one image.

    score: mean over the tiles (section 3.4), 0..100, higher is better.
    uncertainty: half-width in points: for 80 % of the validation images the subjective score lies within score +/- it.
    width, height: px of the upright image, before any reflection.
    tiles: the tiles whose mean the score is, row by row; of a sample, in the order of drawing.
    mode: "exact" (every overlapping tile through the networks, as in the paper) or "fast" (one pass, see `windows`).
    tile_total: how many tiles the whole image has; more than `tiles` where a large one was sampled.
    standard_error: of the score in points, from sampling; 0 where no tile was left out, infinite where a single tile
        of several was scored.
    precision: "fp32" or "bf16", the arithmetic of the networks.
    weights: first 8 hex digits of the sha256 of the weights' manifest.
    stride: px between tiles.
    notes: what was done to the image before scoring (profile, alpha, reflection, rotation, frames).
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
    notes: tuple[str, ...] = ()
    exif: tuple[tuple[str, str], ...] = ()
    hallucination: np.ndarray | None = None
    discrepancy: np.ndarray | None = None
    distorted: np.ndarray | None = None

    def to_row(self, path: str = "") -> dict[str, Any]:
        """The result as a row of a table, column -> value, in the order of CSV and JSON lines.

        Points have four decimals. `standard_error` is None where it is infinite. `notes` and `reasons` are lists.
        `kind` and `reasons` are empty: no weights predict them yet. `error` is empty: a result has none.
        """
        values = {
            "path": path,
            **rating_columns(self.score, self.uncertainty),
            "standard_error": round(self.standard_error, DECIMALS) if math.isfinite(self.standard_error) else None,
            "kind": "",
            "reasons": [],
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
