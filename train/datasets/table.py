"""A table of one's own: CSV with `path,score` and, if wanted, `reference,type,split,scene`."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Literal

from hiqa_cli.errors import DatasetError, UsageError

from .files.tables import read_csv
from .readers.collect import TableRow, as_sample, check_different, check_score, number
from .sample import Dataset, Part, ScoreScale
from .scenes import table_scene

NEEDED, OPTIONAL = ("path", "score"), ("reference", "type", "split", "scene")
SPLITS: dict[str, Part] = {
    "training": "training",
    "train": "training",
    "validation": "validation",
    "val": "validation",
    "test": "test",
}
MARGIN = 0.25  # of a given range's width: a score further beyond either end is taken for an error


def read_table(
    path: Path,
    direction: Literal["high", "low"] | None,
    nominal: tuple[float, float] | None = None,
    allow_missing: bool = False,
) -> Dataset:
    """Read a table; the paths in it are relative to it.

    direction: which scores are good; there is no default, since a wrong guess trains the opposite. nominal: the scores
    that are worth 0 and 1 (or 1 and 0); without it the extremes of the training rows, or of all rows where the table
    has no such column, with a note (`Dataset.rescaled` puts other extremes in their place, once a split is drawn).
    allow_missing: go on without the images and references that are not there.
    Raises UsageError for the call, DatasetError for the table.
    """
    if direction is None:
        raise UsageError(f"{path}: which scores are good is not known", "give --higher-is-better or --lower-is-better")
    if nominal is not None and not nominal[0] < nominal[1]:
        raise UsageError(f"--range: expected the low end first, found {nominal[0]:g} {nominal[1]:g}")
    lines = read_csv(path, NEEDED)
    if not lines:
        raise DatasetError(f"{path} has no rows")
    rows = [_row(path, line, cells) for line, cells in lines]
    check_different((row.name for row in rows), str(path))
    ignored = [name for name in lines[0][1] if name not in NEEDED + OPTIONAL]
    notes = (f"columns not read: {', '.join(ignored)}",) if ignored else ()
    scale, said = _scale(path, rows, direction == "high", nominal)
    if nominal is not None:
        for row in rows:
            check_score(row, scale, str(path))
    return _find(path, rows, scale, notes + said, allow_missing)


def _row(path: Path, line: int, cells: dict[str, str]) -> TableRow:
    where = f"{path}, line {line}"
    split = cells.get("split", "").lower()
    if not cells["path"]:
        raise DatasetError(f"{where}: no path")
    if split and split not in SPLITS:
        raise DatasetError(f"{where}: expected a split of training, validation, test, found {split!r}")
    reference = cells.get("reference") or None
    shown = PurePath(reference or cells["path"]).stem
    return TableRow(
        name=cells["path"],
        score=number(cells["score"], where),
        scene=cells.get("scene") or table_scene(path.stem, shown if reference else cells["path"]),
        reference=reference,
        distortion=cells.get("type") or None,
        split=SPLITS[split] if split else None,
    )


def _scale(
    path: Path, rows: list[TableRow], high_is_good: bool, nominal: tuple[float, float] | None
) -> tuple[ScoreScale, tuple[str, ...]]:
    kind: Literal["MOS", "DMOS"] = "MOS" if high_is_good else "DMOS"
    if nominal is not None:
        low, high = nominal
        margin = MARGIN * (high - low)
        return ScoreScale(kind, low, high, low - margin, high + margin, high_is_good), ()
    training = [row.score for row in rows if row.split == "training"]
    scores = training or [row.score for row in rows]
    low, high = min(scores), max(scores)
    if low == high:
        raise DatasetError(f"{path}: all scores are {low:g}", "give --range LO HI, or scores that differ")
    whose = "training rows" if training else "all rows"
    note = f"range {low:g}..{high:g}: the extremes of {whose}, since no --range was given"
    return ScoreScale(kind, low, high, float("-inf"), float("inf"), high_is_good), (note,)


def _find(path: Path, rows: list[TableRow], scale: ScoreScale, notes: tuple[str, ...], allow_missing: bool) -> Dataset:
    def there(name: str) -> Path | None:
        file = path.parent / name
        return file if file.is_file() else None

    references = {row.reference: there(row.reference) for row in rows if row.reference}
    found = [(row, there(row.name)) for row in rows]
    missing = tuple(row.name for row, file in found if file is None)
    lost = tuple(name for name, file in references.items() if file is None)
    if (missing or lost) and not allow_missing:
        first = (missing + lost)[0]
        raise DatasetError(
            f"{path}: files missing: {len(missing + lost):,}, the first {path.parent / first}",
            "put them there, or go on without them by --allow-missing",
        )
    samples = tuple(
        as_sample(row, file, references[row.reference] if row.reference else None, scale)
        for row, file in found
        if file is not None
    )
    if not samples:
        raise DatasetError(f"{path}: not one of its {len(rows):,} images is there, the first is {missing[0]}")
    return Dataset(
        name=path.stem,
        title=path.name,
        root=path.parent,
        scale=scale,
        samples=samples,
        expected=len(rows),
        references_expected=len(references),
        missing=missing,
        missing_references=lost,
        notes=notes,
    )
