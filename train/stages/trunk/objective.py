"""The trunk's training: one head on both views of an image, the errors of photographs and the order of versions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.networks.pair_regressor import PairRegressor
from hiqa_train.data.batch import Batch
from hiqa_train.losses.subsets import subset_loss
from hiqa_train.losses.terms import Loss
from hiqa_train.recipes.stages import TrunkStage

from .views import CLEAN, VIEWS

ALIKE = 0.005  # versions whose qualities differ less are not ranked


class TrunkObjective(nn.Module):
    """Trains an R on images alone. centre, deviation: of the qualities of each source, (sources,); the first is that of
    the versions. gain, shift: from the score to each source's units."""

    centre: Tensor
    deviation: Tensor

    def __init__(self, regressor: PairRegressor, stage: TrunkStage, sources: int) -> None:
        super().__init__()
        self.regressor, self.stage = regressor, stage
        self.register_buffer("centre", torch.zeros(sources))
        self.register_buffer("deviation", torch.ones(sources))
        self.gain = nn.Parameter(torch.zeros(sources))  # logarithms
        self.shift = nn.Parameter(torch.zeros(sources))

    @torch.no_grad()
    def fit_scales(self, batch: Batch) -> None:
        """Take the scales of qualities, and those of what the head sees, from some images."""
        assert batch.quality is not None
        quality, source = batch.quality[::VIEWS], batch.database[::VIEWS]
        for number in source.unique().tolist():
            mine = quality[source == number]
            self.centre[number], self.deviation[number] = mine.mean(), mine.std(correction=0) + 1e-3
        image, _ = self.regressor.described(*statistics_of(self.regressor, batch.distorted))
        self.regressor.of_image.fit(image)

    def forward(self, batch: Batch) -> Loss:
        return self.losses(self.told(batch.distorted), batch)

    def losses(self, told: Tensor, batch: Batch) -> Loss:
        """The losses of the head's answers, (n,)."""
        assert batch.quality is not None
        source, group = batch.database[::VIEWS], batch.group[::VIEWS]
        target = (batch.quality[::VIEWS] - self.centre[source]) / self.deviation[source]
        versions = source == CLEAN
        found: dict[str, Tensor] = {}
        if not bool(versions.all()):
            mine = ~versions
            error = told[mine] * self.gain[source[mine]].exp() + self.shift[source[mine]] - target[mine]
            found["photographs"] = subset_loss(error, group[mine], self.stage.between)
        if bool(versions.any()):
            alike = ALIKE / float(self.deviation[CLEAN])
            ranked = shortfall(told[versions], target[versions], group[versions], self.stage.margin, alike)
            found["order"] = self.stage.order_weight * ranked
            absolute = functional.smooth_l1_loss(told[versions], target[versions])
            found["versions"] = self.stage.versions_weight * absolute
        return Loss(torch.stack(list(found.values())).sum(), found)

    def told(self, views: Tensor) -> Tensor:
        """The head's answer for images of two views each, (n,)."""
        image, _ = self.regressor.described(*statistics_of(self.regressor, views))
        seen = functional.dropout(self.regressor.of_image(image), self.stage.image_dropout, self.training)
        logit: Tensor = self.regressor.image(seen)
        return logit


def statistics_of(regressor: PairRegressor, views: Tensor) -> tuple[Tensor, Tensor]:
    """The statistics of tile and whole of each image."""
    found = regressor.view_statistics(views)
    return found[::VIEWS], found[1::VIEWS]


def shortfall(told: Tensor, target: Tensor, group: Tensor, margin: float, alike: float) -> Tensor:
    """By how much the differences of versions of one image fall short of their targets', or of `margin` where these are
    less; pairs whose targets differ by less than `alike` are left out."""
    wanted = target[:, None] - target[None, :]
    ranked = (wanted > alike) & (group[:, None] == group[None, :])
    short = functional.relu(wanted.clamp_min(margin) - (told[:, None] - told[None, :])) * ranked
    return short.sum() / ranked.sum().clamp_min(1)
