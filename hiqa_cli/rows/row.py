"""The result row of one image: a score, or the reason why there is none."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from hiqa_cli._version import __version__
from hiqa_cli.engine.config import TILE, USUAL_BACKEND, Scoring
from hiqa_cli.engine.job import Job
from hiqa_cli.engine.pipeline.kinds.names import PHOTOGRAPH
from hiqa_cli.engine.row_schema import COLUMNS, DECIMALS
from hiqa_cli.engine.tiling.sides import NO_BORDERS, Borders

if TYPE_CHECKING:
    from hiqa_cli.engine.results import ScoreResult

HALLUCINATION, DISCREPANCY, QUALITY = "hallucination", "discrepancy", "quality"  # keys of a row's `maps`

# What a setting is where a row does not name it. Mode and precision are columns.
DEFAULT_SETTINGS: dict[str, Any] = {
    **{name: value for name, value in asdict(Scoring()).items() if name not in COLUMNS},
    **asdict(Job.limits),
    "backend": USUAL_BACKEND,
    "device": "cpu",
}


@dataclass(frozen=True)
class Row:
    """The result of one image, as in files; the fields are the columns, in their order.

    path: as given, see text.name_text. score, lower, upper: points, 0..100. uncertainty, standard_error: points; the
    latter only where tiles were sampled. grade, kind: "" without a score. reasons: words with whole
    points, such as "blur 14".
    width, height: px, upright. tiles: number of tiles scored. error: why there is no score, else "".
    extra: fields that only JSON lines have.
    """

    path: str
    score: float | None = None
    lower: float | None = None
    upper: float | None = None
    uncertainty: float | None = None
    standard_error: float | None = None
    grade: str = ""
    kind: str = ""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
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
        """Whether there is a score, not an error."""
        return self.score is not None

    @property
    def has_settings(self) -> bool:
        """Whether the row says how it was scored, as rows of JSON lines do."""
        return "version" in self.extra  # settings that are all usual are left out

    @property
    def words(self) -> tuple[str, ...]:
        """What to say of the picture beside its score: its kind where it is no photograph, and its reasons."""
        return (*([self.kind] if self.kind not in ("", PHOTOGRAPH) else []), *self.reasons)

    @property
    def stride(self) -> int | None:
        """The distance between tiles in px; None where the row names none that is possible."""
        stride = self.setting("stride")
        return stride if isinstance(stride, int) and 1 <= stride <= TILE else None

    def setting(self, name: str) -> Any:
        """A setting of a row of JSON lines: as the row names it, else the default."""
        settings = self.extra.get("settings")
        own = settings if isinstance(settings, dict) else {}
        return own.get(name, DEFAULT_SETTINGS.get(name))


COLUMN_TYPES: dict[str, str] = {field.name: str(field.type) for field in fields(Row) if field.name in COLUMNS}
"""Column -> its type as Row declares it, such as "float | None"."""


def changed_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that differ from their defaults, to be stored in rows; `settings` may hold columns as well."""
    return {
        name: value
        for name, value in settings.items()
        if name not in COLUMNS and not (name in DEFAULT_SETTINGS and DEFAULT_SETTINGS[name] == value)
    }


def shared_fields(settings: dict[str, Any]) -> dict[str, Any]:
    """The further fields that all rows of a run have: the version of hiqa, and the settings that were changed."""
    changed = changed_settings(settings)
    return {"version": __version__, **({"settings": changed} if changed else {})}


def scored_row(path: str, result: ScoreResult, extra: dict[str, Any]) -> Row:
    """The row of a scored image. extra: further fields of JSON lines, after the tile scores."""
    values = result.to_row(path)
    values |= {name: tuple(values[name]) for name in ("reasons", "notes")}
    tile_scores = [{"x": tile.x, "y": tile.y, "score": round(tile.score, DECIMALS)} for tile in result.tiles]
    borders = {"borders": list(result.borders)} if any(result.borders) else {}
    return Row(**values, extra={"tile_scores": tile_scores, "tile_total": result.tile_total, **borders, **extra})


def borders_of(row: Row) -> Borders:
    """The borders that a row of JSON lines names; NO_BORDERS where it names none."""
    stored = row.extra.get("borders")
    if (
        isinstance(stored, list)
        and len(stored) == len(NO_BORDERS)
        and all(type(px) is int and px >= 0 for px in stored)
    ):
        return Borders(*stored)
    return NO_BORDERS


def error_row(path: str, error: str, extra: dict[str, Any]) -> Row:
    """The row of an image that could not be scored."""
    return Row(path=path, error=error, extra=extra)
