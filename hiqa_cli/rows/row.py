"""One image's row, and how it is written: a line of CSV or of JSON, in bytes, whole."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hiqa_cli.console.text import name_text

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
HALLUCINATION, DISCREPANCY, QUALITY = "hallucination", "discrepancy", "quality"  # keys of a row's `maps`
DECIMALS = 4  # of scores in files and for the gate, so that a row read back passes or fails alike


@dataclass(frozen=True)
class Row:
    """The result of one image, as it stands in files.

    path: as given, see text.name_text. error: why there is no score, else "".
    more: what JSON lines tell beside the columns.
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
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def is_finished(self) -> bool:
        return self.score is not None

    def columns(self) -> list[str]:
        """The cells of COLUMNS as text, empty for what there is not."""
        values = [getattr(self, column) for column in COLUMNS]
        return ["" if value is None else str(value) for value in values]


def row_of_result(path: str, result: ScoreResult, more: dict[str, Any]) -> Row:
    """The row of an image that was scored; `more` gains tiles and notes."""
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
        more={
            "tile_scores": [{"x": tile.x, "y": tile.y, "score": round(tile.score, DECIMALS)} for tile in result.tiles],
            "tile_total": result.tile_total,
            "standard_error": round(result.standard_error, DECIMALS),
            "notes": list(result.notes),
            **more,
        },
    )


def row_of_error(path: str, error: str, more: dict[str, Any]) -> Row:
    """The row of an image that could not be scored."""
    return Row(path=path, error=error, more=more)


def file_text(text: str) -> bytes:
    """Text as UTF-8; what is not UTF-8 in a name stands as the six characters of its escape."""
    return text.encode("utf-8", "backslashreplace")


def csv_line(cells: list[str] | tuple[str, ...]) -> bytes:
    """One record of CSV with its line end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return file_text(line.getvalue())


def csv_row(row: Row) -> bytes:
    """A row as a record of CSV."""
    return csv_line(row.columns())


def json_row(row: Row) -> bytes:
    """A row as a line of JSON: the columns, null for what there is not, then everything else."""
    fields: dict[str, Any] = {column: getattr(row, column) for column in COLUMNS}
    for column in ("mode", "precision", "weights", "error"):
        fields[column] = fields[column] or None
    fields.update(row.more)
    return file_text(json.dumps(fields, ensure_ascii=False, allow_nan=False)) + b"\n"


def key_text(path: str) -> str:
    """A path as it reads in a file: what rows are found again by."""
    return file_text(path).decode("utf-8")


def as_text(value: object) -> str:
    """A value for the settings of a JSON line."""
    return name_text(str(value))
