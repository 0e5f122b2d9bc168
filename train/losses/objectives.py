"""The training objectives of R, G and D as modules, whose gradients torch's DDP averages.

An objective contains the network that it trains and that network's auxiliary heads. Frozen networks are arguments of
`forward`, so that they are neither trained, nor saved, nor averaged. Numbers of formulas are those of Lin and Wang,
CVPR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.networks.discriminator import Discriminator
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.regressor import Regressor
from hiqa_train.data.batch import Batch, RegressorInputs, discrepancy_map
from hiqa_train.data.mdsi import local_quality_targets, mdsi_quality
from hiqa_train.distributed import frozen
from hiqa_train.recipes.stages import GeneratorStage

from .frozen import FrozenGenerator
from .perceptual import PerceptualFeatures
from .score_maps import MappedRegressor
from .terms import (
    PIXEL_LOSSES,
    Loss,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
    ranking_loss,
    score_loss,
)

LOCAL_CHANNELS = 2  # of mdsi.local_quality_targets()


def target_quality(batch: Batch) -> Tensor:
    """(B,) float32 target of R: the human score's quality, or, without human scores, the quality from MDSI."""
    if batch.quality is not None:
        return batch.quality
    assert batch.reference is not None
    return mdsi_quality(batch.distorted, batch.reference)


@torch.no_grad()
def regressor_inputs(
    generator: Generator | FrozenGenerator | None, batch: Batch, sees: str, *, fusion: bool
) -> RegressorInputs:
    """R's inputs from a frozen G or from the true reference, or from the batch's cached features.

    sees: "image", "hallucination" or "reference", see `RegressorStage`. fusion: whether R uses G's features.
    """
    if batch.cached_inputs is not None:
        discrepancy = batch.cached_inputs.discrepancy if sees == "hallucination" else None
        if sees == "reference" and batch.reference is not None:
            discrepancy = discrepancy_map(batch.distorted, batch.reference)
        return RegressorInputs(discrepancy, batch.cached_inputs.semantic if fusion else None)
    if generator is None:
        if sees == "reference" and batch.reference is not None and not fusion:
            return RegressorInputs(discrepancy_map(batch.distorted, batch.reference))
        return RegressorInputs()
    output = generator(batch.distorted)
    reference = batch.reference if sees == "reference" else output.hallucination
    assert reference is not None
    discrepancy = None if sees == "image" else discrepancy_map(batch.distorted, reference)
    return RegressorInputs(discrepancy, output.semantic.float() if fusion else None)


def regressor_score(regressor: Regressor, features: Tensor, semantic: Tensor | None) -> Tensor:
    """R2's scores (B,), in float32 whatever the precision of the features, as in scoring."""
    with torch.autocast(features.device.type, enabled=False):
        return regressor.score(features.float(), None if semantic is None else semantic.float())


class RegressorObjective(nn.Module):
    """Formula (12), plus optional losses for the ranking of patches and for local quality.

    ranking_weight: of `ranking_loss`. local_weight: of the auxiliary targets `local_quality_targets`.
    """

    def __init__(self, network: MappedRegressor, *, ranking_weight: float, local_weight: float) -> None:
        super().__init__()
        self.network = network
        self.ranking_weight, self.local_weight = ranking_weight, local_weight
        # auxiliary heads on the features of each stage: they predict the local quality loss, and are dropped afterwards
        stages = network.regressor.trunk.channels if local_weight else ()
        heads = [nn.Conv2d(channels, LOCAL_CHANNELS, 1) for channels in stages]
        self.local = nn.ModuleList(heads)

    def forward(self, batch: Batch, inputs: RegressorInputs) -> Loss:
        """The loss of R on a batch; `made` is its predicted qualities (B,). inputs: those beside the patches."""
        regressor = self.network.regressor
        features = regressor.trunk_features(batch.distorted, inputs.discrepancy)
        target = target_quality(batch)
        predicted = self.network.qualities(regressor_score(regressor, features[-1], inputs.semantic), batch.database)
        total = score_loss(predicted, target)
        parts = {"score": total}
        if self.ranking_weight:
            parts["ranking"] = ranking_loss(predicted, target, batch.group)
            total = total + self.ranking_weight * parts["ranking"]
        if self.local:
            parts["local"] = self._local_loss(batch, features)
            total = total + self.local_weight * parts["local"]
        return Loss(total, {name: part.detach() for name, part in parts.items()}, predicted.detach())

    def _local_loss(self, batch: Batch, features: list[Tensor]) -> Tensor:
        """Mean absolute error of the auxiliary heads."""
        assert batch.reference is not None
        targets = local_quality_targets(batch.distorted, batch.reference)
        predicted = [head(stage).float() for head, stage in zip(self.local, features, strict=True)]
        return torch.stack([functional.l1_loss(a, b) for a, b in zip(predicted, targets, strict=True)]).mean()


@dataclass(frozen=True)
class FeatureNetworks:
    """The networks of the feature losses: phi (4), and psi, an R trained on distorted images only (5)."""

    perceptual: PerceptualFeatures | None
    psi: Regressor | None

    def to(self, device: torch.device) -> FeatureNetworks:
        """The networks on a device."""

        def laid_out(network: nn.Module) -> Any:
            return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

        return FeatureNetworks(
            None if self.perceptual is None else laid_out(self.perceptual),
            None if self.psi is None else laid_out(self.psi),
        )


def centre_crop(batch: Tensor, side: int) -> Tensor:
    """The central `side` px of (B, C, H, W), or all of it where it is smaller."""
    y, x = (max(0, (size - side) // 2) for size in batch.shape[-2:])
    return batch[..., y : y + side, x : x + side]


def feature_losses(
    features: FeatureNetworks, hallucination: Tensor, reference: Tensor, layer: int
) -> dict[str, Tensor]:
    """l_v (4), named after its network's `term`, and l_q (5) as "psi"; a loss without a network is left out. layer: of
    psi, 1 to 4."""
    losses = {}
    phi = features.perceptual
    if phi is not None:
        with torch.no_grad():
            targets = phi(reference)
        pairs = zip(phi(hallucination), targets, strict=True)
        losses[phi.term] = torch.stack([feature_loss(a, b) for a, b in pairs]).mean()
    if features.psi is not None:
        with torch.no_grad():
            target = features.psi.trunk_features(reference)[layer - 1]
        losses["psi"] = feature_loss(features.psi.trunk_features(hallucination)[layer - 1], target)
    return losses


@dataclass(frozen=True)
class FrozenCritics:
    """Frozen networks that evaluate hallucinations while G is trained: D for formula (8), R for the stage `joint`."""

    discriminator: Discriminator | None = None
    regressor: MappedRegressor | None = None


class GeneratorObjective(nn.Module):
    """Formula (9). The loss's `made` is the hallucination, without gradient."""

    def __init__(
        self, network: Generator, recipe: GeneratorStage, features: FeatureNetworks, *, score_weight: float = 0.0
    ) -> None:
        super().__init__()
        self.network, self.recipe, self.score_weight = network, recipe, score_weight
        self._features = (features,)  # in a tuple, so that torch does not register them as submodules
        phi = {} if features.perceptual is None else {features.perceptual.term: recipe.vgg_weight}
        self.weights = {**phi, "psi": recipe.psi_weight}

    def forward(self, batch: Batch, critics: FrozenCritics, with_features: bool) -> Loss:
        """The loss of G on a batch with references. with_features: whether to add the feature losses."""
        recipe = self.recipe
        assert batch.reference is not None
        output = self.network(batch.distorted)
        pixel_loss = PIXEL_LOSSES[recipe.pixel]
        last = output.stacks[-1]
        total = pixel_loss(last, batch.distorted, batch.reference)
        parts = {"pixel": total}
        for earlier in output.stacks[:-1]:
            total = total + recipe.first_stack_weight * pixel_loss(earlier, batch.distorted, batch.reference)
        if with_features:
            side = recipe.features_patch
            hallucination, reference = centre_crop(last, side), centre_crop(batch.reference, side)
            for name, loss in feature_losses(self._features[0], hallucination, reference, recipe.psi_layer).items():
                # computed at every n-th step only, so with n times the weight
                total = total + recipe.features_every * self.weights[name] * loss
                parts[name] = loss
        if critics.discriminator is not None:
            with frozen(critics.discriminator):
                logits = critics.discriminator.eval()(last).float()
            parts["adversarial"] = adversarial_loss(logits, saturating=recipe.saturating)
            total = total + recipe.adversarial_weight * parts["adversarial"]
        if critics.regressor is not None:
            parts["score_of_g"] = self._score_loss(batch, critics.regressor, last, output.semantic)
            total = total + self.score_weight * parts["score_of_g"]
        return Loss(total, {name: part.detach() for name, part in parts.items()}, last.detach())

    @staticmethod
    def _score_loss(batch: Batch, network: MappedRegressor, hallucination: Tensor, semantic: Tensor) -> Tensor:
        """R's loss (12) as a function of G: section 3.3 trains both end to end."""
        training = network.training
        with frozen(network.eval()):  # evaluation mode: this step must not update R's batch norms
            discrepancy = discrepancy_map(batch.distorted, hallucination)
            features = network.regressor.trunk_features(batch.distorted, discrepancy)
            fused = semantic if network.regressor.config.semantic else None
            score = regressor_score(network.regressor, features[-1], fused)
            loss = score_loss(network.qualities(score, batch.database), target_quality(batch))
        network.train(training)
        return loss


class DiscriminatorObjective(nn.Module):
    """Formula (6)."""

    def __init__(self, network: Discriminator) -> None:
        super().__init__()
        self.network = network

    def forward(self, reference: Tensor, hallucination: Tensor, fake: Tensor) -> Loss:
        """reference, hallucination: (B, 3, H, W); fake: (B,), d_fake."""
        self.network.train()
        logits = self.network(torch.cat([reference, hallucination])).float()
        loss = discriminator_loss(logits[: len(fake)], logits[len(fake) :], fake)
        return Loss(loss, {"discriminator": loss.detach(), "d_fake": fake.mean()})
