"""How sure a score is: a half-width in points from the score, its tiles' spread and number, and R's doubt.

    half-width = scale * exp(c0 + c1*s + c2*s^2 + c3*log(1 + spread) + c4*log(tiles) + doubt)

with s = score / 100, `spread` the standard deviation of the tile scores in points (0 for one tile), and `tiles` their
number, but 4 to 9: those of the pictures that coefficients are fitted on; nobody has seen more tiles make a score
surer, or fewer less sure; `doubt` what R says of its own score, the mean over the tiles (`Regressor`). The coefficients
are fitted by training, on validation images and, where these are few, on others too, so that 80 % of the scores that
the weights were trained for lie within the half-width; they travel with the regressor's weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SMALLEST = 0.1  # points
FEWEST_TILES, MOST_TILES = 4, 9
LARGEST = 60.0  # points; beyond it a score on 0..100 says nothing


def features(score: float, tile_scores: Sequence[float]) -> tuple[float, float, float, float, float]:
    """What the coefficients are multiplied with: of an image's score and its tiles' scores, 0..100."""
    s = score / 100.0
    tiles = min(max(len(tile_scores), FEWEST_TILES), MOST_TILES)
    return 1.0, s, s * s, math.log1p(float(np.std(tile_scores))), math.log(tiles)


@dataclass(frozen=True)
class Calibration:
    """coefficients: c0 .. c4 of the module's formula; scale: a positive factor on the whole."""

    coefficients: tuple[float, float, float, float, float]
    scale: float = 1.0

    def __post_init__(self) -> None:
        numbers = (*self.coefficients, self.scale)
        if len(self.coefficients) != 5 or not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"a calibration is 5 finite coefficients and a scale, found {numbers}")
        if self.scale <= 0:
            raise ValueError(f"the scale of a calibration is positive, found {self.scale}")

    def half_width(self, score: float, tile_scores: Sequence[float], doubt: float = 0.0) -> float:
        """Half-width in points, 0.1..60, from an image's score and its tiles' scores, 0..100, and R's doubt."""
        logarithm = sum(c * f for c, f in zip(self.coefficients, features(score, tile_scores), strict=True))
        logarithm += math.log(self.scale) + doubt
        bounded = min(max(logarithm, math.log(SMALLEST)), math.log(LARGEST))  # exp cannot overflow
        return math.exp(bounded)

    def to_dict(self) -> dict[str, Any]:
        return {"coefficients": list(self.coefficients), "scale": self.scale}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Calibration:
        """Raises KeyError, TypeError or ValueError where `fields` is not what to_dict() gives."""
        c0, c1, c2, c3, c4 = (float(value) for value in fields["coefficients"])
        return cls((c0, c1, c2, c3, c4), float(fields["scale"]))
