"""What `hiqa train` does with a recipe and its data: train the stages, run the ablation, or profile."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from hiqa_cli.console.exit_codes import ExitCode
from hiqa_cli.console.messages import Messages
from hiqa_cli.console.streams import write_output
from hiqa_cli.errors import UsageError

from .options import TrainingData
from .setup import choose_vgg, open_databases

if TYPE_CHECKING:
    from hiqa_train.recipes.schema import Recipe
    from hiqa_train.runs.options import RunOptions
    from hiqa_train.sources.protocol import DataSource
    from hiqa_train.trainer.loop import StopSignal


class Training:
    """The actions on a recipe and its data: train, ablation, profile."""

    def __init__(
        self,
        data: TrainingData,
        recipe: Recipe,
        vgg: str | None,
        out: Path,
        options: RunOptions,
        stop: StopSignal,
        say: Messages,
    ) -> None:
        self.clean_images, self.out, self.stop, self.report = data.clean_images, out, stop, say.warn
        databases = data.databases
        self.opened = open_databases(databases, options, data.test_scenes, say.warn) if databases.names else None
        options = options if self.opened is None else self.opened.options
        has_references = bool(self.clean_images) or self.opened is None or self.opened.has_references
        self.recipe, vgg_file = choose_vgg(recipe, vgg, options, say.warn, has_references=has_references, out=out)
        self.options = dataclasses.replace(options, vgg=vgg_file)

    def train(self) -> Path | None:
        """Train the stages; the folder of the result, or None if stopped."""
        from hiqa_train.runs.run import train_databases, train_mixed, train_synthetic

        run = (self.recipe, self.out, self.options, self.stop, self.report)
        if self.opened is None:
            return train_synthetic(self.clean_images, *run)
        if self.clean_images:
            return train_mixed(self.opened.parts, self.opened.tested, self.clean_images, *run)
        return train_databases(self.opened.parts, *run)

    def ablation(self) -> Path | None:
        """Run the paper's ablation (figure 4, and the oracle) on the test part; print its table. None if stopped."""
        from hiqa_train.evaluation.protocols.ablation import run_ablation, table

        if self.opened is None or self.clean_images or len(self.opened.parts) != 1:
            raise UsageError("the ablation is measured on the test part of one database", "give one --dataset")
        part, tests = self.opened.parts[0], self.opened.tests[0]
        rows = run_ablation(part, tests, self.recipe, self.out, self.options, self.stop, self.report)
        if rows is None:
            return None
        write_output("\n".join(table(part.name, rows)) + "\n")
        return self.out

    def profile(self) -> int:
        """Print speed and time shares of each stage; the exit code."""
        from hiqa_train.runs.stage_benchmark import profile_stages, table

        write_output("\n".join(table(profile_stages(self._data(), self.recipe, self.options))) + "\n")
        return ExitCode.OK

    def _data(self) -> DataSource:
        from hiqa_train.runs.sources import open_databases as open_sources
        from hiqa_train.runs.sources import open_mixed, open_photographs

        if self.opened is None:
            return open_photographs(self.clean_images, self.recipe, self.options, self.report)
        run = (self.recipe, self.options, self.stop, self.report)
        if self.clean_images:
            return open_mixed(self.opened.parts, self.opened.tested, self.clean_images, *run)
        return open_sources(self.opened.parts, *run)
