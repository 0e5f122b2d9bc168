"""Opens the data of a run: databases with human scores, folders of clean images, or both together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import torch

from hiqa_cli.engine.backends.devices import place
from hiqa_cli.errors import UsageError
from hiqa_train.data.clean_images import CleanImage, load_clean_images, train_validation_split
from hiqa_train.data.feature_cache import FeatureCache
from hiqa_train.data.image_cache import default_cache_folder
from hiqa_train.data.leakage import photograph_scenes, shared_scenes
from hiqa_train.data.training_split import DatabaseSplit
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import GeneratorStage
from hiqa_train.sources.cached_features import CachedFeatureSource
from hiqa_train.sources.database import DatabaseSource
from hiqa_train.sources.mixed import MixedSource, check_patches
from hiqa_train.sources.synthetic import SyntheticSource
from hiqa_train.stages.initialise import load_generator
from hiqa_train.trainer.loop import StopSignal

from .options import RunOptions, RunStopped

VALIDATION_SHARE = 0.12  # of the photographs of a folder


def open_databases(
    parts: Sequence[DatabaseSplit],
    recipe: Recipe,
    options: RunOptions,
    stop: StopSignal,
    report: Callable[[str], None],
) -> DatabaseSource:
    """Decode the images of the databases into the cache. Raises RunStopped if a signal arrives meanwhile."""

    def check_stop() -> None:
        if stop.signal:
            raise RunStopped

    folder = options.cache or default_cache_folder()
    images = sum(len(part.training) + len(part.validation) for part in parts)
    report(f"decoding {images:,} images and their references once, into {folder}")
    if not options.cached_features:
        return DatabaseSource(parts, recipe.watch, options.seed, folder, check_stop)
    placed = place(options.device, options.precision)
    run_device = RunDevice(torch.device(placed.device), placed.precision)
    features = FeatureCache(load_generator(options.generator), folder, run_device)
    report(f"running G once on each whole image; its outputs are cached in {features.folder}")
    return CachedFeatureSource(parts, recipe.watch, options.seed, folder, check_stop, features)


def split_photographs(folders: Sequence[Path]) -> tuple[list[CleanImage], list[CleanImage]]:
    """The clean images of all folders, split by file name into training and validation. Raises UsageError if there are
    too few."""
    training: list[CleanImage] = []
    validation: list[CleanImage] = []
    for folder in folders:
        to_train, to_validate = train_validation_split(load_clean_images(folder), VALIDATION_SHARE)
        training += to_train
        validation += to_validate
    if not training or not validation:
        names = ", ".join(map(str, folders))
        raise UsageError(f"{names}: too few to split into training and validation", "give more photographs")
    return training, validation


def open_photographs(
    folders: Sequence[Path], recipe: Recipe, options: RunOptions, report: Callable[[str], None]
) -> SyntheticSource:
    """Read the clean images of all folders, and split them by file name into training and validation.

    Raises UsageError if there are too few, or if a stage of the recipe has no shares of distortions.
    """
    for name, stage in recipe.stages.items():
        if not stage.shares:
            raise UsageError(f"the recipe's stage {name} has no shares of distortions", "give --recipe synthetic")
    training, validation = split_photographs(folders)
    report(f"{len(training):,} photographs to train on, {len(validation):,} to validate on")
    return SyntheticSource(training, validation, recipe.watch, options.seed, tuple(folder.name for folder in folders))


def open_mixed(
    parts: Sequence[DatabaseSplit],
    tested: Collection[str],
    folders: Sequence[Path],
    recipe: Recipe,
    options: RunOptions,
    stop: StopSignal,
    report: Callable[[str], None],
) -> MixedSource:
    """Open databases and clean images together. tested: scenes to exclude, kept for tests.

    Raises UsageError if a stage of the recipe cannot train on both, if the generator stage has no shares of
    distortions, or if too few clean images are left.
    """
    for name, stage in recipe.stages.items():
        check_patches(name, stage)
        if isinstance(stage, GeneratorStage) and not stage.shares:
            raise UsageError(f"the recipe's stage {name} has no shares of distortions", "give --recipe release")
    training, validation, excluded = divide_photographs(folders, parts, tested)
    if not training or not validation:
        raise UsageError(f"{', '.join(map(str, folders))}: too few photographs are left", "give more")
    kept = f"; {excluded:,} are kept for tests" if excluded else ""
    report(f"{len(training):,} photographs to train on, {len(validation):,} to validate on{kept}")
    names = tuple(folder.name for folder in folders)
    photographs = SyntheticSource(training, validation, recipe.watch, options.seed, names)
    return MixedSource(photographs, open_databases(parts, recipe, options, stop, report))


def divide_photographs(
    folders: Sequence[Path], parts: Sequence[DatabaseSplit], tested: Collection[str]
) -> tuple[list[CleanImage], list[CleanImage], int]:
    """Read the clean images of all folders. Returns those to train on, those for validation, and the number of those
    left out because they show a scene of `tested`.

    A clean image of a scene that a database shows, too, joins the same part as there.
    """
    trained = {sample.scene for part in parts for sample in part.training}
    validated = {sample.scene for part in parts for sample in part.validation}
    training: list[CleanImage] = []
    validation: list[CleanImage] = []
    excluded = 0
    for folder in folders:
        images = load_clean_images(folder)
        drawn = set(map(id, train_validation_split(images, VALIDATION_SHARE)[1]))
        scenes = [next(iter(photograph_scenes(folder.name, [image.name]))) for image in images]
        in_test, in_training, in_validation = (
            set(shared_scenes(known, scenes)) for known in (tested, trained, validated)
        )
        for image, scene in zip(images, scenes, strict=True):
            if scene in in_test:
                excluded += 1
            elif scene in in_validation or (id(image) in drawn and scene not in in_training):
                validation.append(image)
            else:
                training.append(image)
    return training, validation, excluded
