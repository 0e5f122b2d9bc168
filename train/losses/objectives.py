"""What each network is trained to make small, as modules: torch's DDP averages the gradients of what they hold.

An objective holds the network that learns (and what learns beside it); networks that only judge are passed by, so that
they are neither learned, nor saved, nor averaged with it. Formulas of Lin and Wang, CVPR 2018, by number.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.networks.discriminator import Discriminator
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.regressor import Regressor
from hiqa_train.data.batch import Batch, RegressorInputs
from hiqa_train.data.mdsi import local_quality_loss, mdsi_quality
from hiqa_train.data.whole_image import score_images
from hiqa_train.recipes.schema import GeneratorStage
from hiqa_train.stages.frozen_generator import FrozenGenerator
from hiqa_train.trainer.distributed import frozen
from hiqa_train.trainer.network_trainer import Loss

from .score_maps import MappedRegressor
from .terms import (
    PIXEL_LOSSES,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
    order_loss,
    ranking_loss,
    relative_score_loss,
    score_loss,
)
from .vgg import Vgg19Features

LOCAL_CHANNELS = 2  # of mdsi.local_quality_loss


def target_quality(batch: Batch) -> Tensor:
    """(B,) what R is to say: people's quality, or where nobody was asked, what the reference tells."""
    if batch.quality is not None:
        return batch.quality
    assert batch.reference is not None
    return mdsi_quality(batch.distorted, batch.reference)


def discrepancy_map(distorted: Tensor, hallucination: Tensor) -> Tensor:
    """I_d - G(I_d) (signed) as the scorer has it: the hallucination within 0..1, the difference in float32."""
    return distorted - hallucination.float().clamp(0, 1)


@torch.no_grad()
def regressor_inputs(
    generator: Generator | FrozenGenerator | None, batch: Batch, sees: str, *, fusion: bool
) -> RegressorInputs:
    """What a frozen G, or the true reference, shows R; the batch may hold G's word, told from whole images."""
    if batch.cached_inputs is not None:
        discrepancy = batch.cached_inputs.discrepancy if sees == "hallucination" else None
        if sees == "reference" and batch.reference is not None:
            discrepancy = discrepancy_map(batch.distorted, batch.reference)
        return RegressorInputs(discrepancy, batch.cached_inputs.semantic if fusion else None)
    if generator is None:
        if sees == "reference" and batch.reference is not None and not fusion:
            return RegressorInputs(discrepancy_map(batch.distorted, batch.reference))
        return RegressorInputs()
    imagined = generator(batch.distorted)
    shown = batch.reference if sees == "reference" else imagined.hallucination
    assert shown is not None
    discrepancy = None if sees == "image" else discrepancy_map(batch.distorted, shown)
    return RegressorInputs(discrepancy, imagined.semantic.float() if fusion else None)


def regressor_score(regressor: Regressor, features: Tensor, semantic: Tensor | None) -> Tensor:
    """R2 in float32 whatever its features were worked out in, as the scorer has it. (B,)."""
    with torch.autocast(features.device.type, enabled=False):
        return regressor.score(features.float(), None if semantic is None else semantic.float())


class RegressorObjective(nn.Module):
    """Formula (12), and beside it the ranking of patches and what is lost place by place, if wanted.

    relative_share: of the loss of the first database's patches, so much is of what tells those of a group apart.
    order_weight, order_margin: where it is not 0, that database is asked for the order within its groups alone, so
        heavy, with such a margin.
    """

    def __init__(
        self,
        network: MappedRegressor,
        *,
        relative_share: float,
        ranking_weight: float,
        local_weight: float,
        order_weight: float = 0.0,
        order_margin: float = 0.0,
    ) -> None:
        super().__init__()
        self.network, self.relative_share = network, relative_share
        self.order_weight, self.order_margin = order_weight, order_margin
        self.ranking_weight, self.local_weight = ranking_weight, local_weight
        # tell what is lost place by place, from the features of each stage: trained beside R, of no use afterwards
        stages = network.regressor.trunk.channels if local_weight and network.regressor.config.blocks else ()
        heads = [nn.Conv2d(channels, LOCAL_CHANNELS, 1) for channels in stages]
        self.local = nn.ModuleList(heads)

    def forward(self, batch: Batch, view: RegressorInputs) -> Loss:
        regressor = self.network.regressor
        features = regressor.quality_features(batch.distorted, view.discrepancy, view.prior)
        word = score_images(regressor, features[-1], view.semantic, batch)
        database, group, wanted = batch.database[word.first], batch.group[word.first], target_quality(batch)[word.first]
        predicted = self.network.qualities(word.score, database)
        of_photographs = database == 0
        if self.order_weight:
            return self._in_order(predicted, wanted, group, of_photographs)
        if self.relative_share:
            total = relative_score_loss(predicted, wanted, group, of_photographs, self.relative_share)
        else:
            total = score_loss(predicted, wanted)
        parts = {"score": total}
        if self.ranking_weight:
            parts["ranking"] = ranking_loss(predicted, wanted, group)
            total = total + self.ranking_weight * parts["ranking"]
        if self.local:
            parts["local"] = self._local(batch, features)
            total = total + self.local_weight * parts["local"]
        return Loss(total, {name: part.detach() for name, part in parts.items()}, predicted.detach())

    def _in_order(self, predicted: Tensor, wanted: Tensor, group: Tensor, of_photographs: Tensor) -> Loss:
        """Score and ranking of what people said, and the order of the photographs' versions."""
        of_people = (predicted[~of_photographs], wanted[~of_photographs])
        parts = {"score": score_loss(*of_people), "ranking": ranking_loss(*of_people, group[~of_photographs])}
        parts["order"] = order_loss(predicted, wanted, group, of_photographs, self.order_margin)
        total = parts["score"] + self.ranking_weight * parts["ranking"] + self.order_weight * parts["order"]
        return Loss(total, {name: part.detach() for name, part in parts.items()}, predicted.detach())

    def _local(self, batch: Batch, features: list[Tensor]) -> Tensor:
        """How far off the stages are in what is lost place by place, over the patches whose reference is known."""
        assert batch.reference is not None
        distorted, reference = batch.distorted, batch.reference
        if batch.has_reference is not None:
            distorted, reference = distorted[batch.has_reference], reference[batch.has_reference]
            features = [stage[batch.has_reference] for stage in features]
        maps = local_quality_loss(distorted, reference)
        # beside R1's last features are its prior's
        own = [stage[:, : head.in_channels] for head, stage in zip(self.local, features, strict=True)]
        found = [head(stage).float() for head, stage in zip(self.local, own, strict=True)]
        return torch.stack([functional.l1_loss(a, b) for a, b in zip(found, maps, strict=True)]).mean()


@dataclass(frozen=True)
class FeatureNetworks:
    """The networks of the feature losses: VGG19 (4), and psi, an R trained on distorted images alone (5)."""

    vgg: Vgg19Features | None
    psi: Regressor | None


def centre_crop(batch: Tensor, side: int) -> Tensor:
    """The middle `side` px of (B, C, H, W); all of it where it is no larger."""
    y, x = (max(0, (size - side) // 2) for size in batch.shape[-2:])
    return batch[..., y : y + side, x : x + side]


def feature_losses(
    features: FeatureNetworks, hallucination: Tensor, reference: Tensor, layer: int
) -> dict[str, Tensor]:
    """l_v (4) and l_q (5), of which the networks are there; layer: psi's, 1 to 4."""
    losses = {}
    if features.vgg is not None:
        with torch.no_grad():
            wanted = features.vgg(reference)
        pairs = zip(features.vgg(hallucination), wanted, strict=True)
        losses["vgg"] = torch.stack([feature_loss(a, b) for a, b in pairs]).mean()
    if features.psi is not None:
        with torch.no_grad():
            expected = features.psi.quality_features(reference)[layer - 1]
        losses["psi"] = feature_loss(features.psi.quality_features(hallucination)[layer - 1], expected)
    return losses


@dataclass(frozen=True)
class FrozenCritics:
    """Networks that look at a hallucination while G learns, frozen: D for formula (8); R for the stage `joint`."""

    discriminator: Discriminator | None = None
    regressor: MappedRegressor | None = None


class GeneratorObjective(nn.Module):
    """Formula (9). `made` of its loss is the hallucination, without gradient."""

    def __init__(
        self, network: Generator, recipe: GeneratorStage, features: FeatureNetworks, *, score_weight: float = 0.0
    ) -> None:
        super().__init__()
        self.network, self.recipe, self.score_weight = network, recipe, score_weight
        self._features = (features,)  # in a tuple: not a part of what is learned
        self.weights = {"vgg": recipe.vgg_weight, "psi": recipe.psi_weight}

    def forward(self, batch: Batch, judges: FrozenCritics, with_features: bool) -> Loss:
        recipe = self.recipe
        assert batch.reference is not None
        imagined = self.network(batch.distorted)
        pixel_loss = PIXEL_LOSSES[recipe.pixel]
        last = imagined.stacks[-1]
        total = pixel_loss(last, batch.distorted, batch.reference)
        parts = {"pixel": total}
        for earlier in imagined.stacks[:-1]:
            total = total + recipe.first_stack_weight * pixel_loss(earlier, batch.distorted, batch.reference)
        if with_features:
            side = recipe.features_patch
            seen, wanted = centre_crop(last, side), centre_crop(batch.reference, side)
            for name, loss in feature_losses(self._features[0], seen, wanted, recipe.psi_layer).items():
                # taken at every n-th step only, so n times as heavy there
                total = total + recipe.features_every * self.weights[name] * loss
                parts[name] = loss
        if judges.discriminator is not None:
            with frozen(judges.discriminator):
                verdict = judges.discriminator.eval()(last).float()
            parts["adversarial"] = adversarial_loss(verdict, saturating=recipe.saturating)
            total = total + recipe.adversarial_weight * parts["adversarial"]
        if judges.regressor is not None:
            parts["score_of_g"] = self._score(batch, judges.regressor, last, imagined.semantic)
            total = total + self.score_weight * parts["score_of_g"]
        return Loss(total, {name: part.detach() for name, part in parts.items()}, last.detach())

    @staticmethod
    def _score(batch: Batch, judge: MappedRegressor, hallucination: Tensor, semantic: Tensor) -> Tensor:
        """R's loss (12) as a function of G: section 3.3 trains both end to end."""
        training = judge.training
        with frozen(judge.eval()):  # its batch norms must not follow what it merely judges
            discrepancy = discrepancy_map(batch.distorted, hallucination)
            features = judge.regressor.quality_features(batch.distorted, discrepancy)
            fused = semantic if judge.regressor.config.semantic else None
            score = regressor_score(judge.regressor, features[-1], fused)
            loss = score_loss(judge.qualities(score, batch.database), target_quality(batch))
        judge.train(training)
        return loss


class DiscriminatorObjective(nn.Module):
    """Formula (6)."""

    def __init__(self, network: Discriminator) -> None:
        super().__init__()
        self.network = network

    def forward(self, reference: Tensor, hallucination: Tensor, fake: Tensor) -> Loss:
        """reference, hallucination: (B, 3, H, W); fake: (B,), d_fake."""
        self.network.train()
        verdicts = self.network(torch.cat([reference, hallucination])).float()
        loss = discriminator_loss(verdicts[: len(fake)], verdicts[len(fake) :], fake)
        return Loss(loss, {"discriminator": loss.detach(), "d_fake": fake.mean()})
