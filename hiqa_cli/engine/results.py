"""What scoring an image gives: typed, in the field's words, with units.

Scores are points on 0..100, high is good (ITU-T P.910's bad, poor, fair, good, excellent at
0-20-40-60-80-100). Coordinates are pixels of the upright image, origin at the top left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TILE = 256  # px, the side of a scoring tile; the paper's patch (section 3.4)
DEFAULT_STRIDE = 128  # px between tiles; the paper says "a fixed stride" (section 3.4) without a number


@dataclass(frozen=True)
class TileScore:
    """One 256x256 tile: its left and top edge in px (of the reflected image where that is smaller), its score."""

    x: int
    y: int
    score: float


@dataclass(frozen=True)
class ScoreResult:
    """The result for one image.

    score: mean over the tiles (section 3.4), 0..100, high is good.
    uncertainty: half-width in points within which the score the weights were trained for lies for
        80 % of validation images.
    width, height: px of the upright image, as scored (before any reflection).
    tiles: per-tile scores, row by row.
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
    notes: tuple[str, ...] = ()
    exif: tuple[tuple[str, str], ...] = ()
    hallucination: np.ndarray | None = None
    discrepancy: np.ndarray | None = None
