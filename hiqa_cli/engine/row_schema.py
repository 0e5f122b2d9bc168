"""The columns of a row: the same in CSV, in JSON lines and in ScoreResult.to_row(). Imports neither numpy nor torch.

Tables of other columns are refused when they are read, so that a change here is a change of every table that exists.
"""

from __future__ import annotations

from .config import grade

COLUMNS = (
    "path",
    "score",
    "lower",
    "upper",
    "uncertainty",
    "standard_error",
    "grade",
    "kind",
    "reasons",
    "notes",
    "width",
    "height",
    "tiles",
    "mode",
    "precision",
    "weights",
    "error",
)
DECIMALS = 4  # of points in rows and for the gate, so that a row read back passes or fails alike
LOWEST, HIGHEST = 0.0, 100.0  # points of a score


def rating_columns(score: float, uncertainty: float) -> dict[str, float | str]:
    """The columns that follow from a score and its half-width, in points.

    lower, upper: the interval score +/- uncertainty, cut to 0..100. grade: that of the rounded score, as a reader of
    the row would look it up.
    """
    rounded = round(score, DECIMALS)
    lower, upper = (min(max(end, LOWEST), HIGHEST) for end in (score - uncertainty, score + uncertainty))
    return {
        "score": rounded,
        "lower": round(lower, DECIMALS),
        "upper": round(upper, DECIMALS),
        "uncertainty": round(uncertainty, DECIMALS),
        "grade": grade(rounded),
    }
