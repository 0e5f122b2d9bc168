"""The options of `hiqa train` as records: what is trained on, and which networks a run begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from hiqa_cli.commands.datasets.options import (
    AllowMissing,
    DatasetNames,
    DatasetOptions,
    HigherIsBetter,
    NominalRange,
    Roots,
)
from hiqa_cli.commands.options import seed
from hiqa_cli.commands.usage.groups import OptionGroup
from hiqa_cli.commands.usage.help import INPUT, TRAINING
from hiqa_cli.errors import UsageError

CleanImages = Annotated[
    list[Path] | None,
    typer.Option(
        "--clean-images",
        metavar="DIR",
        help="Folder of undistorted photographs of at least 320x320 px, to distort; may be repeated.",
        rich_help_panel=INPUT,
    ),
]
TestScenes = Annotated[
    str | None,
    typer.Option(
        "--test-scenes",
        metavar="SCENE,...",
        show_default="drawn",
        help="Scenes to keep for tests in every database and folder, such as kodim04,kodim08.",
        rich_help_panel=INPUT,
    ),
]


def recipe(default: str) -> Any:
    """The option --recipe. default: what the help states."""
    return typer.Option(
        "--recipe",
        metavar="NAME|TOML",
        show_default=default,
        help="Recipe: paper, best, smoke, synthetic, release, or a file.",
        rich_help_panel=TRAINING,
    )


RecipeName = Annotated[str | None, recipe("best; synthetic with --clean-images, release with both")]
InitFrom = Annotated[
    Path | None,
    typer.Option(
        "--init-from",
        metavar="DIR",
        help="Weights, or a finished run, whose G initialises the one in training.",
        rich_help_panel=TRAINING,
    ),
]
ReadyGenerator = Annotated[
    Path | None,
    typer.Option(
        "--generator",
        metavar="DIR",
        help="Weights, or a run, whose G is used without training.",
        rich_help_panel=TRAINING,
    ),
]
Vgg = Annotated[
    str | None,
    typer.Option(
        "--vgg",
        metavar="FILE|download|trunk|off",
        show_default="VGG-19 where it is in the cache, else trunk",
        help="Network of the perceptual loss: VGG-19, or the trunk of hiqa's weights.",
        rich_help_panel=TRAINING,
    ),
]
Seed = Annotated[int, seed(TRAINING)]


@dataclass(frozen=True)
class TrainingData:
    """databases: with human scores, may be none. clean_images: folders. test_scenes: empty where they are drawn."""

    databases: DatasetOptions
    clean_images: tuple[Path, ...]
    test_scenes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What is trained on, as named on the command line."""
        return (*self.databases.names, *map(str, self.clean_images))

    def check(self) -> None:
        """UsageError where there are no data."""
        if not self.names:
            raise UsageError(
                "no training data: give --dataset, --clean-images or both", "hiqa datasets lists databases"
            )

    @property
    def default_recipe(self) -> str:
        """The name of the recipe for such data."""
        from hiqa_train.recipes.loader import DEFAULT, RELEASE, SYNTHETIC

        if not self.clean_images:
            return DEFAULT
        return RELEASE if self.databases.names else SYNTHETIC


def training_data(
    dataset: tuple[str, ...] = (),
    clean_images: tuple[Path, ...] = (),
    root: tuple[Path, ...] = (),
    higher_is_better: bool | None = DatasetOptions.higher_is_better,
    nominal: tuple[float, float] | None = DatasetOptions.nominal,
    allow_missing: bool = DatasetOptions.allow_missing,
    test_scenes: str | None = None,
) -> TrainingData:
    """The data as the options describe it. UsageError where a test part cannot be chosen."""
    if test_scenes is not None and not dataset:
        raise UsageError("--test-scenes: photographs without a database are split by name", "give --dataset too")
    databases = DatasetOptions(dataset, root, higher_is_better, nominal, allow_missing)
    scenes = (word.strip() for word in (test_scenes or "").split(","))
    return TrainingData(databases, clean_images, tuple(filter(None, scenes)))


@dataclass(frozen=True)
class TrainingStart:
    """recipe: a name or a file; None for the default of the data. init_from: weights whose G the one in training begins
    with. generator: a G that is not trained. vgg: see `setup.choose_vgg`."""

    recipe: str | None = None
    init_from: Path | None = None
    generator: Path | None = None
    vgg: str | None = None
    seed: int = 1

    def initial_generator(self) -> Path | None:
        """Where the G in training begins from. UsageError if a ready G is given, too."""
        if self.init_from is not None and self.generator is not None:
            raise UsageError("--init-from initialises a G in training, --generator replaces it", "give one of them")
        return self.init_from


Data = Annotated[
    TrainingData,
    OptionGroup(
        training_data,
        dataset=DatasetNames,
        clean_images=CleanImages,
        root=Roots,
        higher_is_better=HigherIsBetter,
        nominal=NominalRange,
        allow_missing=AllowMissing,
        test_scenes=TestScenes,
    ),
]
Start = Annotated[
    TrainingStart,
    OptionGroup(TrainingStart, recipe=RecipeName, init_from=InitFrom, generator=ReadyGenerator, vgg=Vgg, seed=Seed),
]
