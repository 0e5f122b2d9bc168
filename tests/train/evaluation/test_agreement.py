"""Agreement with human scores in parts: by distortion type, or by the collections that a database consists of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiqa_train.datasets.sample import Sample, ScoreScale
from hiqa_train.evaluation.agreement import measure_types
from hiqa_train.evaluation.predict import Prediction

MOS = ScoreScale("MOS", 0, 1, 0, 1, high_is_good=True)


def predictions(**fields: list[str]) -> list[Prediction]:
    """Twelve images; in the first half predictions rise with the scores, in the second they fall."""
    values = np.linspace(0, 1, 12)
    told = [*values[:6], *values[6:][::-1]]
    samples = [
        Sample(Path(f"{n}.png"), value, value, f"scene {n}", **{name: column[n] for name, column in fields.items()})
        for n, value in enumerate(values)
    ]
    return [Prediction(sample, 100 * score) for sample, score in zip(samples, told, strict=True)]


def test_subsets_are_reported_apart_where_a_database_names_no_distortions() -> None:
    rows = measure_types(predictions(subset=["ss01"] * 6 + ["ss02"] * 6), MOS, resamples=0)
    assert [(row.type, row.images) for row in rows] == [("ss01", 6), ("ss02", 6), ("all", 12)]
    assert [round(row.value("srocc"), 3) for row in rows[:2]] == [1.0, -1.0]


def test_distortions_go_before_subsets() -> None:
    some = predictions(distortion=["jpeg", "blur"] * 6, subset=["ss01"] * 6 + ["ss02"] * 6)
    assert [row.type for row in measure_types(some, MOS, resamples=0)] == ["jpeg", "blur", "all"]


def test_a_database_of_one_kind_has_one_row() -> None:
    assert [row.type for row in measure_types(predictions(), MOS, resamples=0)] == ["all"]
