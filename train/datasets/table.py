"""Users' tables: CSV with the columns `path,score` and optionally `reference,type,split,scene`."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Literal

from hiqa_cli.errors import DatasetError, UsageError

from .files.tables import read_csv
from .readers.collect import TableRow, as_sample, check_score, check_unique, parse_score
from .sample import Dataset, Part, ScoreScale
from .scenes import table_scene

REQUIRED, OPTIONAL = ("path", "score"), ("reference", "type", "split", "scene")
PARTS: dict[str, Part] = {
    "training": "training",
    "train": "training",
    "validation": "validation",
    "val": "validation",
    "test": "test",
}
MARGIN = 0.25  # of the width of a given range: a score further outside is an error


def read_table(
    path: Path,
    direction: Literal["high", "low"] | None,
    nominal: tuple[float, float] | None = None,
    allow_missing: bool = False,
) -> Dataset:
    """Read a table; the paths in it are relative to its folder.

    direction: which scores are good. There is no default, because a wrong guess would train the opposite.
    nominal: the ends of the score range, of quality 0 and 1 (or 1 and 0). Without it they are the lowest and highest
        score of the training rows, or of all rows where no row is marked as training, and a note says so
        (`Dataset.rescaled` replaces them once a split is drawn).
    allow_missing: leave out images and references that do not exist.
    Raises UsageError for the arguments, DatasetError for the table.
    """
    if direction is None:
        raise UsageError(
            f"{path}: the direction of the scores is not known", "give --higher-is-better or --lower-is-better"
        )
    if nominal is not None and not nominal[0] < nominal[1]:
        raise UsageError(f"--range: expected the low end first, found {nominal[0]:g} {nominal[1]:g}")
    lines = read_csv(path, REQUIRED)
    if not lines:
        raise DatasetError(f"{path} has no rows")
    rows = [_row(path, line, cells) for line, cells in lines]
    check_unique((row.name for row in rows), str(path))
    ignored = [name for name in lines[0][1] if name not in REQUIRED + OPTIONAL]
    notes = (f"columns not read: {', '.join(ignored)}",) if ignored else ()
    scale, range_notes = _scale(path, rows, direction == "high", nominal)
    if nominal is not None:
        for row in rows:
            check_score(row, scale, str(path))
    return _find(path, rows, scale, notes + range_notes, allow_missing)


def _row(path: Path, line: int, cells: dict[str, str]) -> TableRow:
    where = f"{path}, line {line}"
    part = cells.get("split", "").lower()
    if not cells["path"]:
        raise DatasetError(f"{where}: the path is missing")
    if part and part not in PARTS:
        raise DatasetError(f"{where}: expected a split of training, validation, test, found {part!r}")
    reference = cells.get("reference") or None
    return TableRow(
        name=cells["path"],
        score=parse_score(cells["score"], where),
        scene=cells.get("scene") or table_scene(path.stem, PurePath(reference).stem if reference else cells["path"]),
        reference=reference,
        distortion=cells.get("type") or None,
        split=PARTS[part] if part else None,
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
        raise DatasetError(f"{path}: all scores are {low:g}", "give --range LOW HIGH")
    rows_used = "the training rows" if training else "all rows"
    note = f"range {low:g}..{high:g}: lowest and highest score of {rows_used}, because --range is not given"
    return ScoreScale(kind, low, high, float("-inf"), float("inf"), high_is_good), (note,)


def _find(path: Path, rows: list[TableRow], scale: ScoreScale, notes: tuple[str, ...], allow_missing: bool) -> Dataset:
    def existing(name: str) -> Path | None:
        file = path.parent / name
        return file if file.is_file() else None

    references = {row.reference: existing(row.reference) for row in rows if row.reference}
    found = [(row, existing(row.name)) for row in rows]
    missing = tuple(row.name for row, file in found if file is None)
    missing_references = tuple(name for name, file in references.items() if file is None)
    if (missing or missing_references) and not allow_missing:
        first = (missing + missing_references)[0]
        raise DatasetError(
            f"{path}: missing files: {len(missing + missing_references):,}, the first {path.parent / first}",
            "add them, or leave them out with --allow-missing",
        )
    samples = tuple(
        as_sample(row, file, references[row.reference] if row.reference else None, scale)
        for row, file in found
        if file is not None
    )
    if not samples:
        raise DatasetError(f"{path}: none of its {len(rows):,} images exists, the first is {missing[0]}")
    return Dataset(
        name=path.stem,
        title=path.name,
        root=path.parent,
        scale=scale,
        samples=samples,
        expected=len(rows),
        references_expected=len(references),
        missing=missing,
        missing_references=missing_references,
        notes=notes,
    )
