"""The result row of one image: a score, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hiqa_cli.engine.results import ScoreResult

COLUMNS = (
    "path",
    "score",
    "uncertainty",
    "width",
    "height",
    "tiles",
    "mode",
    "precision",
    "weights",
    "error",
)
DECIMALS = 4  # of scores in files and for the gate, so that a row read back passes or fails alike
HALLUCINATION, DISCREPANCY, QUALITY = "hallucination", "discrepancy", "quality"  # keys of a row's `maps`


@dataclass(frozen=True)
class Row:
    """The result of one image, as in files.

    path: as given, see text.name_text. error: why there is no score, else "".
    extra: fields that only JSON lines have.
    """

    path: str
    score: float | None = None
    uncertainty: float | None = None
    width: int | None = None
    height: int | None = None
    tiles: int | None = None
    mode: str = ""
    precision: str = ""
    weights: str = ""
    error: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_scored(self) -> bool:
        return self.score is not None


def scored_row(path: str, result: ScoreResult, extra: dict[str, Any]) -> Row:
    """The row of a scored image. extra: further fields, after the tile scores and notes."""
    return Row(
        path=path,
        score=round(result.score, DECIMALS),
        uncertainty=round(result.uncertainty, DECIMALS),
        width=result.width,
        height=result.height,
        tiles=len(result.tiles),
        mode=result.mode,
        precision=result.precision,
        weights=result.weights,
        extra={
            "tile_scores": [{"x": tile.x, "y": tile.y, "score": round(tile.score, DECIMALS)} for tile in result.tiles],
            "tile_total": result.tile_total,
            "standard_error": round(result.standard_error, DECIMALS),
            "notes": list(result.notes),
            **extra,
        },
    )


def error_row(path: str, error: str, extra: dict[str, Any]) -> Row:
    """The row of an image that could not be scored."""
    return Row(path=path, error=error, extra=extra)
