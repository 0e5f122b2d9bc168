"""The threshold of each word: the logit from which it is called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hiqa_cli.engine.pipeline.reasons.head import ReasonsHead
from hiqa_cli.engine.pipeline.reasons.measures import CAST, CLIPPED, HIGH, LOW, MEDIAN, STRONGEST
from hiqa_cli.engine.pipeline.reasons.names import COLOUR, LOW_CONTRAST, OVEREXPOSED, UNDEREXPOSED, WORDS

from .rows import FaultRows

BETA = 0.5  # recall counts half as much as precision: a wrong word costs more trust than a missing one
SURE = 10.0  # points: a fault that costs as much is there; one that costs less may be too faint, or hidden by others


def presence(rows: FaultRows) -> np.ndarray:
    """(n, words) of 1 where the fault is there and can be seen, 0 where it is not, NaN where nobody can say."""
    absent, sure = np.isnan(rows.points), np.nan_to_num(rows.points, nan=0.0) >= SURE
    there = np.where(absent, 0.0, np.where(sure, 1.0, np.nan)).astype(np.float32)
    for word, seen in seen_in(rows.measures).items():
        column = there[:, WORDS.index(word)]
        column[(column == 1) & ~seen] = np.nan
    return there


def seen_in(measures: np.ndarray) -> dict[str, np.ndarray]:
    """Whether a fault of light or colour could be seen without the original, (n,) for each of these words.

    A bright picture that was darkened a little looks like any other: only what lies towards the end of clean images'
    range counts, about their outer quarter for exposure, and their outer tenth for contrast and colour.
    """
    median, spread = measures[:, MEDIAN], measures[:, HIGH] - measures[:, LOW]
    return {
        UNDEREXPOSED: median <= 0.36,
        OVEREXPOSED: (median >= 0.65) | (measures[:, CLIPPED] >= -1.5),
        LOW_CONTRAST: spread <= 0.45,
        COLOUR: (measures[:, CAST] >= 0.5) | (measures[:, STRONGEST] >= 2.5),
    }


def with_thresholds(head: ReasonsHead, rows: FaultRows, false_alarms: float) -> ReasonsHead:
    """The head with the thresholds that give the highest F-measure of BETA on these rows, among those at which it calls
    each word on at most a share of `false_alarms` of the rows without any fault."""
    logits, truth = _logits(head, rows), presence(rows)
    flawless = np.isnan(rows.points).all(axis=1)
    found = np.zeros(len(WORDS), np.float32)
    for word in range(len(WORDS)):
        known = ~np.isnan(truth[:, word])
        least = highest_of(logits[flawless, word], false_alarms)
        candidates = np.unique(np.append(logits[known, word], least))
        candidates = candidates[candidates >= least]
        scores = [f_measure(logits[known, word] > one, truth[known, word] == 1, BETA) for one in candidates]
        found[word] = candidates[int(np.argmax(scores))]
    return replace(head, threshold=found)


def highest_of(logits: np.ndarray, share: float) -> float:
    """The lowest threshold that at most a share of the logits exceed."""
    return float(np.sort(logits)[len(logits) - 1 - int(share * len(logits))]) if len(logits) else -np.inf


def f_measure(called: np.ndarray, there: np.ndarray, beta: float = 1.0) -> float:
    """The harmonic mean of precision and recall, recall counting `beta` times as much (van Rijsbergen, 1979); 0 where
    nothing is called rightly."""
    right = int(np.sum(called & there))
    return (1 + beta**2) * right / (int(called.sum()) + beta**2 * int(there.sum())) if right else 0.0


def measure(head: ReasonsHead, rows: FaultRows) -> dict[str, Any]:
    """Of each word on these rows: precision, recall, F1, false alarms on images without a fault, and the mean error of
    the points where it is called rightly."""
    judged = head.outputs(head.inputs(rows.statistics, rows.whole, rows.measures))
    truth, flawless = presence(rows), np.isnan(rows.points).all(axis=1)
    found: dict[str, Any] = {}
    for place, word in enumerate(WORDS):
        known = ~np.isnan(truth[:, place])
        called, there = judged.evidence[known, place] > 0, truth[known, place] == 1
        right = called & there
        errors = np.abs(judged.points - rows.points)[known, place][right]
        found[word] = {
            "images": int(there.sum()),
            "precision": round(float(right.sum() / max(1, called.sum())), 3),
            "recall": round(float(right.sum() / max(1, there.sum())), 3),
            "f1": round(f_measure(called, there), 3),
            "false_alarms": round(float(np.mean(judged.evidence[flawless, place] > 0)), 4) if flawless.any() else 0.0,
            "points_error": round(float(errors.mean()), 1) if len(errors) else None,
        }
    return found


def _logits(head: ReasonsHead, rows: FaultRows) -> np.ndarray:
    judged = head.outputs(head.inputs(rows.statistics, rows.whole, rows.measures))
    return np.asarray(judged.evidence + head.threshold)
