"""What training needs before it starts: databases split into parts, and VGG-19's weights."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hiqa_cli.commands.datasets.options import DatasetOptions, open_datasets
from hiqa_cli.errors import UsageError

if TYPE_CHECKING:
    from hiqa_train.data.training_split import DatabaseSplit
    from hiqa_train.datasets import Sample
    from hiqa_train.recipes.schema import Recipe
    from hiqa_train.runs.options import RunOptions

Report = Callable[[str], None]


@dataclass(frozen=True)
class OpenedDatabases:
    """Databases split into parts.

    parts: training and validation images of each database. tests: test images of each database. options: those of the
    run, with a record of the data; the run writes the split to OUT/splits.json.
    """

    parts: tuple[DatabaseSplit, ...]
    tests: tuple[tuple[Sample, ...], ...]
    options: RunOptions

    @property
    def tested(self) -> frozenset[str]:
        """The scenes of the test images."""
        return frozenset(sample.scene for samples in self.tests for sample in samples)

    @property
    def has_references(self) -> bool:
        """Whether a training image has its reference, so that a G can be trained."""
        return any(sample.reference is not None for part in self.parts for sample in part.training)


def open_databases(
    given: DatasetOptions, options: RunOptions, test_scenes: tuple[str, ...], report: Report
) -> OpenedDatabases:
    """Read and split the databases; report a line on each: images found, first missing file, scale, parts.

    test_scenes: scenes of the test part; empty: they are drawn.
    """
    from hiqa_train.data.splits import split_samples, write_splits
    from hiqa_train.data.training_split import split_databases

    datasets = open_datasets(given)
    parts, datasets, splits = split_databases(datasets, options.seed, test_scenes)
    tests = tuple(split_samples(splits.splits[0], dataset.samples).test for dataset in datasets)
    lines = []
    for dataset, part, test in zip(datasets, parts, tests, strict=True):
        lines.append(
            f"{dataset.coverage()}; {len(part.training):,} for training, {len(part.validation):,} for validation, "
            f"{len(test):,} for tests"
        )
        report(lines[-1])
        for note in dataset.notes:
            report(f"{dataset.name}: {note}")
    record = {
        "databases": lines,
        "notes": [note for dataset in datasets for note in dataset.notes],
        "missing": {r.name: list(r.missing + r.missing_references) for r in datasets},
        "split": dataclasses.asdict(splits.splits[0]),
    }

    def write(out: Path) -> None:
        write_splits(out / "splits.json", splits, datasets)

    return OpenedDatabases(tuple(parts), tests, dataclasses.replace(options, record=record, on_start=write))


def choose_vgg(
    recipe: Recipe,
    vgg: str | None,
    options: RunOptions,
    report: Report,
    *,
    has_references: bool,
    out: Path | None = None,
) -> tuple[Recipe, Path | None]:
    """The recipe, without its perceptual loss if vgg is "off", and the file of VGG-19's weights for that loss.

    The file is None where no stage to run has that loss, and where it compares features of the trunk of hiqa's weights:
    with "trunk", and without --vgg where VGG-19 is not in the cache, or where the resumed run in `out` took the trunk.
    UsageError if VGG-19 is asked for, or the resumed run took it, and it is not available.
    """
    from hiqa_train.losses.perceptual import TRUNK
    from hiqa_train.losses.vgg_weights import MEGABYTES, cached, download
    from hiqa_train.recipes.stages import GeneratorStage
    from hiqa_train.runs.run_record import recorded_perceptual
    from hiqa_train.stages.plan import vgg_layers

    if vgg == "off":
        for name, stage in recipe.stages.items():
            if isinstance(stage, GeneratorStage):
                recipe = recipe.with_stage(name, vgg_weight=0.0)
        return recipe, None
    kinds = options.kinds or ("joint", *(() if options.generator is not None else ("generator",)))
    running = [name for name, stage in recipe.stages.items() if stage.kind in kinds]
    if not (has_references and vgg_layers(recipe, running)):
        return recipe, None
    if vgg is not None and vgg not in ("download", TRUNK):
        if not Path(vgg).is_file():
            raise UsageError(f"--vgg {vgg}: no such file", "expected VGG-19's weights, download, trunk or off")
        return recipe, Path(vgg)
    held = cached()
    before = recorded_perceptual(out) if out is not None and options.resume else None
    if vgg is None and before is not None and before["network"] != TRUNK and held is None:
        raise UsageError(f"the run in {out} uses VGG-19, which is not in the cache", "give its --vgg FILE or download")
    if vgg == TRUNK or (vgg is None and (held is None or (before is not None and before["network"] == TRUNK))):
        report(
            "perceptual loss: lower layers of the trunk of hiqa's weights, as ImageNet left them; "
            f"--vgg download takes VGG-19 ({MEGABYTES} MB)"
        )
        return recipe, None
    if held is None and os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError(
            "VGG-19's weights cannot be downloaded under torchrun", "give --vgg FILE, or download them first"
        )
    return recipe, download(report) if held is None else held
