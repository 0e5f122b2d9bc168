"""A small database and photographs beside it, and the recipe `release` with so few steps that it takes no time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2

from hiqa_cli.networks.regressor import LITE, NO_PRIOR
from hiqa_train.data.splits import split_samples
from hiqa_train.data.training_split import split_databases
from hiqa_train.datasets import open_dataset
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.sources.mixed import PHOTOGRAPHS
from support.database_trees import write_table
from support.photographs import photograph
from support.tiny_training import SIZE, short_recipe


def write_mixed(folder: Path):
    """A table of four scenes, one for tests and one kept out, and 14 photographs, four of them of these scenes."""
    photographs = folder / "mine"
    photographs.mkdir()
    write_table(folder / "mine.csv", size=SIZE, references=True)
    reading = open_dataset(str(folder / "mine.csv"), direction="high", nominal=(1, 5))
    scenes = sorted({sample.scene for sample in reading.samples})
    names = [*(scene.split("/")[1] for scene in scenes), *map(str, range(10))]
    for n, name in enumerate(names):
        cv2.imwrite(str(photographs / f"{name}.png"), photograph(n, 320))
    parts, readings, splits = split_databases([reading], 1, scenes[:1])
    tested = {sample.scene for sample in split_samples(splits.splits[0], readings[0].samples).test}
    return parts, tested, [photographs], scenes


def recipe(**networks):
    tiny, release = short_recipe(steps=2, **networks), load_recipe("release")
    found = dataclasses.replace(release, networks=tiny.networks, watch=tiny.watch)
    found = found.with_stage("generator", steps=2, batch=4, patch=64)
    found = found.with_stage("prior", steps=2, batch=6, patch=64, mix={"mine": 6})
    for name in ("ordered", "settled", "firm", "broad"):
        found = found.with_stage(name, steps=2, batch=6, patch=64, mix={PHOTOGRAPHS: 4, "mine": 2})
    found = found.with_stage("ladders", steps=2, batch=8, patch=64, mix={PHOTOGRAPHS: 4, "mine": 4})
    found = found.with_stage("final", steps=2, batch=6, patch=64, mix={PHOTOGRAPHS: 4, "mine": 2}, local_weight=1.0)
    if found.networks.regressor_prior == NO_PRIOR:
        return found.only("generator", "final").with_stage("final", learns="all", begin="", kept_share=1.0)
    return found


def with_prior():
    return recipe(regressor_prior=LITE, regressor_blocks=1, regressor_stem=5, batch_norm=False)


def quiet(line: str) -> None:
    pass


def slowest(found):
    return dataclasses.replace(found.stages["generator"].learning, rate=1e-9, averaging=0.0)
