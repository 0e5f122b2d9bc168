"""A table with references and recipes of a few steps, for tests that train in this process or in another."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import torch

from hiqa_train.data.training_split import DatabaseSplit, split_databases
from hiqa_train.datasets import open_dataset
from hiqa_train.datasets.sample import Sample
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.recipes.schema import Recipe
from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.reasons import train_reasons
from support.database_trees import write_table
from support.photographs import photograph
from support.tiny_weights import write_tiny_weights

SIZE = (72, 66)


def open_table(
    folder: Path, *, references: bool = True, name: str = "mine"
) -> tuple[DatabaseSplit, tuple[Sample, ...]]:
    """A table of 36 images of four scenes in `folder`; what is trained on, and the images kept for tests."""
    table = folder / f"{name}.csv"
    if not table.exists():
        write_table(table, size=SIZE, references=references)
    reading = open_dataset(str(table), direction="high", nominal=(1, 5))
    parts, readings, splits = split_databases([reading], seed=1)
    test = set(splits.splits[0].test)
    return parts[0], tuple(sample for sample in readings[0].samples if sample.scene in test)


def short_recipe(steps: int = 4, *, every: int = 2, **networks: Any) -> Recipe:
    """`smoke` with so few steps a stage that it takes no time; `every` steps a checkpoint, a validation, a line."""
    recipe = load_recipe("smoke")
    for name in recipe.stages:
        recipe = recipe.with_stage(name, steps=steps, batch=4)
    watch = dataclasses.replace(
        recipe.watch, log_every=1, validate_every=every, checkpoint_every=every, pictures_every=steps,
        validation_pictures=3, half_width_pictures=2, half_width_versions=2, half_width_trained_on=2,
        half_width_growth={"mine": 1.5},
    )  # fmt: skip
    # Not narrower: oneDNN (3.12, AVX2) writes past its buffer in the weight gradient of a 1x1 convolution of stride 2
    # and fewer than 8 input channels in channels_last, which crashes some later test of the process.
    sizes = dataclasses.replace(recipe.networks, regressor_width=8, generator_channels=(4, 4, 4, 4, 4), **networks)
    return dataclasses.replace(recipe, watch=watch, networks=sizes)


def options(cache: Path, **more: Any) -> RunOptions:
    """On the CPU in float32, with a cache of decoded pictures of its own."""
    return RunOptions(device="cpu", precision="fp32", cache=cache, **more)


def as_toml(recipe: Recipe) -> str:
    """A recipe as the file that it is read from."""

    def value(one: Any) -> str:
        if isinstance(one, bool):
            return str(one).lower()
        if isinstance(one, dict):
            return "{ " + ", ".join(f"{key} = {value(inner)}" for key, inner in one.items()) + " }"
        if isinstance(one, list | tuple):
            return f"[{', '.join(map(value, one))}]"
        return f'"{one}"' if isinstance(one, str) else repr(one)

    tables = {"networks": dataclasses.asdict(recipe.networks), "watch": dataclasses.asdict(recipe.watch)}
    tables |= {name: dataclasses.asdict(stage) for name, stage in recipe.stages.items()}
    lines = [f"order = {value(list(recipe.stages))}"]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {value(one)}" for key, one in table.items())]
    return "\n".join(lines) + "\n"


RECIPE = """
base = "smoke"
[watch]
log_every = 2
validate_every = 4
checkpoint_every = 2
validation_pictures = 2
half_width_pictures = 5
[alone]
steps = 4
[generator]
steps = 4
[final]
steps = 4
[joint]
steps = 2
"""


# Code for a process in which the release of a run fits the error head in few steps (the fixture `brief_fit` here).
BRIEF_FIT = "import hiqa_train.uncertainty.error_head as head; head.MIN_STEPS = 20"


def assert_equal(one, other) -> None:
    """Two trees of tensors, numbers and words, to the bit."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    else:
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def write_clean_images(folder: Path, count: int = 12) -> Path:
    """Photographs of 320 px, of which some validate by their names."""
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), photograph(number, 320))
    return folder


def write_tiny_reasons(folder: Path) -> Path:
    """A folder of weights whose head knows little but comes from real rows; OUT is `folder`/out."""
    base = write_tiny_weights(folder / "base", pair=True)
    images = write_clean_images(folder / "clean")
    found = train_reasons([images], base, folder / "out", RunOptions(), lambda: False, lambda line: None, turns=1)
    assert found is not None
    return found
