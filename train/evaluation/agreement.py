"""Agreement of predictions with human scores, by distortion type and over all images, as rows of tables and files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hiqa_cli.errors import HiqaError
from hiqa_train.datasets.sample import ScoreScale

from .correlation import Agreement, Interval, bootstrap, measure
from .predict import Prediction

ALL = "all"
MEASURES = ("srocc", "plcc", "rmse", "krocc", "plcc_unfitted")
FIT = "PLCC and RMSE after VQEG's 4-parameter logistic, fitted on the images measured"


@dataclass(frozen=True)
class TypeAgreement:
    """One row: a distortion type, a subset of the database, or ALL.

    agreement: None if undefined, for the reason in `problem` (too few images, or equal predictions for all).
    intervals: of every measure, 95 % by bootstrap over scenes; empty if not requested.
    """

    type: str
    images: int
    scenes: int
    agreement: Agreement | None
    intervals: dict[str, Interval]
    problem: str = ""

    def value(self, name: str) -> float:
        """A measure by its name in MEASURES; NaN if undefined."""
        return math.nan if self.agreement is None else float(getattr(self.agreement, name))


def measure_types(
    predictions: Sequence[Prediction], scale: ScoreScale, *, resamples: int = 1000, seed: int = 0
) -> tuple[TypeAgreement, ...]:
    """A row for each distortion type, or for each subset of a database that names no distortions, in order of
    appearance, and the row ALL last.

    resamples: of the bootstrap; 0 for no intervals. seed: of the resamples.
    """
    kinds = dict.fromkeys(p.sample.kind for p in predictions if p.sample.kind)
    rows = []
    if len(kinds) > 1:
        for kind in kinds:
            mine = [prediction for prediction in predictions if prediction.sample.kind == kind]
            rows.append(_measure_type(kind, mine, scale, resamples, seed))
    return (*rows, _measure_type(ALL, predictions, scale, resamples, seed))


def _measure_type(
    kind: str, predictions: Sequence[Prediction], scale: ScoreScale, resamples: int, seed: int
) -> TypeAgreement:
    predicted = [prediction.score for prediction in predictions]
    published = [prediction.sample.score for prediction in predictions]
    scenes = [prediction.sample.scene for prediction in predictions]
    count = len(set(scenes))
    try:
        found = measure(predicted, published, high_is_good=scale.high_is_good)
    except HiqaError as error:
        return TypeAgreement(kind, len(predictions), count, None, {}, error.message)
    intervals: dict[str, Interval] = {}
    if resamples and count > 1:  # with one scene, all resamples are equal
        intervals = bootstrap(
            predicted, published, high_is_good=scale.high_is_good, scenes=scenes, resamples=resamples, seed=seed
        )
    return TypeAgreement(kind, len(predictions), count, found, intervals)


def row_object(row: TypeAgreement) -> dict[str, Any]:
    """A row as JSON: measures by name, intervals as [low, high]; null if undefined."""
    values = None if row.agreement is None else {name: getattr(row.agreement, name) for name in MEASURES}
    return {
        "type": row.type,
        "images": row.images,
        "scenes": row.scenes,
        **(values or dict.fromkeys(MEASURES)),
        "intervals": {name: list(asdict(row.intervals[name]).values()) for name in MEASURES if name in row.intervals},
        "problem": row.problem or None,
    }


def rows_from_objects(objects: Sequence[dict[str, Any]]) -> tuple[TypeAgreement, ...]:
    """Rows from objects of row_object(). KeyError, TypeError or ValueError for other objects."""
    rows = []
    for row in objects:
        defined = row["srocc"] is not None
        values = {name: float(row[name]) for name in MEASURES} if defined else {}
        found = Agreement(**values, images=int(row["images"])) if defined else None
        intervals = {name: Interval(*map(float, ends)) for name, ends in row["intervals"].items()}
        counts = int(row["images"]), int(row["scenes"])
        rows.append(TypeAgreement(str(row["type"]), *counts, found, intervals, row["problem"] or ""))
    return tuple(rows)


CSV_COLUMNS = ("type", "images", "scenes", *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")))


def row_cells(row: TypeAgreement) -> list[str]:
    """The cells of a row of CSV, in the order of CSV_COLUMNS; empty if undefined."""
    cells = [row.type, str(row.images), str(row.scenes)]
    for name in MEASURES:
        interval = row.intervals.get(name)
        values = [None if row.agreement is None else row.value(name)]
        values += [interval.low, interval.high] if interval else [None, None]
        cells += ["" if value is None else f"{value:.6g}" for value in values]
    return cells
