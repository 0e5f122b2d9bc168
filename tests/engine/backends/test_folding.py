"""Batch norms folded into convolutions."""

from __future__ import annotations

import torch
from support.tiny_weights import tiny_networks

from hiqa_cli.engine.backends.torch_backend import fold_batch_norms
from hiqa_cli.networks.hiqa import HiqaNet


def test_folded_batch_norms_change_no_score() -> None:
    generator, regressor = tiny_networks(3, batch_norm=True)
    norms = [module for module in regressor.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert len(norms) == 20
    for module in regressor.modules():  # statistics as after training, not as at birth
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    network = HiqaNet(generator, regressor).eval()
    tiles = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = network(tiles).statistics
        fold_batch_norms(network)
        after = network(tiles).statistics
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    torch.testing.assert_close(before, after, rtol=1e-5, atol=1e-5)
