"""Learning rate, averaged weights, frozen networks, and when a run counts as divergent."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from hiqa_train.distributed import frozen
from hiqa_train.recipes.stages import OptimiserSettings
from hiqa_train.trainer.loop import DivergenceMonitor
from hiqa_train.trainer.network_trainer import AveragedWeights, learning_rate

SGD = OptimiserSettings("sgd", 1.0, 10, 0.4, 0, 0.0, 0.0, 0.0)
pytestmark = pytest.mark.usefixtures("signals_as_they_were")


def test_the_learning_rate_rises_stays_falls_and_drops():
    rates = [learning_rate(step, 100, SGD) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:60] == [1.0] * 51
    assert rates[60:] == sorted(rates[60:], reverse=True)
    assert 0.01 <= rates[-1] < 0.05
    dropped = dataclasses.replace(SGD, warmup=0, decay_share=0.0, drop_every=20)
    assert [learning_rate(step, 100, dropped) for step in (0, 19, 20, 40)] == pytest.approx([1, 1, 0.1, 0.01])


def test_averaged_weights_lag_behind_and_forget_their_start():
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    averaged = AveragedWeights(network, 0.9)
    torch.nn.init.ones_(network.weight)
    averaged.update(network, 0)
    assert float(averaged.network.weight) == pytest.approx(0.9)  # type: ignore[arg-type]
    for step in range(100):
        averaged.update(network, step)
    assert float(averaged.network.weight) == pytest.approx(1, abs=1e-3)  # type: ignore[arg-type]


def test_a_loss_that_grows_tenfold_diverges_and_a_restless_one_does_not():
    restless = DivergenceMonitor()
    assert not any(restless.diverges(1 + 0.9 * (-1) ** step) for step in range(500))
    pace = DivergenceMonitor()
    assert not any(pace.diverges(0.1) for _ in range(60))
    assert any(pace.diverges(3.0) for _ in range(60))


def test_frozen_networks_pass_gradients_on_and_keep_none():
    judge, image = torch.nn.Conv2d(3, 1, 3), torch.rand(1, 3, 8, 8, requires_grad=True)
    with frozen(judge):
        judge(image).sum().backward()
    assert judge.weight.grad is None
    assert image.grad is not None
    assert judge.weight.requires_grad
