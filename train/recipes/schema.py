"""Recipes: everything that decides what a run learns, as short TOML files say it (see recipe_file.py).

A recipe is an ordered list of stages, each of one of three kinds (`regressor`, `generator`, `joint`), the sizes of the
networks, and how a run is watched. The dataclasses have no defaults: what a file does not say is an error, unless it
names another recipe as its `base`, of which it then changes what it says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hiqa_cli.networks.discriminator import DiscriminatorConfig
from hiqa_cli.networks.generator import GeneratorConfig
from hiqa_cli.networks.regressor import RegressorConfig


@dataclass(frozen=True)
class OptimiserSettings:
    """How one network learns.

    rate: the highest learning rate; reached over `warmup` steps, multiplied by 0.1 every `drop_every` steps (0: never),
        falling linearly to a hundredth over the last `decay_share` of the stage.
    clip: largest gradient norm, 0 for no limit. averaging: decay of the averaged weights that are validated and
        released, 0 for the weights as they are.
    """

    optimiser: Literal["sgd", "adamw"]
    rate: float
    warmup: int
    decay_share: float
    drop_every: int
    weight_decay: float
    clip: float
    averaging: float


@dataclass(frozen=True)
class RegressorStage:
    """R learns scores (formulas 10-12). Of this kind are the baseline, which gives psi, and the final R.

    sees: beside the distorted image nothing ("image"), the discrepancy map of G's hallucination, or the map of the true
        reference ("reference", the oracle of the ablation). fusion: whether G's features are joined, formula (11).
    begin: the stage whose R it begins with, "" for a random one.
    mean_with: a stage of the same network, or "": what the stage leaves is the mean of both weights. Between weights
        before and after another task lie better ones than either (Wortsman et al., CVPR 2022).
    relative_share: where databases and photographs are trained on together, so much of a photograph's loss is taken of
        what tells its versions from their mean, not of where that lies: how good the photograph itself is, is left for
        people to say.
    order_weight: where it is not 0, all that a photograph's versions are asked for is that none is above a better one,
        so heavily; else 0. order_margin: it is to be below by so large a share of what their qualities differ by.
    ranking_weight, local_weight: of the ranking among versions of one picture, and of what is lost place by place, told
        from the reference; not in the paper.
    shares: of the distortions that are made on the way, where photographs are trained on. ladder_share: of the groups
        of versions that are ladders, strengths of one kind below the photograph itself (versions.py).
    mix: where databases and photographs are trained on together, how many patches of a batch each gives, by name.
    squares: what people scored comes as squares of four patches and is judged as mode "fast" does (squares.py), else as
        single patches.
    kept_share: of what R1 has learned to add to the prior's logit so much is kept at the end of the stage; 1.0 for all.
    learns: "all" of R; "prior", R is its prior alone; "distortions", the prior stays as the stage that it begins with
        has left it, and the rest learns what to add. Without a prior: "all".
    """

    kind: Literal["regressor"]
    steps: int
    batch: int
    patch: int
    sees: Literal["image", "hallucination", "reference"]
    fusion: bool
    begin: str
    mean_with: str
    relative_share: float
    order_weight: float
    order_margin: float
    ranking_weight: float
    local_weight: float
    learns: Literal["all", "prior", "distortions"]
    learning: OptimiserSettings
    shares: Mapping[str, float]
    mix: Mapping[str, int]
    squares: bool
    ladder_share: float
    kept_share: float


@dataclass(frozen=True)
class GeneratorStage:
    """G learns to imagine the reference: pixel loss, VGG19's (4), psi's (5), and the adversarial loss (8).

    pixel: "mse", or "relative" (see `losses.pixel_loss`). first_stack_weight: of the earlier stacks' pixel loss.
    psi: the regressor stage whose R gives the quality features; psi_layer: which of R's four stages.
    features_from: the share of the steps after which VGG's and psi's losses join, at every `features_every`-th step,
        on the middle `features_patch` px.
    adversarial: "none"; "plain" (d_fake = 0 always); or "quality", d_fake by formula (7). It joins after
        `adversarial_from` of the steps; `judge` is the learning of the two-input R of formula (7), which learns from
        the first step, `discriminator` D's. saturating: formula (8) as it stands, else -log D(G(I_d)).
    """

    kind: Literal["generator"]
    steps: int
    batch: int
    patch: int
    pixel: Literal["mse", "relative"]
    first_stack_weight: float
    vgg_weight: float
    vgg_layers: tuple[str, ...]
    psi_weight: float
    psi: str
    psi_layer: int
    features_from: float
    features_every: int
    features_patch: int
    adversarial: Literal["none", "plain", "quality"]
    adversarial_weight: float
    adversarial_from: float
    saturating: bool
    learning: OptimiserSettings
    judge: OptimiserSettings
    discriminator: OptimiserSettings
    shares: Mapping[str, float]


@dataclass(frozen=True)
class JointStage:
    """G and R go on together, in turn: R as in the stage `regressor`, G with the losses of the stage `generator` but
    for the adversarial one, and R's own loss, `score_weight` heavy, through the discrepancy map and the fusion."""

    kind: Literal["joint"]
    steps: int
    batch: int
    patch: int
    generator: str
    regressor: str
    score_weight: float
    learning: OptimiserSettings
    generator_learning: OptimiserSettings
    shares: Mapping[str, float]


Stage = RegressorStage | GeneratorStage | JointStage
KINDS: dict[str, type[Stage]] = {"regressor": RegressorStage, "generator": GeneratorStage, "joint": JointStage}


@dataclass(frozen=True)
class Networks:
    """Sizes of the networks; see their configurations. absolute_map: |I_d - G(I_d)| in place of the signed map.

    regressor_blocks: of each stage of R1; regressor_stem: side of its first filters. regressor_prior: beside R1;
        regressor_pretrained: whether that begins with ImageNet's filters (pretrained.py).
    """

    generator_channels: tuple[int, ...]
    generator_stacks: int
    regressor_width: int
    regressor_hidden: int
    batch_norm: bool
    absolute_map: bool
    regressor_blocks: int
    regressor_stem: int
    regressor_prior: Literal["none", "efficientnet-lite0"]
    regressor_pretrained: bool
    discriminator_channels: tuple[int, ...]

    @property
    def generator(self) -> GeneratorConfig:
        return GeneratorConfig(self.generator_channels, self.generator_stacks)

    @property
    def discriminator(self) -> DiscriminatorConfig:
        return DiscriminatorConfig(self.discriminator_channels)

    def regressor(self, semantic_channels: int, *, discrepancy: bool, fusion: bool) -> RegressorConfig:
        """Of an R without a prior. semantic_channels: of the G whose features are fused."""
        return RegressorConfig(
            self.regressor_width,
            semantic_channels,
            self.regressor_hidden,
            discrepancy,
            fusion,
            self.batch_norm,
            self.absolute_map,
            self.regressor_blocks,
            self.regressor_stem,
        )

    def regressor_of(self, stage: RegressorStage, semantic_channels: int) -> RegressorConfig:
        """Of a stage's R."""
        whole = self.regressor(semantic_channels, discrepancy=stage.sees != "image", fusion=stage.fusion)
        blocks = 0 if stage.learns == "prior" else self.regressor_blocks
        return dataclasses.replace(whole, prior=self.regressor_prior, blocks=blocks)


@dataclass(frozen=True)
class RunSettings:
    """How a run is watched. Numbers of steps, but for:

    pieces: a batch is worked off in so many, their gradients averaged: less memory, and batch norms that see a piece.
    workers: processes that cut patches. validation_pictures: at most so many of a database, `validation_patches` each.
    half_width_pictures, half_width_versions: the stated half-width is fitted on at most so many validation pictures of
        each database, and on about so many distorted versions of validation photographs in all.
    half_width_growth, half_width_trained_on: by name of a database, how many times as large errors are on pictures
        that R was not trained on; the half-width is also fitted on at most so many that it was, of the databases named.
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
    """A whole recipe. stages: by name, in the order they are run."""

    name: str
    stages: Mapping[str, Stage]
    networks: Networks
    watch: RunSettings

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return {
            "name": self.name,
            "stages": {name: dataclasses.asdict(stage) for name, stage in self.stages.items()},
            "networks": dataclasses.asdict(self.networks),
            "watch": dataclasses.asdict(self.watch),
        }

    def with_stage(self, name: str, **changes: Any) -> Recipe:
        """The same recipe with some fields of one stage changed."""
        stages = {**self.stages, name: dataclasses.replace(self.stages[name], **changes)}
        return dataclasses.replace(self, stages=stages)

    def only(self, *names: str) -> Recipe:
        """The same recipe without its other stages."""
        return dataclasses.replace(self, stages={n: s for n, s in self.stages.items() if n in names})
