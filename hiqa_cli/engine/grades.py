"""A score in words: the five grades of ITU-T P.910 at equal steps of the scale."""

from __future__ import annotations

GRADES = ("bad", "poor", "fair", "good", "excellent")  # 0..20, 20..40, ... 80..100 points


def grade(score: float) -> str:
    """The word for a score in points; scores outside 0..100 count as the nearer end."""
    step = 100.0 / len(GRADES)
    return GRADES[min(max(int(score // step), 0), len(GRADES) - 1)]
