"""What scoring an image gives: typed, in the field's words, with units.

Scores are points on 0..100, high is good (ITU-T P.910's bad, poor, fair, good, excellent at
0-20-40-60-80-100). Coordinates are pixels of the upright image, origin at the top left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .config import DEFAULT_STRIDE, TILE

__all__ = ["DEFAULT_STRIDE", "TILE", "ScoreResult", "TilePrediction", "TileScore"]


class TilePrediction(NamedTuple):
    """What R says of a tile. score: points on 0..100; doubt: how far off such scores are, see `calibration`."""

    score: float
    doubt: float


@dataclass(frozen=True)
class TileScore:
    """One 256x256 tile: its left and top edge in px (of the reflected image where that is smaller), its score, and the
    doubt that goes with it (`TilePrediction`; 0 from weights without)."""

    x: int
    y: int
    score: float
    doubt: float = 0.0


@dataclass(frozen=True)
class ScoreResult:
    """The result for one image.

    score: mean over the tiles (section 3.4), 0..100, high is good.
    uncertainty: half-width in points within which the score the weights were trained for lies for
        80 % of validation images.
    width, height: px of the upright image, as scored (before any reflection).
    tiles: scores of the tiles whose mean the score is, row by row; of a sample, in the order of drawing.
    mode: "exact" (every tile through the networks by itself, the paper's) or "fast" (one pass, see `windows`).
    tile_total: how many tiles there are; more than `tiles` where a large picture was sampled.
    standard_error: of the score in points, for want of the tiles that were not sampled; 0 where all were.
    precision: "fp32" or "bf16", what the networks ran in.
    weights: first 8 hex digits of the sha256 of the weights' manifest.
    stride: px between tiles.
    notes: what was done to the image on its way in (profile, composited, reflected, rotated, frames).
    exif: what EXIF says of camera, lens and exposure: (name, value), e.g. ("aperture", "f/2.8").
    hallucination: None, or (H, W, 3) uint8 RGB: the picture that G imagines behind this one.
    discrepancy: None, or (H, W, 3) float32, signed, distorted minus hallucination, in units of the
        full range (-1..1): formula (10) before the bars.
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
