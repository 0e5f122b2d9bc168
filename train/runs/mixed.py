"""Training on databases and undistorted photographs together: the way of the weights that come with hiqa."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from hiqa_cli.errors import UsageError
from hiqa_train.data.clean_images import CleanImage, load_clean_images, train_validation_split
from hiqa_train.data.leakage import photograph_scenes, shared_scenes
from hiqa_train.data.sources.mixed import PHOTOGRAPHS, MixedSource
from hiqa_train.data.sources.protocol import DataSource
from hiqa_train.data.sources.synthetic import SyntheticSource
from hiqa_train.data.training_split import DatabaseSplit
from hiqa_train.recipes.schema import Recipe, RegressorStage
from hiqa_train.trainer.loop import StopSignal

from .run import RunOptions, open_databases, train
from .synthetic import VALIDATION_SHARE


def train_mixed(
    parts: Sequence[DatabaseSplit],
    tested: Collection[str],
    folders: Sequence[Path],
    recipe: Recipe,
    out: Path,
    options: RunOptions,
    stop: StopSignal,
    tell: Callable[[str], None],
) -> Path | None:
    """As run.train_databases, on both. tested: scenes that are kept for tests, of photographs too."""

    def open_material() -> DataSource:
        return open_mixed(parts, tested, folders, recipe, options, stop, tell)

    return train(open_material, recipe, out, options, stop, tell)


def open_mixed(
    parts: Sequence[DatabaseSplit],
    tested: Collection[str],
    folders: Sequence[Path],
    recipe: Recipe,
    options: RunOptions,
    stop: StopSignal,
    tell: Callable[[str], None],
) -> MixedSource:
    """A photograph that a database shows too is on the same side as there; one that is tested there is left out.

    UsageError where a stage of the recipe lacks what it needs for photographs, or too few are left.
    """
    for name, stage in recipe.stages.items():
        of_people = isinstance(stage, RegressorStage) and PHOTOGRAPHS not in stage.mix
        if not stage.shares and not of_people:
            raise UsageError(f"the recipe's stage {name} has no shares of distortions", "give --recipe release")
    trained = {sample.scene for part in parts for sample in part.training}
    validated = {sample.scene for part in parts for sample in part.validation}
    training: list[CleanImage] = []
    validation: list[CleanImage] = []
    left_out = 0
    for folder in folders:
        images = load_clean_images(folder)
        drawn = set(map(id, train_validation_split(images, VALIDATION_SHARE)[1]))
        scenes = [next(iter(photograph_scenes(folder.name, [image.name]))) for image in images]
        kept, learned, chosen_by = (set(shared_scenes(known, scenes)) for known in (tested, trained, validated))
        for image, scene in zip(images, scenes, strict=True):
            if scene in kept:
                left_out += 1
            elif scene in chosen_by or (id(image) in drawn and scene not in learned):
                validation.append(image)
            else:
                training.append(image)
    if not training or not validation:
        raise UsageError(f"{', '.join(map(str, folders))}: too few photographs are left", "give more")
    kept_out = f"; {left_out:,} are kept for tests" if left_out else ""
    tell(f"{len(training):,} photographs to train on, {len(validation):,} to validate on{kept_out}")
    names = tuple(folder.name for folder in folders)
    photographs = SyntheticSource(training, validation, recipe.watch, options.seed, names)
    databases = open_databases(parts, recipe, options, stop, tell)
    return MixedSource(photographs, databases)
