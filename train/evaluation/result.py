"""The result of an evaluation of given weights on one database, as JSON and CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hiqa_cli.errors import HiqaError
from hiqa_train.losses.score_maps import to_common_scale
from hiqa_train.uncertainty.coverage import Coverage, IntervalCase, measure_coverage

from .agreement import CSV_COLUMNS, FIT, TypeAgreement, measure_types, row_cells, row_object
from .correlation import Logistic, fit_logistic
from .images import ImageSelection, below
from .predict import Prediction

COVERAGE_IMAGES = 30  # a share of fewer images means little
COLUMNS = ("dataset", "part", "weights", *CSV_COLUMNS)


@dataclass(frozen=True)
class DatabaseResult:
    """Predictions and measures on the chosen images of one database.

    rows: one per distortion type, ALL last. curve: the fit over all images, None without one.
    coverage: of the stated half-widths, None if unknown (see `coverage_of`).
    left_out: scenes that were left out because the weights were trained on them. scenes_recorded: whether the weights
        record their training scenes.
    """

    selection: ImageSelection
    predictions: tuple[Prediction, ...]
    rows: tuple[TypeAgreement, ...]
    curve: Logistic | None
    coverage: Coverage | None
    left_out: tuple[str, ...]
    scenes_recorded: bool

    @property
    def all(self) -> TypeAgreement:
        """The row over all types."""
        return self.rows[-1]


def measure_selection(
    selection: ImageSelection,
    predictions: Sequence[Prediction],
    *,
    weights: Mapping[str, Any],
    resamples: int,
    seed: int,
    left_out: Sequence[str],
    scenes_recorded: bool,
) -> DatabaseResult:
    """Measure the predictions for a selection. weights: `measured` of their manifest.

    HiqaError if there are too few images or all predictions are equal; single types may be undefined.
    """
    rows = measure_types(predictions, selection.dataset.scale, resamples=resamples, seed=seed)
    if rows[-1].agreement is None:
        raise HiqaError(f"{selection.dataset.name}: {rows[-1].problem}")
    curve = fit_logistic([p.score for p in predictions], [p.sample.score for p in predictions])
    coverage = coverage_of(predictions, selection.dataset.name, weights)
    return DatabaseResult(selection, tuple(predictions), rows, curve, coverage, tuple(left_out), scenes_recorded)


def as_object(result: DatabaseResult) -> dict[str, Any]:
    """The result as JSON: measures, curve, and every image with its published score and prediction."""
    selection, dataset = result.selection, result.selection.dataset
    fitted = [None] * len(result.predictions)
    if result.curve is not None:
        fitted = result.curve([prediction.score for prediction in result.predictions]).tolist()  # type: ignore[arg-type]
    return {
        "name": dataset.name,
        "title": dataset.title,
        "scale": {
            "kind": dataset.scale.kind,
            "low": dataset.scale.low,
            "high": dataset.scale.high,
            "high_is_good": dataset.scale.high_is_good,
        },
        "part": selection.part,
        "types": list(selection.types) or None,
        "images_there": len(dataset.samples),
        "images_published": dataset.expected,
        "first_missing": dataset.first_missing,
        "notes": list(dataset.notes),
        "scenes": sorted(selection.scenes),
        "scenes_left_out_as_seen": list(result.left_out),
        "seen_scenes_recorded": result.scenes_recorded,
        "fit": FIT,
        "curve": None if result.curve is None else asdict(result.curve),
        "coverage": None if result.coverage is None else asdict(result.coverage),
        "measures": [row_object(row) for row in result.rows],
        "images": [
            {
                "path": below(dataset.root, p.sample.path),
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
    """The rows as CSV, in the order of COLUMNS."""
    head = [result.selection.dataset.name, result.selection.part, weights_id]
    return [[*head, *row_cells(row)] for row in result.rows]


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
