"""Summarises splits: medians and spread of every measure, by distortion type and over all images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiqa_train.evaluation.agreement import ALL, MEASURES

from .protocol import SplitResult


@dataclass(frozen=True)
class Spread:
    """A measure over splits. splits: those with a value, among `of` that tested the type; lower, upper: quartiles;
    low, high: extremes; deviation: standard deviation, with n - 1."""

    median: float
    lower: float
    upper: float
    low: float
    high: float
    mean: float
    deviation: float
    splits: int
    of: int


@dataclass(frozen=True)
class Summary:
    """One row: a method on a distortion type of a database, or on ALL. images: in the tests of all splits."""

    method: str
    database: str
    type: str
    images: int
    measures: dict[str, Spread]


def summarise(results: Sequence[SplitResult]) -> list[Summary]:
    """Summarise the results of one method: for each database its types in order of appearance, ALL last."""
    summaries = []
    for database in dict.fromkeys(name for result in results for name in result.databases):
        tables = [result.databases[database] for result in results if database in result.databases]
        kinds = dict.fromkeys(row.type for table in tables for row in table if row.type != ALL)
        for kind in (*kinds, ALL):
            rows = [row for table in tables for row in table if row.type == kind]
            measures = {name: spread([row.value(name) for row in rows]) for name in MEASURES}
            images = sum(row.images for row in rows)
            summaries.append(Summary(results[0].method, database, kind, images, measures))
    return summaries


def spread(values: Sequence[float]) -> Spread:
    """Median and spread of the defined values; all NaN if there are none."""
    known = np.array([value for value in values if not math.isnan(value)], np.float64)
    if not len(known):
        nan = math.nan
        return Spread(nan, nan, nan, nan, nan, nan, nan, 0, len(values))
    lower, median, upper = (float(value) for value in np.percentile(known, (25, 50, 75)))
    deviation = float(known.std(ddof=1)) if len(known) > 1 else math.nan
    low, high, mean = float(known.min()), float(known.max()), float(known.mean())
    return Spread(median, lower, upper, low, high, mean, deviation, len(known), len(values))


STATISTICS = ("median", "lower", "upper", "low", "high", "mean", "deviation", "splits", "of")
COLUMNS = ("method", "dataset", "type", "images", *(f"{name}_{word}" for name in MEASURES for word in STATISTICS))


def summary_object(summary: Summary) -> dict[str, Any]:
    """A row as JSON; null if undefined."""
    return {
        "method": summary.method,
        "dataset": summary.database,
        "type": summary.type,
        "images": summary.images,
        **{
            name: {word: _plain(getattr(found, word)) for word in STATISTICS}
            for name, found in summary.measures.items()
        },
    }


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def summary_cells(summary: Summary) -> list[str]:
    """The cells of a row of CSV, in the order of COLUMNS; empty if undefined."""
    cells = [summary.method, summary.database, summary.type, str(summary.images)]
    for name in MEASURES:
        values = (_plain(getattr(summary.measures[name], word)) for word in STATISTICS)
        cells += ["" if value is None else f"{value:.6g}" for value in values]
    return cells
