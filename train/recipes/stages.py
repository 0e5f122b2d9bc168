"""Stages of a recipe: the networks that each trains, the number of patches, losses and optimisers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class OptimiserSettings:
    """The optimiser of one network.

    rate: highest learning rate, reached after `warmup` steps, multiplied by 0.1 every `drop_every` steps (0: never),
        and decreased linearly to a hundredth over the last `decay_share` of the stage.
    clip: largest gradient norm, 0 for no limit. averaging: decay of the exponential moving average of the weights,
        which is what is validated and released; 0 for no averaging.
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
    """Train R to predict scores (formulas 10-12): the baseline, which also gives psi, and the final R.

    sees: R's second input: none ("image"), the discrepancy map of G's hallucination ("hallucination"), or the map of
        the true reference ("reference", the oracle of the ablation). fusion: whether R uses G's features, formula (11).
    begin: the stage whose R this one starts from, "" for random weights.
    ranking_weight: of the ranking of versions of one image. local_weight: of the local quality loss, computed from the
        reference. Neither is in the paper.
    shares: of each kind of distortion of clean images; "all" is divided among all kinds.
    """

    kind: Literal["regressor"]
    steps: int
    batch: int
    patch: int
    sees: Literal["image", "hallucination", "reference"]
    fusion: bool
    begin: str
    ranking_weight: float
    local_weight: float
    learning: OptimiserSettings
    shares: Mapping[str, float]


@dataclass(frozen=True)
class GeneratorStage:
    """Train G to predict the reference: pixel loss, perceptual (4) and psi's (5) feature losses, adversarial loss (8).

    pixel: "mse", or "relative" (losses.terms.relative_pixel_loss). first_stack_weight: of the pixel loss of earlier
        stacks.
    vgg_weight: of the perceptual loss, whose network is VGG19, at `vgg_layers`, or the trunk of hiqa's weights
        (losses/perceptual.py); the run decides, and records it.
    psi: the regressor stage whose R gives the quality features. psi_layer: which of R's four stages.
    features_from: share of the steps after which the feature losses (4) and (5) start. They are computed at every
        `features_every`-th step, on the central `features_patch` px.
    adversarial: "none"; "plain" (d_fake is always 0); "quality" (d_fake by formula (7)). It starts after the share
        `adversarial_from` of the steps. judge: optimiser of the two-input R of formula (7), trained from the first
        step. discriminator: optimiser of D. saturating: formula (8) itself, else -log D(G(I_d)).
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
    """Train G and R together, in alternate steps.

    R is trained as in the stage `regressor`. G is trained with the losses of the stage `generator`, except the
    adversarial one, plus R's loss with `score_weight`, through the discrepancy map and the fusion.
    """

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


@dataclass(frozen=True)
class TrunkStage:
    """Train the later blocks of the released R's trunk, starting from ImageNet's filters, and the image head, to
    predict quality from the image alone. Needs databases and clean images.

    batch: images per step: `photographs` photographs of databases without references alternate with the versions of one
        distortion group.
    patch: side of these versions, px; 256 for images that are too small.
    photograph_share: of the groups, those drawn from photographs, not clean images. ladder_share: see HeadsStage.
    shares: of each kind of distortion, as in RegressorStage.
    head_rate: learning rate of the image head as a multiple of `learning.rate`. image_units: see PairRegressorConfig.
    image_dropout, between: see HeadsStage.
    order_weight: of the ranking of versions. margin: smallest difference of logits that it demands of a pair, in
        standard deviations of the versions' qualities.
    versions_weight: of the errors of versions.
    """

    kind: Literal["trunk"]
    steps: int
    batch: int
    patch: int
    photographs: int
    photograph_share: float
    ladder_share: float
    shares: Mapping[str, float]
    learning: OptimiserSettings
    head_rate: float
    image_units: int
    image_dropout: float
    between: float
    order_weight: float
    margin: float
    versions_weight: float


@dataclass(frozen=True)
class HeadsStage:
    """Train the heads of the released R (networks/pair_regressor.py) on statistics of images that pass through G and
    the trunk once. Needs databases and clean images, a trained G, and a trunk stage, whose image head it continues.

    groups: distortion groups per clean image. patches: side of the versions of each group, px, used in turn; 256 for
        images that are too small. photograph_share: of the photographs without references, those of which a group is
        drawn, for the ranking only. ladder_share: of the groups, those that are ladders (data/distortion_groups.py).
    shares: of each kind of distortion, as in RegressorStage.
    mild_groups, mild_photograph_share, mild_shares: the same of further groups, without ladders, which teach the order
        of versions that hardly differ.
    batch: rows per step, of versions, of databases with references, and of databases without, each.
    compares, pair_units, gate_units: see PairRegressorConfig.
    image_rate: learning rate of the image head as a multiple of `learning.rate`; 0: only its scale changes.
    image_dropout, pair_dropout, gate_dropout: of the inputs of the heads and of the gate. hidden_dropout: of the
        comparison's hidden units.
    versions_weight, compared_weight, photographs_weight: of the losses of versions, of databases with references, and
        of databases without.
    alone_weight: of the same losses of a single head, beside those of the score: of the image head on photographs, of
        the comparison's head on rows with references.
    order_weight: of the ranking of the versions of one image. margin: smallest difference of logits that it demands of
        a pair, in standard deviations of human scores.
    between: of errors between subsets of photographs, beside those within each (losses/subsets.py).
    """

    kind: Literal["heads"]
    groups: int
    patches: tuple[int, ...]
    photograph_share: float
    ladder_share: float
    shares: Mapping[str, float]
    mild_groups: int
    mild_photograph_share: float
    mild_shares: Mapping[str, float]
    steps: int
    batch: int
    learning: OptimiserSettings
    compares: bool
    image_rate: float
    pair_units: int
    gate_units: int
    image_dropout: float
    pair_dropout: float
    gate_dropout: float
    hidden_dropout: float
    versions_weight: float
    compared_weight: float
    photographs_weight: float
    alone_weight: float
    order_weight: float
    margin: float
    between: float


PatchStage = RegressorStage | GeneratorStage | JointStage  # its batches are patches of a source
Stage = PatchStage | TrunkStage | HeadsStage
KINDS: dict[str, type[Stage]] = {
    "regressor": RegressorStage,
    "generator": GeneratorStage,
    "joint": JointStage,
    "trunk": TrunkStage,
    "heads": HeadsStage,
}
