"""Measures what the hallucination contributes, by training the heads of a run again on its stored rows.

    python -m hiqa_train.experiments.heads RUN --test TREE --scenes kodim04,kodim08 [--seeds 3]

RUN is the OUT of a run of the recipe `release`; TREE is tid2013-rebuilt, of which the named scenes are measured, those
that the run kept for tests. For every seed, the heads are trained by the recipe, and again without the comparison.
Prints SROCC: on the test scenes, the mean over the types that measure like the originals, then over all images; the
same with the hallucination of another image in place of each image's own; on validation photographs, over all, then by
subset. For a source of photographs that was left out of training see left_out.py: the trunk of RUN has seen all.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.images.read import read_picture
from hiqa_cli.networks.pair_regressor import VIEW_NUMBERS, PairRegressor
from hiqa_train.data.leakage import RUN_RECORD
from hiqa_train.datasets import open_dataset
from hiqa_train.datasets.rebuilt.tid_distortions import types
from hiqa_train.datasets.sample import Sample
from hiqa_train.recipes.loader import dataclass_from_table
from hiqa_train.recipes.stages import HeadsStage
from hiqa_train.sources.mixed import CLEAN
from hiqa_train.stages.heads.collect import rows_of
from hiqa_train.stages.heads.examples import Example
from hiqa_train.stages.heads.rows import Rows
from hiqa_train.stages.heads.stage import NETWORKS, ROWS, build_regressor, scores_of
from hiqa_train.stages.heads.training import train_heads

from .rebuilt.markdown import COMPARED
from .script_main import report, run_command

# Types of TID2013 whose rebuilt images measure like the originals (REBUILT.md).
TYPES = tuple(str(number) for number, one in types().items() if one.kind in COMPARED)
STAGE = "heads"


def stored_rows(run: Path) -> Rows:
    """All rows of a run. Raises UsageError if it has none."""
    files = sorted((run / STAGE / ROWS).glob("*.npz"))
    if not files:
        raise UsageError(f"{run} has no rows", "give the OUT of a run of the recipe release")
    return Rows.joined([Rows.load(file) for file in files])


def heads_table(run: Path) -> dict[str, Any]:
    """The heads stage of the run's recipe, as its record has it."""
    table: dict[str, Any] = json.loads((run / RUN_RECORD).read_bytes())["recipe"]["stages"][STAGE]
    return table


def stage_of(run: Path) -> HeadsStage:
    """The heads stage of the run's recipe."""
    return dataclass_from_table(HeadsStage, heads_table(run), f"{run / RUN_RECORD}: [{STAGE}]")


def test_rows(run: Path, samples: Sequence[Sample]) -> Rows:
    """The rows of test images, computed by the run's networks once and stored in the stage's folder."""
    file = run / STAGE / "test.npz"
    if not file.exists():
        scorer = Scorer.load(run / STAGE / NETWORKS, device="cpu", precision="fp32")
        parts = []
        for number, sample in enumerate(samples):
            pixels = read_picture(sample.path).pixels
            example = Example(pixels, None, sample.quality, CLEAN + 1, type_of(sample), number, True, sample.scene)
            parts.append(rows_of([example], scorer.backend))
            if number % 100 == 0:
                report(f"{number:,} of {len(samples):,} test images have passed through the networks")
        Rows.joined(parts).save(file)
    return Rows.load(file)


def type_of(sample: Sample) -> str:
    """The type of distortion of an image of TID2013: "7" for i04_07_2.bmp."""
    return str(int(sample.path.stem.split("_")[1]))


def trained(run: Path, stage: HeadsStage, rows: Rows, seed: int) -> PairRegressor:
    """R with heads trained on the training rows, starting from the image head of the trunk stage."""
    before = load_weights(run / STAGE / NETWORKS).regressor
    assert isinstance(before, PairRegressor)
    sizes = {"pair_units": stage.pair_units, "gate_units": stage.gate_units}
    regressor = build_regressor(dataclasses.replace(before.config, compares=stage.compares, **sizes), before)
    train_heads(regressor, rows.of(~rows.validates), int(rows.source.max()) + 1, stage, seed, lambda line: None)
    return regressor


def without_pair(rows: Rows) -> Rows:
    """The rows without the statistics of the comparison, for an R on the image alone."""
    return dataclasses.replace(rows, statistics=rows.statistics[:, :VIEW_NUMBERS])


def swapped(rows: Rows) -> Rows:
    """The rows with the comparison's statistics of another image in place of each image's own."""
    order = np.random.default_rng(1).permutation(len(rows))
    own, other = rows.statistics[:, :VIEW_NUMBERS], rows.statistics[order, VIEW_NUMBERS:]
    return dataclasses.replace(rows, statistics=np.concatenate([own, other], axis=1))


def of_types(scores: np.ndarray, rows: Rows) -> list[float]:
    """SROCC: the mean over TYPES, and over all images."""
    each = [srocc(scores, rows.human, rows.subset == kind) for kind in TYPES if (rows.subset == kind).any()]
    return [float(np.mean(each)), srocc(scores, rows.human, np.ones(len(rows), bool))]


def of_photographs(scores: np.ndarray, rows: Rows) -> list[float]:
    """SROCC over all photographs, and over each subset, in the order of their names."""
    parts = [rows.subset == name for name in np.unique(rows.subset)]
    return [srocc(scores, rows.human, part) for part in (np.ones(len(rows), bool), *parts)]


def srocc(scores: np.ndarray, quality: np.ndarray, part: np.ndarray) -> float:
    """The rank correlation in a part of the images. All (n,); part: bool."""
    return float(spearmanr(scores[part], quality[part])[0])


def measure(run: Path, samples: Sequence[Sample], seeds: int) -> int:
    """Train the variants with each seed, and print their measures, then means and standard deviations over seeds."""
    rows, stage, test = stored_rows(run), stage_of(run), test_rows(run, samples)
    photographs = np.isfinite(rows.human) & ~np.isfinite(rows.measured)
    validation = rows.of(photographs & rows.validates)
    table: dict[str, list[list[float]]] = {}
    for seed in range(1, seeds + 1):
        full = trained(run, stage, rows, seed)
        alone = trained(run, dataclasses.replace(stage, compares=False), without_pair(rows), seed)
        measures = {
            "test scenes": of_types(scores_of(full, test), test),
            "test scenes, another's hallucination": of_types(scores_of(full, swapped(test)), test),
            "test scenes, without hallucination": of_types(scores_of(alone, without_pair(test)), test),
            "photographs": of_photographs(scores_of(full, validation), validation),
            "photographs, without hallucination": of_photographs(
                scores_of(alone, without_pair(validation)), validation
            ),
        }
        for name, values in measures.items():
            table.setdefault(name, []).append(values)
            report(f"seed {seed}, {name}: {', '.join(f'{value:.3f}' for value in values)}")
    for name, each in table.items():
        mean, spread = np.mean(each, axis=0), np.std(each, axis=0)
        report(f"{name}: {', '.join(f'{m:.3f} ({s:.3f})' for m, s in zip(mean, spread, strict=True))}")
    return 0


def main() -> None:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--scenes", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()

    def go() -> int:
        scenes = set(given.scenes.split(","))
        samples = [one for one in open_dataset("tid2013-rebuilt", given.test).samples if one.scene in scenes]
        return measure(given.run, samples, given.seeds)

    run_command(go)


if __name__ == "__main__":
    main()
