"""Measures on the validation part. Every choice of a run rests on them: the best checkpoint, epsilon, the R to
release."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from hiqa_cli.networks.generator import Generator
from hiqa_train.data.batch import Batch, PatchSource, RegressorInputs
from hiqa_train.distributed import RunDevice
from hiqa_train.losses.objectives import regressor_score, target_quality
from hiqa_train.losses.score_maps import MappedRegressor


@dataclass(frozen=True)
class Validation:
    """Fixed validation patches.

    count: number of patches, drawn `batch` at a time. each: number of consecutive patches of one image, whose scores
    are averaged. Several processes share the batches.
    """

    source: PatchSource
    count: int
    each: int
    batch: int
    run_device: RunDevice

    def batches(self) -> Iterator[Batch]:
        """This process's batches, on the device: every `world`-th."""
        device = self.run_device
        for first in range(device.rank * self.batch, self.count, device.world * self.batch):
            yield self.source.draw(range(first, min(first + self.batch, self.count))).to(device.device)


@dataclass(frozen=True)
class Predictions:
    """For each image: predicted and true quality on its database's scale, and the number of its database."""

    predicted: np.ndarray
    quality: np.ndarray
    database: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Absolute errors (n,)."""
        return np.abs(self.predicted - self.quality)

    def measures(self) -> dict[str, float]:
        """`error`: mean absolute error. `srocc`: mean over the databases, without those with constant values."""
        srocc = mean_srocc(self.predicted, self.quality, self.database)
        return {"error": float(self.errors.mean()), **({} if srocc is None else {"srocc": srocc})}


def mean_srocc(predicted: np.ndarray, quality: np.ndarray, database: np.ndarray) -> float | None:
    """The mean over databases of the rank correlation within each; all (n,). Databases with constant values are left
    out; None if no other is there."""
    each = []
    for number in np.unique(database):
        of_database = database == number
        if np.ptp(predicted[of_database]) > 0 and np.ptp(quality[of_database]) > 0:
            each.append(float(spearmanr(predicted[of_database], quality[of_database])[0]))
    return float(np.mean(each)) if each else None


@torch.no_grad()
def predict(
    network: MappedRegressor, inputs_of: Callable[[Batch], RegressorInputs], validation: Validation
) -> Predictions:
    """R's prediction for every validation image: the mean over its patches, as in scoring."""
    of_batches: list[tuple[Tensor, Tensor, Tensor]] = []
    for batch in validation.batches():
        with validation.run_device.autocast():
            inputs = inputs_of(batch)
            features = network.regressor.trunk_features(batch.distorted, inputs.discrepancy)
        score = regressor_score(network.regressor, features[-1], inputs.semantic)
        predicted = network.qualities(score, batch.database)
        of_batches.append((predicted.float().cpu(), target_quality(batch).float().cpu(), batch.database.cpu()))

    def means_of_images(values: tuple[Tensor, ...]) -> np.ndarray:
        return torch.cat(values).double().view(-1, validation.each).mean(dim=1).numpy()

    return Predictions(*map(means_of_images, zip(*validation.run_device.gather(of_batches), strict=True)))


@torch.no_grad()
def hallucination_measures(
    generator: Generator, losses: Callable[[Batch, Tensor], dict[str, Tensor]], validation: Validation
) -> dict[str, float]:
    """Mean of each loss over the validation patches, and `gain_db`: mean gain in PSNR of the hallucination."""
    of_batches: list[tuple[int, dict[str, float]]] = []
    for batch in validation.batches():
        assert batch.reference is not None
        with validation.run_device.autocast():
            hallucination = generator(batch.distorted).hallucination
            values = losses(batch, hallucination)
        before, after = (
            (x.float() - batch.reference).square().mean(dim=(1, 2, 3)).clamp(min=1e-7)
            for x in (batch.distorted, hallucination)
        )
        values["gain_db"] = (10 * (before / after).log10()).mean()
        of_batches.append((len(batch.files), {name: float(value) for name, value in values.items()}))
    of_batches = validation.run_device.gather(of_batches)
    patches = sum(count for count, _ in of_batches)
    return {name: sum(count * means[name] for count, means in of_batches) / patches for name in of_batches[0][1]}
