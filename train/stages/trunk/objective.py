"""The objective of the trunk: the image head on both views of an image, errors of photographs, order of versions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.networks.pair_regressor import PairRegressor
from hiqa_train.data.batch import Batch
from hiqa_train.losses.subsets import subset_loss
from hiqa_train.losses.terms import Loss, ranking_loss
from hiqa_train.recipes.stages import TrunkStage
from hiqa_train.sources.mixed import CLEAN

from .views import VIEWS

ALIKE = 0.005  # versions whose qualities differ by less are not ranked


class TrunkObjective(nn.Module):
    """Trains an R on images alone.

    centre, deviation: (sources,) mean and standard deviation of the qualities of each source. gain (a logarithm),
    shift: (sources,) map the head's logit to the scale of each source of photographs; versions use the logit itself.
    """

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
        """Fit `centre` and `deviation`, and the standardisation of the head's inputs, to the images of a batch."""
        assert batch.quality is not None
        quality, source = batch.quality[::VIEWS], batch.database[::VIEWS]
        for number in source.unique().tolist():
            of_source = quality[source == number]
            self.centre[number], self.deviation[number] = of_source.mean(), of_source.std(correction=0) + 1e-3
        image, _ = self.regressor.described(*statistics_of(self.regressor, batch.distorted))
        self.regressor.of_image.fit(image)

    def forward(self, batch: Batch) -> Loss:
        return self.losses(self.logits(batch.distorted), batch)

    def losses(self, logits: Tensor, batch: Batch) -> Loss:
        """The losses of the logits (n,) of a batch's images."""
        assert batch.quality is not None
        source, group = batch.database[::VIEWS], batch.group[::VIEWS]
        target = (batch.quality[::VIEWS] - self.centre[source]) / self.deviation[source]
        versions = source == CLEAN
        terms: dict[str, Tensor] = {}
        if not bool(versions.all()):
            scored = ~versions
            error = logits[scored] * self.gain[source[scored]].exp() + self.shift[source[scored]] - target[scored]
            terms["photographs"] = subset_loss(error, group[scored], self.stage.between)
        if bool(versions.any()):
            alike = ALIKE / float(self.deviation[CLEAN])
            of_versions = logits[versions], target[versions], group[versions]
            ranked = ranking_loss(*of_versions, margin=self.stage.margin, alike=alike)
            terms["order"] = self.stage.order_weight * ranked
            absolute = functional.smooth_l1_loss(logits[versions], target[versions])
            terms["versions"] = self.stage.versions_weight * absolute
        return Loss(torch.stack(list(terms.values())).sum(), terms)

    def logits(self, views: Tensor) -> Tensor:
        """Views (n * VIEWS, 3, H, W) -> logits of the image head (n,)."""
        image, _ = self.regressor.described(*statistics_of(self.regressor, views))
        kept = functional.dropout(self.regressor.of_image(image), self.stage.image_dropout, self.training)
        logits: Tensor = self.regressor.image(kept)
        return logits


def statistics_of(regressor: PairRegressor, views: Tensor) -> tuple[Tensor, Tensor]:
    """Views (n * VIEWS, 3, H, W) -> statistics of the tile and of the reduced image, (n, M) each."""
    statistics = regressor.view_statistics(views)
    return statistics[::VIEWS], statistics[1::VIEWS]
