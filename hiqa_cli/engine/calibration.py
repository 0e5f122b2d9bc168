"""The uncertainty of a score: a half-width in points from the score, its tiles and R's own error prediction.

    half-width = scale * exp(c0 + c1*s + c2*s^2 + c3*log(1 + spread) + c4*log(tiles) + predicted error)

with s = score / 100; `spread` the standard deviation of the tile scores in points (0 for one tile); `tiles` their
number, limited to 4..9, which are those of the images in the fit; and `predicted error` the mean of R's error
predictions over the tiles (`Regressor`). Training fits the coefficients on validation images, and on further images
where these are few, so that 80 % of the subjective scores lie within the half-width. They are stored with the
regressor's weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SMALLEST = 0.1  # points
FEWEST_TILES, MOST_TILES = 4, 9
LARGEST = 60.0  # points; a score on 0..100 with a larger half-width carries no information
# The uncertainty of the change between two versions of an image is this times the root of the summed squares of both
# scores' uncertainties: 80 % of the changes of the target lie within it where the versions may be of any kind; between
# settings of one codec they lie much nearer. Fitted on 9,720 pairs of versions of validation images (docs/reports.md).
PAIR_SCALE = 1.0


def features(score: float, tile_scores: Sequence[float]) -> tuple[float, float, float, float, float]:
    """The terms that the coefficients multiply, from the score and the tile scores of an image, 0..100."""
    s = score / 100.0
    tiles = min(max(len(tile_scores), FEWEST_TILES), MOST_TILES)
    return 1.0, s, s * s, math.log1p(float(np.std(tile_scores))), math.log(tiles)


@dataclass(frozen=True)
class Calibration:
    """coefficients: c0 .. c4 of the module's formula; scale: its positive factor."""

    coefficients: tuple[float, float, float, float, float]
    scale: float = 1.0

    def __post_init__(self) -> None:
        numbers = (*self.coefficients, self.scale)
        if len(self.coefficients) != 5 or not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"a calibration has 5 finite coefficients and a finite scale, found {numbers}")
        if self.scale <= 0:
            raise ValueError(f"the scale of a calibration must be positive, found {self.scale}")

    def half_width(self, score: float, tile_scores: Sequence[float], predicted_error: float = 0.0) -> float:
        """Half-width in points, 0.1..60, from the score and the tile scores of an image, 0..100, and the mean of the
        predicted errors."""
        logarithm = sum(c * f for c, f in zip(self.coefficients, features(score, tile_scores), strict=True))
        logarithm += math.log(self.scale) + predicted_error
        bounded = min(max(logarithm, math.log(SMALLEST)), math.log(LARGEST))  # exp cannot overflow
        return math.exp(bounded)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the metadata of the weights."""
        return {"coefficients": list(self.coefficients), "scale": self.scale}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Calibration:
        """The inverse of to_dict(). Raises KeyError, TypeError or ValueError for anything else."""
        c0, c1, c2, c3, c4 = (float(value) for value in fields["coefficients"])
        return cls((c0, c1, c2, c3, c4), float(fields["scale"]))
