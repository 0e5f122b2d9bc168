"""Agreement of predictions with people, for each distortion type and for all images, as tables and files give it."""

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
    """One row: a distortion type, or ALL.

    agreement: None where it is not defined, for the reason in `problem` (too few images, or all predicted alike).
    intervals: of every measure, 95 % by bootstrap over scenes; empty where they were not asked for.
    """

    type: str
    images: int
    scenes: int
    agreement: Agreement | None
    intervals: dict[str, Interval]
    problem: str = ""

    def value(self, name: str) -> float:
        """A measure by its name in MEASURES; NaN where it is not defined."""
        return math.nan if self.agreement is None else float(getattr(self.agreement, name))


def measure_types(
    predictions: Sequence[Prediction], scale: ScoreScale, *, resamples: int = 1000, seed: int = 0
) -> tuple[TypeAgreement, ...]:
    """A row for each distortion type, in the order in which the types come, and the row ALL last.

    resamples: of the bootstrap; 0 for no intervals. seed: of the resamples.
    """
    kinds = dict.fromkeys(p.sample.distortion for p in predictions if p.sample.distortion is not None)
    rows = []
    if len(kinds) > 1:
        for kind in kinds:
            mine = [prediction for prediction in predictions if prediction.sample.distortion == kind]
            rows.append(_measured(kind, mine, scale, resamples, seed))
    return (*rows, _measured(ALL, predictions, scale, resamples, seed))


def _measured(
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
    if resamples and count > 1:  # of one scene every resample is the same
        intervals = bootstrap(
            predicted, published, high_is_good=scale.high_is_good, scenes=scenes, resamples=resamples, seed=seed
        )
    return TypeAgreement(kind, len(predictions), count, found, intervals)


def row_object(row: TypeAgreement) -> dict[str, Any]:
    """A row as JSON has it: measures by name, intervals as [low, high]; null where not defined."""
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
    """Rows that row_object() made, back again. KeyError, TypeError or ValueError where they are none."""
    rows = []
    for held in objects:
        defined = held["srocc"] is not None
        values = {name: float(held[name]) for name in MEASURES} if defined else {}
        found = Agreement(**values, images=int(held["images"])) if defined else None
        intervals = {name: Interval(*map(float, ends)) for name, ends in held["intervals"].items()}
        counts = int(held["images"]), int(held["scenes"])
        rows.append(TypeAgreement(str(held["type"]), *counts, found, intervals, held["problem"] or ""))
    return tuple(rows)


CSV_COLUMNS = ("type", "images", "scenes", *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")))


def row_cells(row: TypeAgreement) -> list[str]:
    """A row as CSV has it, in the order of CSV_COLUMNS; empty where not defined."""
    cells = [row.type, str(row.images), str(row.scenes)]
    for name in MEASURES:
        interval = row.intervals.get(name)
        values = [None if row.agreement is None else row.value(name)]
        values += [interval.low, interval.high] if interval else [None, None]
        cells += ["" if value is None else f"{value:.6g}" for value in values]
    return cells
