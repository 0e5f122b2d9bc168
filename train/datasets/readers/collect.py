"""From rows of a score table to a Dataset: every score checked, every file looked for, nothing left out in silence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.sample import Dataset, Part, Sample, ScoreScale

ALTERED = "this copy was altered or cut: unpack the published archive again"


@dataclass(frozen=True)
class TableRow:
    """One row of a score table, before its files are looked for.

    name, reference: as messages name the files, relative to the database; the fields as in Sample.
    """

    name: str
    score: float
    scene: str
    reference: str | None = None
    distortion: str | None = None
    level: int | None = None
    split: Part | None = None


Find = Callable[[str], Path | None]


def number(text: str, where: str) -> float:
    """A score as text -> float; DatasetError where it is no finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DatasetError(f"{where}: expected a score, found {text!r}")
    return value


def check_count(found: int, expected: int, what: str, hint: str = ALTERED) -> None:
    """DatasetError where a table has not as many rows as were published."""
    if found != expected:
        raise DatasetError(f"{what}: expected {expected:,}, found {found:,}", hint)


def check_score(row: TableRow, scale: ScoreScale, table: str) -> None:
    """DatasetError where a score cannot be one of this database's."""
    if not scale.plausible_low <= row.score <= scale.plausible_high:  # NaN fails this as well
        raise DatasetError(
            f"{table}: the score of {row.name} is {row.score:g}, expected {scale.plausible_low:g}.."
            f"{scale.plausible_high:g}",
            ALTERED,
        )


def check_different(names: Iterable[str], table: str) -> None:
    """DatasetError where a table names an image twice."""
    seen = set()
    for name in names:
        if name in seen:
            raise DatasetError(f"{table}: {name} has two rows", ALTERED)
        seen.add(name)


def check_levels(rows: Iterable[TableRow], scale: ScoreScale, table: str) -> None:
    """DatasetError where the highest level is on the mean better than the lowest: the scores are upside down."""
    by_level: dict[int, list[float]] = {}
    for row in rows:
        if row.level is not None:
            by_level.setdefault(row.level, []).append(scale.quality(row.score))
    if len(by_level) < 2:
        return
    first, last = (sum(by_level[level]) / len(by_level[level]) for level in (min(by_level), max(by_level)))
    if first <= last:
        raise DatasetError(
            f"{table}: level {max(by_level)} is scored better than level {min(by_level)} on the mean, "
            f"expected the other way round ({scale})",
            ALTERED,
        )


def collect(
    database: DatabaseInfo,
    root: Path,
    rows: list[TableRow],
    table: str,
    image: Find,
    reference: Find | None = None,
    notes: tuple[str, ...] = (),
) -> Dataset:
    """The Dataset of a published database.

    table: the score file's name, for messages; image, reference: from a row's name to the file, or None.
    Raises DatasetError for a score that cannot be, a name that comes twice, levels upside down, or not one image there.
    """
    check_count(len(rows), database.images, f"{table}: images with a score")
    check_different((row.name for row in rows), table)
    for row in rows:
        check_score(row, database.scale, table)
    check_levels(rows, database.scale, table)
    references = {row.reference: reference(row.reference) for row in rows if row.reference and reference}
    samples, missing = [], []
    for row in rows:
        path = image(row.name)
        if path is None:
            missing.append(row.name)
        else:
            found = references[row.reference] if row.reference else None
            samples.append(as_sample(row, path, found, database.scale))
    if not samples:
        raise DatasetError(f"{root} has none of the {len(rows):,} images of {database.title}", _look(database, missing))
    return Dataset(
        name=database.name,
        title=database.title,
        root=root,
        scale=database.scale,
        samples=tuple(samples),
        expected=database.images,
        references_expected=database.references,
        missing=tuple(missing),
        missing_references=tuple(name for name, path in references.items() if path is None),
        notes=notes,
    )


def as_sample(row: TableRow, path: Path, reference: Path | None, scale: ScoreScale) -> Sample:
    """The row with its files."""
    return Sample(
        path=path,
        score=row.score,
        quality=scale.quality(row.score),
        scene=row.scene,
        reference=reference,
        distortion=row.distortion,
        level=row.level,
        split=row.split,
    )


def _look(database: DatabaseInfo, missing: list[str]) -> str:
    return f"looked for {missing[0]} first; expected {database.layout}"
