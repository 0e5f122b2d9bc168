"""Fits the head of reasons to rows: several small networks, which the released head holds side by side as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.engine.pipeline.reasons.description import Layout, describe
from hiqa_cli.engine.pipeline.reasons.head import LIMIT, POINTS_UNIT, ReasonsHead
from hiqa_cli.engine.pipeline.reasons.names import WORDS

from .rows import FaultRows
from .thresholds import presence, with_thresholds

STRETCH = 0.02  # added to the spread of an input, in its units: inputs that hardly vary stay small


@dataclass(frozen=True)
class FitSettings:
    """members: networks. units: hidden ones of each. epochs, batch, rate, decay: of AdamW on a cosine schedule.
    dropout: of inputs. false_alarms: share of validation images without a fault that a word may be called on."""

    members: int = 3
    units: int = 48
    epochs: int = 40
    batch: int = 256
    rate: float = 2e-3
    decay: float = 0.05
    dropout: float = 0.3
    false_alarms: float = 0.01


def numbers_of(rows: FaultRows, layout: Layout) -> np.ndarray:
    """The inputs of the head before they are standardised, (n, D) float32."""
    described = describe(rows.statistics, rows.whole, layout)
    return np.concatenate([described, rows.measures.astype(np.float32)], axis=1)


def fit_head(
    rows: FaultRows, layout: Layout, made_for: str, settings: FitSettings, seed: int, report: Callable[[str], None]
) -> ReasonsHead:
    """Fit to the rows that do not validate, and set the thresholds by those that do. made_for: of the networks."""
    training = rows.of(~rows.validates)
    numbers = numbers_of(training, layout)
    centre, scale = numbers.mean(axis=0), numbers.std(axis=0) + STRETCH
    inputs = torch.from_numpy(np.clip((numbers - centre) / scale, -LIMIT, LIMIT).astype(np.float32))
    targets = torch.from_numpy(presence(training))
    points = torch.from_numpy(np.nan_to_num(training.points, nan=0.0) / POINTS_UNIT)
    members = []
    for number in range(settings.members):
        members.append(_fitted(inputs, targets, points, settings, seed + number))
        report(f"reasons: network {number + 1} of {settings.members} is fitted")
    head = _joined(members, centre, scale, layout, made_for)
    return with_thresholds(head, rows.of(rows.validates), settings.false_alarms)


def _fitted(inputs: Tensor, targets: Tensor, points: Tensor, settings: FitSettings, seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Dropout(settings.dropout),
        nn.Linear(inputs.shape[1], settings.units),
        nn.ReLU(),
        nn.Linear(settings.units, 2 * len(WORDS)),
    )
    steps = -(-len(inputs) // settings.batch) * settings.epochs
    optimiser = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, steps)
    for _ in range(settings.epochs):
        for some in torch.randperm(len(inputs)).split(settings.batch):
            optimiser.zero_grad()
            _loss(network(inputs[some]), targets[some], points[some]).backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def _loss(outputs: Tensor, targets: Tensor, points: Tensor) -> Tensor:
    """Cross-entropy where presence is known, and the error of the points, that of present faults counting more."""
    logits, costs = outputs.chunk(2, dim=1)
    known = ~targets.isnan()
    called = functional.binary_cross_entropy_with_logits(logits[known], targets[known])
    weight = torch.where(points > 0, 1.0, 0.2)
    errors = functional.smooth_l1_loss(costs, points, reduction="none")
    return called + 0.3 * (weight * errors).sum() / weight.sum()


def _joined(
    members: list[nn.Sequential], centre: np.ndarray, scale: np.ndarray, layout: Layout, made_for: str
) -> ReasonsHead:
    """The mean of several networks as one."""
    firsts, lasts = ([_linear(member[place]) for member in members] for place in (1, 3))
    weight = np.concatenate([one[0] for one in lasts], axis=1) / len(members)
    bias = np.mean([one[1] for one in lasts], axis=0)
    words = len(WORDS)
    return ReasonsHead(
        centre=centre,
        scale=scale,
        hidden=np.concatenate([one[0] for one in firsts]),
        hidden_bias=np.concatenate([one[1] for one in firsts]),
        logit=weight[:words],
        logit_bias=bias[:words],
        points=weight[words:],
        points_bias=bias[words:],
        threshold=np.zeros(words, np.float32),
        layout=layout,
        made_for=made_for,
    )


def _linear(layer: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    assert isinstance(layer, nn.Linear)
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()
