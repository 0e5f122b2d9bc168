"""What an evaluation of given weights found on one database, as JSON and CSV hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hiqa_cli.errors import HiqaError
from hiqa_train.losses.score_maps import to_common_scale
from hiqa_train.uncertainty.coverage import Coverage, IntervalCase, measure_coverage

from .agreement import ALL, CSV_COLUMNS, FIT, MEASURES, TypeAgreement, measure_types, row_cells, row_object
from .correlation import Logistic, fit_logistic
from .images import ImageSelection, below
from .predict import Prediction

COVERAGE_IMAGES = 30  # a share of fewer images means little
COLUMNS = ("dataset", "part", "weights", *CSV_COLUMNS)


@dataclass(frozen=True)
class DatabaseResult:
    """Predictions and measures on the chosen images of one database.

    rows: a Measured for each type, ALL last. curve: the fit over all images, None where there is none.
    coverage: whether the stated half-widths hold, None where that cannot be told (coverage.py).
    left_out: scenes that the weights had seen and that were left out for it. seen_known: whether it is recorded at all
        what they had seen.
    """

    choice: ImageSelection
    predictions: tuple[Prediction, ...]
    rows: tuple[TypeAgreement, ...]
    curve: Logistic | None
    coverage: Coverage | None
    left_out: tuple[str, ...]
    seen_known: bool

    @property
    def all(self) -> TypeAgreement:
        """The row over all types."""
        return self.rows[-1]


def measure_choice(
    choice: ImageSelection,
    predictions: Sequence[Prediction],
    *,
    weights: Mapping[str, Any],
    resamples: int,
    seed: int,
    left_out: Sequence[str],
    seen_known: bool,
) -> DatabaseResult:
    """Measure what was predicted for the images of a choice. HiqaError where nothing can be: too few images, or all
    predicted alike; single types may be undefined. weights: what their manifest says was measured."""
    rows = measure_types(predictions, choice.reading.scale, resamples=resamples, seed=seed)
    if rows[-1].agreement is None:
        raise HiqaError(f"{choice.reading.name}: {rows[-1].problem}")
    curve = fit_logistic([p.score for p in predictions], [p.sample.score for p in predictions])
    coverage = coverage_of(predictions, choice.reading.name, weights)
    return DatabaseResult(choice, tuple(predictions), rows, curve, coverage, tuple(left_out), seen_known)


def as_object(result: DatabaseResult) -> dict[str, Any]:
    """Everything as JSON: measures, the curve, and every image with its published score and its prediction."""
    choice, reading = result.choice, result.choice.reading
    fitted = [None] * len(result.predictions)
    if result.curve is not None:
        fitted = result.curve([prediction.score for prediction in result.predictions]).tolist()  # type: ignore[arg-type]
    return {
        "name": reading.name,
        "title": reading.title,
        "scale": {
            "kind": reading.scale.kind,
            "low": reading.scale.low,
            "high": reading.scale.high,
            "high_is_good": reading.scale.high_is_good,
        },
        "part": choice.part,
        "types": list(choice.types) or None,
        "images_there": len(reading.samples),
        "images_published": reading.expected,
        "first_missing": reading.first_missing,
        "notes": list(reading.notes),
        "scenes": sorted(choice.scenes),
        "scenes_left_out_as_seen": list(result.left_out),
        "seen_scenes_recorded": result.seen_known,
        "fit": FIT,
        "curve": None if result.curve is None else asdict(result.curve),
        "coverage": None if result.coverage is None else asdict(result.coverage),
        "measures": [row_object(row) for row in result.rows],
        "images": [
            {
                "path": below(reading.root, p.sample.path),
                "type": p.sample.distortion,
                "scene": p.sample.scene,
                "published": p.sample.score,
                "score": p.score,
                "half_width": p.half_width,
                "fitted": value,
            }
            for p, value in zip(result.predictions, fitted, strict=True)
        ],
    }


def table_cells(result: DatabaseResult, weights_id: str) -> list[list[str]]:
    """The rows of CSV, in the order of COLUMNS."""
    head = [result.choice.reading.name, result.choice.part, weights_id]
    return [[*head, *row_cells(row)] for row in result.rows]


__all__ = ["ALL", "COLUMNS", "MEASURES", "DatabaseResult", "as_object", "measure_choice", "table_cells"]


def coverage_of(predictions: Sequence[Prediction], database: str, measured: Mapping[str, Any]) -> Coverage | None:
    """Whether the stated half-width holds on images that people scored. None without a map for the database, or with
    fewer than COVERAGE_IMAGES images.

    measured: of the weights' manifest, which has the map that was trained from hiqa's scale to the database's. Without
    it the database's scores say nothing about points on hiqa's scale. Qualities beyond the map's ends count as its
    ends.
    """
    knots = measured.get("maps", {}).get(database)
    cases = [
        IntervalCase(p.score, (), p.half_width, 100 * to_common_scale(p.sample.quality, knots))
        for p in predictions
        if knots is not None and p.half_width is not None
    ]
    return measure_coverage(cases) if len(cases) >= COVERAGE_IMAGES else None
