"""What `hiqa train` asks for before it starts: the databases, divided, and VGG19's weights."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hiqa_cli.errors import UsageError

from .dataset_options import DatasetOptions, open_datasets

if TYPE_CHECKING:
    from hiqa_train.data.training_split import DatabaseSplit
    from hiqa_train.datasets import Sample
    from hiqa_train.recipes.schema import Recipe
    from hiqa_train.runs.run import RunOptions

Tell = Callable[[str], None]


@dataclass(frozen=True)
class OpenedDatabases:
    """Databases, divided: what is trained on, the images kept for tests (one tuple a database), and the run's options
    with a record of it all; the run writes the division to OUT/splits.json."""

    parts: tuple[DatabaseSplit, ...]
    tests: tuple[tuple[Sample, ...], ...]
    options: RunOptions

    @property
    def tested(self) -> frozenset[str]:
        """The scenes kept for tests."""
        return frozenset(sample.scene for samples in self.tests for sample in samples)

    @property
    def has_references(self) -> bool:
        return any(sample.reference is not None for part in self.parts for sample in part.training)


def open_readings(given: DatasetOptions, options: RunOptions, keep_out: tuple[str, ...], tell: Tell) -> OpenedDatabases:
    """Read and divide the databases, with a line on each: n of N, the first missing file, its scale, its parts.

    keep_out: scenes for the tests, in place of drawn ones.
    """
    from hiqa_train.data.splits import split_samples, write_splits
    from hiqa_train.data.training_split import split_databases

    readings = open_datasets(given)
    parts, readings, splits = split_databases(readings, options.seed, keep_out)
    tests = tuple(split_samples(splits.splits[0], reading.samples).test for reading in readings)
    lines = []
    for reading, part, test in zip(readings, parts, tests, strict=True):
        lines.append(
            f"{reading.coverage()}; {len(part.training):,} to train on, {len(part.validation):,} to validate on, "
            f"{len(test):,} kept for tests"
        )
        tell(lines[-1])
        for note in reading.notes:
            tell(f"{reading.name}: {note}")
    record = {
        "databases": lines,
        "notes": [note for reading in readings for note in reading.notes],
        "missing": {r.name: list(r.missing + r.missing_references) for r in readings},
        "split": dataclasses.asdict(splits.splits[0]),
    }

    def write(out: Path) -> None:
        write_splits(out / "splits.json", splits, readings)

    return OpenedDatabases(tuple(parts), tests, dataclasses.replace(options, record=record, begun=write))


def choose_vgg(
    recipe: Recipe, vgg: str | None, options: RunOptions, tell: Tell, *, has_references: bool
) -> tuple[Recipe, Path | None]:
    """The recipe, without its VGG term where that is off, and VGG19's file where a stage that will run asks for it.

    Asks once on a terminal whether to download; elsewhere UsageError says how to go on.
    """
    from hiqa_train.losses.vgg_weights import ADDRESS, MEGABYTES, cached, download
    from hiqa_train.recipes.schema import GeneratorStage
    from hiqa_train.runs.run import vgg_layers

    if vgg == "off":
        for name, stage in recipe.stages.items():
            if isinstance(stage, GeneratorStage):
                recipe = recipe.with_stage(name, vgg_weight=0.0)
        return recipe, None
    kinds = options.kinds or ("joint", *(() if options.generator is not None else ("generator",)))
    running = [name for name, stage in recipe.stages.items() if stage.kind in kinds]
    if not (has_references and vgg_layers(recipe, running)):
        return recipe, None
    if vgg is not None and vgg != "download":
        if not Path(vgg).is_file():
            raise UsageError(f"--vgg {vgg}: no such file", "expected VGG19's weights, download or off")
        return recipe, Path(vgg)
    held = cached()
    if held is not None:
        return recipe, held
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError("under torchrun VGG19's weights must be there already", "give --vgg FILE, or download first")
    if vgg == "download":
        return recipe, download(tell)
    how = "give --vgg FILE, --vgg download or --vgg off"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"the recipe {recipe.name} needs VGG19's weights in training", how)
    sys.stderr.write(f"hiqa: the recipe needs VGG19's weights: download {MEGABYTES} MB from {ADDRESS}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("VGG19's weights were not downloaded", how)
    return recipe, download(tell)
