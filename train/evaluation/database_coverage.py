"""Does the stated half-width hold on images that people have scored?

People's scores are brought to hiqa's scale by the map that was learned with the weights for their database (scales.py;
the manifest keeps it). Without a map for a database its scores say nothing about points on hiqa's scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hiqa_train.losses.score_maps import to_common_scale
from hiqa_train.uncertainty.coverage import Coverage, IntervalCase, check

from .predict import Prediction

FEWEST = 30  # images: a share of fewer says little


def coverage_of(predictions: Sequence[Prediction], database: str, measured: Mapping[str, Any]) -> Coverage | None:
    """measured: of the weights' manifest. None where it has no map for the database, or there are too few images.

    Qualities beyond the ends of the map count as its ends.
    """
    knots = measured.get("maps", {}).get(database)
    cases = [
        IntervalCase(p.score, (), p.half_width, 100 * to_common_scale(p.sample.quality, knots))
        for p in predictions
        if knots is not None and p.half_width is not None
    ]
    return check(cases) if len(cases) >= FEWEST else None
