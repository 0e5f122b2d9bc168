"""Builds a `Dataset` from the rows of a score table: checks every score and finds every file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hiqa_cli.errors import DatasetError
from hiqa_train.datasets.database import DatabaseInfo
from hiqa_train.datasets.sample import Dataset, Part, Sample, ScoreScale

ALTERED = "this copy is altered or incomplete: unpack the published archive again"


@dataclass(frozen=True)
class TableRow:
    """One row of a score table, before its files are found.

    name, reference: paths as messages show them, relative to the database. Other fields: see `Sample`.
    """

    name: str
    score: float
    scene: str
    reference: str | None = None
    distortion: str | None = None
    level: int | None = None
    split: Part | None = None
    subset: str = ""


Find = Callable[[str], Path | None]


def parse_score(text: str, where: str) -> float:
    """Text -> score. Raises DatasetError unless it is a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DatasetError(f"{where}: expected a score, found {text!r}")
    return value


def check_count(found: int, expected: int, what: str, hint: str = ALTERED) -> None:
    """Raise DatasetError where the number of rows differs from the published one."""
    if found != expected:
        raise DatasetError(f"{what}: expected {expected:,}, found {found:,}", hint)


def check_score(row: TableRow, scale: ScoreScale, table: str) -> None:
    """Raise DatasetError for a score outside the plausible range."""
    if not scale.plausible_low <= row.score <= scale.plausible_high:  # NaN fails this as well
        raise DatasetError(
            f"{table}: the score of {row.name} is {row.score:g}, expected {scale.plausible_low:g}.."
            f"{scale.plausible_high:g}",
            ALTERED,
        )


def check_unique(names: Iterable[str], table: str) -> None:
    """Raise DatasetError where a table has two rows for one image."""
    found = set()
    for name in names:
        if name in found:
            raise DatasetError(f"{table}: {name} has two rows", ALTERED)
        found.add(name)


def check_levels(rows: Iterable[TableRow], scale: ScoreScale, table: str) -> None:
    """Raise DatasetError where the highest level has a better mean score than the lowest: the scores are inverted."""
    by_level: dict[int, list[float]] = {}
    for row in rows:
        if row.level is not None:
            by_level.setdefault(row.level, []).append(scale.quality(row.score))
    if len(by_level) < 2:
        return
    first, last = (sum(by_level[level]) / len(by_level[level]) for level in (min(by_level), max(by_level)))
    if first <= last:
        raise DatasetError(
            f"{table}: level {max(by_level)} has a better mean score than level {min(by_level)}, "
            f"expected a worse one ({scale})",
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
    """The dataset of a published database.

    table: name of the score file, for messages. image, reference: functions from a row's name to its file, or None.
    Raises DatasetError for an implausible score, a repeated name, inverted levels, or no image at all.
    """
    check_count(len(rows), database.images, f"{table}: images with a score")
    check_unique((row.name for row in rows), table)
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
        raise DatasetError(
            f"{root} has none of the {len(rows):,} images of {database.title}",
            f"the first, {missing[0]}, is missing; expected {database.layout}",
        )
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
    """The sample of a row, with its files."""
    return Sample(
        path=path,
        score=row.score,
        quality=scale.quality(row.score),
        scene=row.scene,
        reference=reference,
        distortion=row.distortion,
        level=row.level,
        split=row.split,
        subset=row.subset,
    )
