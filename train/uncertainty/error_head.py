"""Learning how far off scores are: R's doubt, a small network on what the hidden units of R's heads saw.

The logarithm of a picture's half-width (the engine's `calibration`) is linear in a few features of its score, plus the
doubt of its windows on the average. Both are learned together, by the pinball loss, Koenker and Bassett's of 1978, of
the errors' logarithms, whose least is where the wanted share of the errors lies within the half-width. It has to be a
network: what tells a sure score from an unsure one among photographs tells it the wrong way round among distorted
versions of one, and no linear function served both.

Some hundred errors, each a draw of its own, are little to learn from: few hidden units, inputs left out at random
(dropout), and several networks from different beginnings, which one network with all their units then stands for.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hiqa_cli.networks.regressor import ErrorHead
from hiqa_cli.networks.torch_contexts import one_thread

UNITS, BEGINNINGS = 16, 8  # hidden units of each network, and how many there are
EPOCHS, FEWEST_STEPS, BATCH = 60, 300, 256
RATE, DECAY, DROPOUT = 3e-3, 1e-2, 0.2
NOTABLE = 0.5  # points: errors below it are alike
# Of the largest spread; units that hardly ever move would be given weights that a strange picture makes much of.
LEAST_SPREAD = 0.02


@dataclass(frozen=True)
class ErrorExamples:
    """Pictures whose errors are known.

    features: (n, p) of their scores, the first column ones. seen: (n, most windows, units), what hidden units saw of
    each one's windows, and zeros; share: (n, most windows), one over the number of its windows, 0 beyond them.
    errors: (n,), points. weights: (n,), how much each counts.
    """

    features: np.ndarray
    seen: Tensor
    share: Tensor
    errors: np.ndarray
    weights: np.ndarray

    def of(self, chosen: np.ndarray) -> ErrorExamples:
        """Some of them; chosen: (n,) bool."""
        some = torch.from_numpy(chosen)
        return ErrorExamples(
            self.features[chosen], self.seen[some], self.share[some], self.errors[chosen], self.weights[chosen]
        )


def padded(windows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """`seen` and `share` of `ErrorExamples`, from each picture's (windows, units)."""
    most = max(len(some) for some in windows)
    seen = torch.zeros(len(windows), most, windows[0].shape[1])
    share = torch.zeros(len(windows), most)
    for number, some in enumerate(windows):
        seen[number, : len(some)] = torch.from_numpy(some)
        share[number, : len(some)] = 1 / len(some)
    return seen, share


@dataclass(frozen=True)
class FittedErrorHead:
    """coefficients: (p,) of the features; doubt: `Regressor.doubt`, (B, units) -> (B, 1)."""

    coefficients: np.ndarray
    doubt: ErrorHead

    @torch.no_grad()
    def tells(self, examples: ErrorExamples) -> np.ndarray:
        """(n,) logarithms of half-widths."""
        doubts = (self.doubt(examples.seen).squeeze(2) * examples.share).sum(dim=1)
        return np.asarray(examples.features @ self.coefficients + doubts.double().numpy())

    @torch.no_grad()
    def believed(self, share: float) -> FittedErrorHead:
        """The same with logarithms multiplied by a share."""
        doubt = copy.deepcopy(self.doubt)
        for parameter in doubt.told.parameters():
            parameter.mul_(share)
        return FittedErrorHead(self.coefficients * share, doubt)


def learn(examples: ErrorExamples, covered: float) -> FittedErrorHead:
    """What tells, of such pictures, within how many points of the score the share `covered` of the errors lies. The
    same for the same examples."""
    there = examples.seen[examples.share > 0]
    spread, mean = torch.std_mean(there, dim=0, correction=0)
    alive = spread > LEAST_SPREAD * spread.max()
    gain = torch.where(alive, 1 / spread.clamp(min=1e-12), 0.0)
    middle, width = examples.features.mean(axis=0), examples.features.std(axis=0)
    middle[width == 0], width[width == 0] = 0, 1  # the ones, and what all have in common
    features = torch.from_numpy((examples.features - middle) / width).float()
    logs = torch.from_numpy(np.log(np.maximum(examples.errors, NOTABLE))).float()
    weights = torch.from_numpy(examples.weights).float()
    # one: so small a network waits for its threads more than it works
    with one_thread(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        networks = ErrorHeadEnsemble(examples.seen.shape[2], features.shape[1], float(logs.quantile(covered)))
        _train(networks, features, (examples.seen - mean) * gain, examples.share, logs, weights, covered)
        doubt = networks.as_one(mean, gain)
    linear = networks.linear.detach().mean(dim=0).double().numpy() / width
    linear[0] -= linear @ middle
    return FittedErrorHead(linear, doubt)


class ErrorHeadEnsemble(nn.Module):
    """BEGINNINGS networks, none of which hears of the others, and each one's coefficients of the features."""

    def __init__(self, seen: int, features: int, level: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(seen, BEGINNINGS * UNITS)
        self.weight = nn.Parameter(torch.empty(BEGINNINGS, UNITS).uniform_(-1, 1) / math.sqrt(UNITS))
        self.bias = nn.Parameter(torch.zeros(BEGINNINGS))
        self.linear = nn.Parameter(torch.zeros(BEGINNINGS, features))
        with torch.no_grad():
            self.linear[:, 0] = level

    def forward(self, features: Tensor, seen: Tensor, share: Tensor) -> Tensor:
        """(n, p), (n, windows, seen), (n, windows) -> (n, BEGINNINGS), logarithms of half-widths."""
        units = torch.relu(self.hidden(seen)).unflatten(2, (BEGINNINGS, UNITS))
        doubts = (units * self.weight).sum(dim=3) + self.bias
        return features @ self.linear.T + (doubts * share.unsqueeze(2)).sum(dim=1)

    @torch.no_grad()
    def as_one(self, mean: Tensor, gain: Tensor) -> ErrorHead:
        """The doubt of all, their mean, of what is seen before it is brought to one range by `mean` and `gain`."""
        one = ErrorHead(len(mean), BEGINNINGS * UNITS)
        weight = self.hidden.weight * gain
        one.hidden.weight.copy_(weight)
        one.hidden.bias.copy_(self.hidden.bias - weight @ mean)
        one.told.weight.copy_(self.weight.flatten() / BEGINNINGS)
        one.told.bias.copy_(self.bias.mean())
        return one.requires_grad_(False)


def _train(
    networks: ErrorHeadEnsemble,
    features: Tensor,
    seen: Tensor,
    share: Tensor,
    logs: Tensor,
    weights: Tensor,
    covered: float,
) -> None:
    """Pictures come as often as they count: had the loss counted, a few of a small database would be most of it."""
    steps = max(FEWEST_STEPS, EPOCHS * math.ceil(len(logs) / BATCH))
    optimiser = torch.optim.AdamW(networks.parameters(), lr=RATE, weight_decay=DECAY)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        some = torch.multinomial(weights, min(BATCH, len(logs)), replacement=True)
        told = networks(features[some], nn.functional.dropout(seen[some], DROPOUT), share[some])
        over = logs[some].unsqueeze(1) - told
        loss = torch.maximum(covered * over, (covered - 1) * over).sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
