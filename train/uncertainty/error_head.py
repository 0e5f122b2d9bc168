"""Trains the error head, a small network on the hidden units of R's heads that predicts R's error.

The logarithm of the half-width of an image (engine/calibration.py) is linear in a few features of its score, plus the
mean output of the error head over an image's rows of hidden units: one, or one a tile. Both are fitted together by the
pinball loss (Koenker and Bassett, 1978) of the logarithms of the errors, which is minimal if the wanted share of the
errors lies within the half-width. The head is not linear: units that mark reliable scores of photographs mark
unreliable ones of distorted versions.

A few hundred noisy errors are little training data. The head therefore has few hidden units and dropout on its inputs,
and is an ensemble of networks with different random initial weights, merged into one network.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from hiqa_cli.networks.hiqa import AnyRegressor
from hiqa_cli.networks.regressor import Regressor
from hiqa_cli.networks.tile_regressor import ErrorHead
from hiqa_cli.networks.torch_contexts import one_thread

UNITS, NETWORKS = 16, 8  # hidden units of a network; networks in the ensemble
EPOCHS, MIN_STEPS, BATCH = 60, 300, 256
RATE, DECAY, DROPOUT = 3e-3, 1e-2, 0.2
MIN_ERROR = 0.5  # points; smaller errors count as this
# As a share of the largest deviation: units that hardly vary would get large weights, which unusual images amplify.
MIN_DEVIATION = 0.02


@dataclass(frozen=True)
class ErrorExamples:
    """Images with known errors.

    features: (n, p) of the scores; the first column is 1. activations: (n, most rows, units), padded with zeros.
    row_weights: (n, most rows), 1 / number of rows, 0 for padding. errors: (n,), in points. weights: (n,).
    """

    features: np.ndarray
    activations: Tensor
    row_weights: Tensor
    errors: np.ndarray
    weights: np.ndarray

    def of(self, chosen: np.ndarray) -> ErrorExamples:
        """The chosen examples. chosen: (n,) bool."""
        mask = torch.from_numpy(chosen)
        return ErrorExamples(
            self.features[chosen],
            self.activations[mask],
            self.row_weights[mask],
            self.errors[chosen],
            self.weights[chosen],
        )


def padded(cases: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """`activations` and `row_weights` of `ErrorExamples`, from the (rows, units) of each image."""
    most = max(map(len, cases))
    activations = torch.zeros(len(cases), most, cases[0].shape[1])
    row_weights = torch.zeros(len(cases), most)
    for number, rows in enumerate(cases):
        activations[number, : len(rows)] = torch.from_numpy(rows)
        row_weights[number, : len(rows)] = 1 / len(rows)
    return activations, row_weights


@dataclass(frozen=True)
class FittedErrorHead:
    """coefficients: (p,) of the features. error_head: (B, units) -> (B,)."""

    coefficients: np.ndarray
    error_head: ErrorHead

    @torch.no_grad()
    def predict(self, examples: ErrorExamples) -> np.ndarray:
        """The logarithms of half-widths, (n,)."""
        rows: Tensor = self.error_head(examples.activations.flatten(0, 1))
        errors = (rows.view_as(examples.row_weights) * examples.row_weights).sum(dim=1)
        return np.asarray(examples.features @ self.coefficients + errors.double().numpy())

    @torch.no_grad()
    def shrunk(self, factor: float) -> FittedErrorHead:
        """A copy whose predictions are multiplied by `factor`."""
        error_head = copy.deepcopy(self.error_head)
        for parameter in error_head.told.parameters():
            parameter.mul_(factor)
        return FittedErrorHead(self.coefficients * factor, error_head)


def attach_error_head(regressor: AnyRegressor, error_head: ErrorHead) -> None:
    """Give R a fitted error head; weights that are saved afterwards contain it."""
    units = error_head.hidden.out_features
    if isinstance(regressor, Regressor):
        regressor.config = replace(regressor.config, error_units=units)
    else:
        regressor.config = replace(regressor.config, error_units=units)
    regressor.error_head = error_head


def fit_error_head(examples: ErrorExamples, covered: float) -> FittedErrorHead:
    """Fit the half-width within which the share `covered` of the errors lies. Deterministic."""
    rows = examples.activations[examples.row_weights > 0]
    deviation, mean = torch.std_mean(rows, dim=0, correction=0)
    active = deviation > MIN_DEVIATION * deviation.max()
    gain = torch.where(active, 1 / deviation.clamp(min=1e-12), 0.0)
    middle, width = examples.features.mean(axis=0), examples.features.std(axis=0)
    middle[width == 0], width[width == 0] = 0, 1  # the column of ones, and other constant features
    features = torch.from_numpy((examples.features - middle) / width).float()
    logs = torch.from_numpy(np.log(np.maximum(examples.errors, MIN_ERROR))).float()
    weights = torch.from_numpy(examples.weights).float()
    # on such a small network, threads would wait longer than they compute
    with one_thread(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        networks = ErrorHeadEnsemble(examples.activations.shape[2], features.shape[1], float(logs.quantile(covered)))
        activations = (examples.activations - mean) * gain
        _train(networks, features, activations, examples.row_weights, logs, weights, covered)
        error_head = networks.merged(mean, gain)
    linear = networks.linear.detach().mean(dim=0).double().numpy() / width
    linear[0] -= linear @ middle
    return FittedErrorHead(linear, error_head)


class ErrorHeadEnsemble(nn.Module):
    """NETWORKS independent networks, each with its own coefficients of the features."""

    def __init__(self, inputs: int, features: int, level: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, NETWORKS * UNITS)
        self.weight = nn.Parameter(torch.empty(NETWORKS, UNITS).uniform_(-1, 1) / math.sqrt(UNITS))
        self.bias = nn.Parameter(torch.zeros(NETWORKS))
        self.linear = nn.Parameter(torch.zeros(NETWORKS, features))
        with torch.no_grad():
            self.linear[:, 0] = level

    def forward(self, features: Tensor, activations: Tensor, row_weights: Tensor) -> Tensor:
        """(n, p), (n, rows, inputs), (n, rows) -> (n, NETWORKS), logarithms of half-widths."""
        units = torch.relu(self.hidden(activations)).unflatten(2, (NETWORKS, UNITS))
        errors = (units * self.weight).sum(dim=3) + self.bias
        return features @ self.linear.T + (errors * row_weights.unsqueeze(2)).sum(dim=1)

    @torch.no_grad()
    def merged(self, mean: Tensor, gain: Tensor) -> ErrorHead:
        """One error head that predicts the mean of all, on activations not yet normalised by `mean` and `gain`."""
        one = ErrorHead(len(mean), NETWORKS * UNITS)
        weight = self.hidden.weight * gain
        one.hidden.weight.copy_(weight)
        one.hidden.bias.copy_(self.hidden.bias - weight @ mean)
        one.told.weight.copy_(self.weight.flatten() / NETWORKS)
        one.told.bias.copy_(self.bias.mean())
        return one.requires_grad_(False)


def _train(
    networks: ErrorHeadEnsemble,
    features: Tensor,
    activations: Tensor,
    row_weights: Tensor,
    logs: Tensor,
    weights: Tensor,
    covered: float,
) -> None:
    """Train on minibatches in which images appear in proportion to their weights. Weights in the loss would let a few
    images of a small database dominate a batch."""
    steps = max(MIN_STEPS, EPOCHS * math.ceil(len(logs) / BATCH))
    optimiser = torch.optim.AdamW(networks.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        drawn = torch.multinomial(weights, min(BATCH, len(logs)), replacement=True)
        predicted = networks(features[drawn], nn.functional.dropout(activations[drawn], DROPOUT), row_weights[drawn])
        over = logs[drawn].unsqueeze(1) - predicted
        loss = torch.maximum(covered * over, (covered - 1) * over).sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
