"""Compares settings of the heads stage on what they were not trained on, without test data.

    python -m hiqa_train.experiments.heads_choice RUN --tid TREE [--folds 4] [--set pair_dropout=0.3,steps=2000]...

RUN is the OUT of a run of the recipe `release` with tid2013-rebuilt, of which TREE has the images; its stored rows are
used. For the recipe's settings, and for each --set in their place, the heads are trained once per fold: the scenes of
TID2013 are dealt into folds, those of one fold are left out of training, as are the run's validation photographs and
clean images. Prints, as means over folds with the standard deviation of the first:

    types, pooled   SROCC on the scenes left out, mean over types of distortion and over all images
    another's       the same with the hallucination of another image in place of each image's own
    growth          80 % quantile of the error on scenes left out, relative to that on scenes trained on
    photographs     SROCC on validation photographs: all, and each subset
    order           on versions of validation clean images, then of photographs: share of pairs in order whose
                    full-reference qualities differ by more than 0.02, and of versions below their original
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hiqa_cli.errors import UsageError
from hiqa_train.datasets import open_dataset
from hiqa_train.datasets.sample import Sample
from hiqa_train.recipes.loader import dataclass_from_table
from hiqa_train.recipes.stages import HeadsStage
from hiqa_train.sources.mixed import CLEAN
from hiqa_train.stages.heads.rows import Rows
from hiqa_train.stages.heads.stage import scores_of

from .heads import heads_table, of_photographs, of_types, stored_rows, swapped, trained, type_of
from .script_main import report, run_command

DIFFERENCE = 0.02  # of full-reference qualities, from which a pair has an order
CLEAN_KIND = "clean"  # Rows.subset of the original among its versions
QUANTILE = 0.8


def changed(table: dict[str, Any], changes: str) -> HeadsStage:
    """The stage of a table with changes such as "steps=2000,learning.rate=1e-3". Raises UsageError for others than
    numbers."""
    table = copy.deepcopy(table)
    for change in filter(None, changes.split(",")):
        name, _, value = change.partition("=")
        *parents, last = name.split(".")
        place = table
        for parent in parents:
            place = place.get(parent, {})
        if not isinstance(place.get(last), int | float):
            raise UsageError(f"--set {change}: the heads stage has no number {name}")
        place[last] = type(place[last])(float(value))
    return dataclass_from_table(HeadsStage, table, f"--set {changes}")


def with_types(rows: Rows, samples: Sequence[Sample]) -> Rows:
    """The rows with the type of distortion as the subset of every image of TID2013, found by its scene and score; an
    image that shares both with another has none."""
    types: dict[tuple[str, np.float32], str] = {}
    for sample in samples:
        key = (sample.scene, np.float32(sample.quality))
        types[key] = "" if key in types else type_of(sample)
    subset = rows.subset.astype(object)
    for row in np.flatnonzero(compared(rows)):
        subset[row] = types[str(rows.scene[row]), np.float32(rows.human[row])]
    return dataclasses.replace(rows, subset=subset.astype(str))


def compared(rows: Rows) -> np.ndarray:
    """Whether each row is of a database with references, (n,) bool."""
    return np.asarray(np.isfinite(rows.human) & np.isfinite(rows.measured))


def folds_of(rows: Rows, count: int) -> Iterator[Rows]:
    """The rows, with the scenes of another fold of the databases with references kept out in each."""
    scenes = np.unique(rows.scene[compared(rows)])
    for fold in range(count):
        kept = np.isin(rows.scene, scenes[fold::count])
        yield dataclasses.replace(rows, validates=np.where(compared(rows), kept, rows.validates))


def measures(run: Path, stage: HeadsStage, rows: Rows) -> dict[str, list[float]]:
    """Train the heads without the rows that validate, and measure them on those."""
    regressor = trained(run, stage, rows, seed=1)
    left_out, seen = rows.of(compared(rows) & rows.validates), rows.of(compared(rows) & ~rows.validates)
    has_score = np.isfinite(rows.human)
    photographs = rows.of(has_score & ~compared(rows) & rows.validates)
    versions = rows.of(~has_score & rows.validates)
    scores, ordered = scores_of(regressor, left_out), scores_of(regressor, versions)
    return {
        "types, pooled": of_types(scores, left_out),
        "another's": of_types(scores_of(regressor, swapped(left_out)), left_out),
        "growth": [growth(scores, left_out, scores_of(regressor, seen), seen)],
        "photographs": of_photographs(scores_of(regressor, photographs), photographs),
        "order": [
            share
            for part in (versions.source == CLEAN, versions.source != CLEAN)
            for share in in_order(ordered[part], versions.of(part))
        ],
    }


def growth(scores: np.ndarray, rows: Rows, seen_scores: np.ndarray, seen: Rows) -> float:
    """The error on rows relative to that on `seen`, after the line that fits `seen` best."""
    slope, level = np.polyfit(seen_scores, seen.human, 1)
    errors = [np.abs(slope * one + level - of.human) for one, of in ((scores, rows), (seen_scores, seen))]
    return float(np.quantile(errors[0], QUANTILE) / np.quantile(errors[1], QUANTILE))


def in_order(scores: np.ndarray, rows: Rows) -> tuple[float, float]:
    """The shares of pairs within a group that are in order: any two versions, and each version with its original."""
    pairs, originals = [], []
    for group in np.unique(rows.group):
        those = rows.group == group
        score, quality, kinds = scores[those], rows.measured[those], rows.subset[those]
        better, worse = np.nonzero(quality[:, None] > quality[None] + DIFFERENCE)
        right = score[better] > score[worse]
        pairs.append(right)
        originals.append(right[kinds[better] == CLEAN_KIND])
    return float(np.concatenate(pairs).mean()), float(np.concatenate(originals).mean())


def compare(run: Path, samples: Sequence[Sample], folds: int, variants: Sequence[str]) -> int:
    """Measure each variant, and print a line for each of its measures."""
    rows, table = with_types(stored_rows(run), samples), heads_table(run)
    for changes in ("", *variants):
        each = [measures(run, changed(table, changes), some) for some in folds_of(rows, folds)]
        report(changes or "the recipe")
        for name in each[0]:
            values = np.array([one[name] for one in each])
            means = ", ".join(f"{value:.3f}" for value in values.mean(axis=0))
            report(f"    {name}: {means} ({values[:, 0].std():.3f})")
    return 0


def main() -> None:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--tid", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--set", action="append", default=[], dest="variants")
    given = parser.parse_args()
    run_command(
        lambda: compare(given.run, open_dataset("tid2013-rebuilt", given.tid).samples, given.folds, given.variants)
    )


if __name__ == "__main__":
    main()
