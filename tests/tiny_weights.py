"""Small random weights in the released format, for tests that need a scorer but no good scores."""

from __future__ import annotations

from pathlib import Path

import torch

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.weights import save_weights
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.regressor import Regressor, RegressorConfig


def write_tiny_weights(folder: Path, seed: int = 0) -> Path:
    """Write random weights of small networks to `folder` and give it back.

    Scores are finite, differ from picture to picture by whole points, and mean nothing.
    """
    generator, regressor = tiny_networks(seed)
    save_weights(
        folder,
        generator,
        regressor,
        Calibration((1.0, 0.2, -0.3, 0.1, -0.1), 1.0),
        name="tiny random weights",
        version=f"0.{seed}",
        licence="Apache-2.0",
        training_data=[{"name": "none", "terms": "none", "use": "random numbers"}],
        measured={"note": "nothing: these were never trained"},
    )
    return folder


def tiny_networks(seed: int = 0) -> tuple[Generator, Regressor]:
    """Both networks with few channels and random weights, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Generator(GeneratorConfig(channels=(4, 4, 8, 8, 8), stacks=2))
        regressor = Regressor(RegressorConfig(width=4, semantic_channels=8, hidden=8))
    _spread_scores(regressor)
    return generator.eval(), regressor.eval()


@torch.no_grad()
def _spread_scores(regressor: Regressor) -> None:
    """Let the random head answer strongly: as it begins, every score would be nearly the same."""
    regressor.head.hidden.weight.mul_(6.0)
    regressor.head.score.weight.mul_(6.0)
