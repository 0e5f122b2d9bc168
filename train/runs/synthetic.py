"""Training without human scores: folders of undistorted photographs, distorted and labelled on the way.

The stages are those of the recipe, as on databases (`run.py`): R alone (psi), G, then R on image, map and G's features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hiqa_cli.errors import UsageError
from hiqa_train.data.clean_images import CleanImage, load_clean_images, train_validation_split
from hiqa_train.data.sources.protocol import DataSource
from hiqa_train.data.sources.synthetic import SyntheticSource
from hiqa_train.recipes.schema import Recipe
from hiqa_train.trainer.loop import StopSignal

from .run import RunOptions, train

VALIDATION_SHARE = 0.12


def train_synthetic(
    folders: Sequence[Path],
    recipe: Recipe,
    out: Path,
    options: RunOptions,
    stop: StopSignal,
    tell: Callable[[str], None],
) -> Path | None:
    """As run.train_databases, on photographs."""
    return train(lambda: open_photographs(folders, recipe, options, tell), recipe, out, options, stop, tell)


def open_photographs(
    folders: Sequence[Path], recipe: Recipe, options: RunOptions, tell: Callable[[str], None]
) -> DataSource:
    """The photographs of all folders, divided by name into training and validation.

    UsageError where a folder is none, holds too few, or the recipe is not one for photographs.
    """
    for name, stage in recipe.stages.items():
        if not stage.shares:
            raise UsageError(f"the recipe's stage {name} has no shares of distortions", "give --recipe synthetic")
    training: list[CleanImage] = []
    validation: list[CleanImage] = []
    for folder in folders:
        mine = train_validation_split(load_clean_images(folder), VALIDATION_SHARE)
        training += mine[0]
        validation += mine[1]
    if not training or not validation:
        names = ", ".join(map(str, folders))
        raise UsageError(f"{names}: too few to divide into training and validation", "give more photographs")
    tell(f"{len(training):,} photographs to train on, {len(validation):,} to validate on")
    return SyntheticSource(training, validation, recipe.watch, options.seed, tuple(folder.name for folder in folders))
