"""A small database and photographs beside it, and the recipe `release` with so few steps that it takes no time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2

from hiqa_train.data.splits import split_samples
from hiqa_train.data.training_split import split_databases
from hiqa_train.datasets import open_dataset
from hiqa_train.recipes.loader import load_recipe
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
    found = found.with_stage("trunk", steps=2, batch=6, patch=256, photographs=1, image_units=4)
    return found.with_stage("heads", groups=1, patches=(256,), steps=2, batch=8)


def quiet(line: str) -> None:
    pass


def slowest(found):
    return dataclasses.replace(found.stages["generator"].learning, rate=1e-9, averaging=0.0)
