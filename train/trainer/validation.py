"""Measures on the validation part: every choice of a run (best checkpoint, epsilon, joint or not) is made by these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from hiqa_cli.networks.generator import Generator
from hiqa_train.data.batch import Batch, PatchSource, RegressorInputs
from hiqa_train.data.whole_image import score_images
from hiqa_train.losses.objectives import target_quality
from hiqa_train.losses.score_maps import MappedRegressor

from .distributed import RunDevice


@dataclass(frozen=True)
class Validation:
    """Fixed patches: `count` of them, `batch` at a time. Every `each` neighbours are from one picture; the patches of a
    square count as one."""

    source: PatchSource
    count: int
    each: int
    batch: int
    machine: RunDevice

    def batches(self) -> Iterator[Batch]:
        """All patches, on the device."""
        for first in range(0, self.count, self.batch):
            yield self.source.draw(range(first, min(first + self.batch, self.count))).to(self.machine.device)


@dataclass(frozen=True)
class Predictions:
    """For each picture: predicted and true quality on its database's scale, and which database it is of."""

    predicted: np.ndarray
    quality: np.ndarray
    database: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        return np.abs(self.predicted - self.quality)

    def measures(self) -> dict[str, float]:
        """`error`: mean absolute error; `srocc`: mean over the databases, left out where a constant has none."""
        found = {"error": float(self.errors.mean())}
        each = []
        for number in np.unique(self.database):
            mine = self.database == number
            if np.ptp(self.predicted[mine]) > 0 and np.ptp(self.quality[mine]) > 0:
                each.append(float(spearmanr(self.predicted[mine], self.quality[mine])[0]))
        if each:
            found["srocc"] = float(np.mean(each))
        return found


@torch.no_grad()
def predict(network: MappedRegressor, view: Callable[[Batch], RegressorInputs], validation: Validation) -> Predictions:
    """R's word on every validation picture: the mean over its patches, as in scoring."""
    predicted, quality, database = [], [], []
    for batch in validation.batches():
        with validation.machine.autocast():
            seen = view(batch)
            features = network.regressor.quality_features(batch.distorted, seen.discrepancy, seen.prior)
        word = score_images(network.regressor, features[-1], seen.semantic, batch)
        predicted.append(network.qualities(word.score, batch.database[word.first]).float().cpu())
        quality.append(target_quality(batch)[word.first].float().cpu())
        database.append(batch.database[word.first].cpu())
    each = validation.each

    def of_pictures(values: list[Tensor]) -> np.ndarray:
        return torch.cat(values).double().view(-1, each).mean(dim=1).numpy()

    return Predictions(of_pictures(predicted), of_pictures(quality), of_pictures(database))


@torch.no_grad()
def hallucination_measures(
    generator: Generator, losses: Callable[[Batch, Tensor], dict[str, Tensor]], validation: Validation
) -> dict[str, float]:
    """Mean of each loss over the validation patches, and `gain_db`: mean PSNR that hallucinations gain."""
    sums: dict[str, float] = {}
    patches = 0
    for batch in validation.batches():
        assert batch.reference is not None
        with validation.machine.autocast():
            hallucination = generator(batch.distorted).hallucination
            found = losses(batch, hallucination)
        before, after = (
            (x.float() - batch.reference).square().mean(dim=(1, 2, 3)).clamp(min=1e-7)
            for x in (batch.distorted, hallucination)
        )
        found["gain_db"] = (10 * (before / after).log10()).mean()
        for name, value in found.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(batch.files)
        patches += len(batch.files)
    return {name: total / patches for name, total in sums.items()}
