"""Recipes as dataclasses: everything that determines a training. loader.py reads them from TOML files.

A recipe has an ordered list of stages (stages.py), the sizes of the networks, and the settings of a run. The
dataclasses have no defaults: a missing key is an error, unless the file names another recipe as its `base` and changes
only some of its keys.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hiqa_cli.networks.discriminator import DiscriminatorConfig
from hiqa_cli.networks.generator import GeneratorConfig
from hiqa_cli.networks.regressor import RegressorConfig

from .stages import RegressorStage, Stage


@dataclass(frozen=True)
class Networks:
    """Sizes of the networks; see their configurations.

    absolute_map: whether R's input is |I_d - G(I_d)| in place of the signed map. regressor_blocks: blocks of each stage
    of R1. regressor_stem: side of its first filters, px.
    """

    generator_channels: tuple[int, ...]
    generator_stacks: int
    regressor_width: int
    regressor_hidden: int
    batch_norm: bool
    absolute_map: bool
    regressor_blocks: int
    regressor_stem: int
    discriminator_channels: tuple[int, ...]

    @property
    def generator(self) -> GeneratorConfig:
        return GeneratorConfig(self.generator_channels, self.generator_stacks)

    @property
    def discriminator(self) -> DiscriminatorConfig:
        return DiscriminatorConfig(self.discriminator_channels)

    def regressor(self, semantic_channels: int, *, discrepancy: bool, fusion: bool) -> RegressorConfig:
        """The configuration of an R. semantic_channels: of the features of G that it fuses."""
        return RegressorConfig(
            width=self.regressor_width,
            semantic_channels=semantic_channels,
            hidden=self.regressor_hidden,
            discrepancy=discrepancy,
            semantic=fusion,
            batch_norm=self.batch_norm,
            absolute_map=self.absolute_map,
            blocks=self.regressor_blocks,
            stem=self.regressor_stem,
        )

    def regressor_of(self, stage: RegressorStage, semantic_channels: int) -> RegressorConfig:
        """The configuration of a stage's R."""
        return self.regressor(semantic_channels, discrepancy=stage.sees != "image", fusion=stage.fusion)


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run: validation, checkpoints and logs, memory, and the fit of the uncertainty.

    *_every: in steps.
    pieces: number of micro-batches per batch, whose gradients are averaged; more of them need less memory. Batch norms
        see one micro-batch.
    workers: processes that cut patches; beside a GPU at least all cores but one. Their number changes neither patches
        nor their order, so that a run may resume with another.
    validation_pictures: maximum number of validation images of each database, with `validation_patches` patches each.
    half_width_pictures, half_width_versions: for the fit of the uncertainty, maximum number of validation images of
        each database, and approximate total number of distorted versions of clean validation images.
    half_width_growth: by database, how many times larger errors are on images that R was not trained on.
    half_width_trained_on: maximum number of training images of each database with such a growth that the fit uses, too.
    """

    log_every: int
    validate_every: int
    checkpoint_every: int
    pictures_every: int
    pieces: int
    workers: int
    validation_pictures: int
    validation_patches: int
    half_width_pictures: int
    half_width_versions: int
    half_width_trained_on: int
    half_width_growth: Mapping[str, float]


@dataclass(frozen=True)
class Recipe:
    """A recipe. stages: by name, in the order they run."""

    name: str
    stages: Mapping[str, Stage]
    networks: Networks
    watch: RunSettings

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for JSON."""
        return {
            "name": self.name,
            "stages": {name: dataclasses.asdict(stage) for name, stage in self.stages.items()},
            "networks": dataclasses.asdict(self.networks),
            "watch": dataclasses.asdict(self.watch),
        }

    def with_stage(self, name: str, **changes: Any) -> Recipe:
        """A copy with some fields of one stage changed."""
        stages = {**self.stages, name: dataclasses.replace(self.stages[name], **changes)}
        return dataclasses.replace(self, stages=stages)

    def only(self, *names: str) -> Recipe:
        """A copy with these stages only."""
        return dataclasses.replace(self, stages={n: s for n, s in self.stages.items() if n in names})
