"""Small random weights in the released format, for tests that need a scorer but no good scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.weights import save_weights
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.regressor import Regressor, RegressorConfig

FEW = {**RegressorConfig().to_dict(), "width": 4, "semantic_channels": 8, "hidden": 8}


def write_tiny_weights(folder: Path, seed: int = 0, seen_scenes: list[str] | None = None) -> Path:
    """Write random weights of small networks to `folder` and give it back. seen_scenes: what they say to have seen.

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
        seen_scenes=seen_scenes,
    )
    return folder


def tiny_networks(seed: int = 0, **config: Any) -> tuple[Generator, Regressor]:
    """Both networks with few channels (as far as R's prior lets them be few) and random weights, in evaluation mode;
    config: of R."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Generator(GeneratorConfig(channels=(4, 4, 8, 8, 8), stacks=2))
        regressor = Regressor(RegressorConfig(**{**FEW, **config}))
        if regressor.prior is not None and regressor.config.blocks:
            torch.nn.init.normal_(regressor.head.score.weight, std=0.1)  # it would begin with adding nothing
    generator.eval()
    regressor.eval()
    _spread_scores(generator, regressor)
    return generator, regressor


@torch.inference_mode()
def _spread_scores(generator: Generator, regressor: Regressor) -> None:
    """Set the random head so that a few unlike pictures lie around the middle of the scale, about
    ten points apart: as it begins, every picture would get nearly the same score."""
    network = HiqaNet(generator, regressor)
    logits = torch.logit(network(_unlike_pictures()).score)
    factor = 0.5 / logits.std()
    for head in regressor.heads:  # whose logits add up
        head.score.weight.mul_(factor)
        head.score.bias.mul_(factor)
    regressor.heads[0].score.bias.sub_(logits.mean() * factor)


def _unlike_pictures() -> torch.Tensor:
    """Black, white, a ramp, stripes and noise, (5, 3, 256, 256)."""
    ramp = torch.linspace(0, 1, 256).expand(3, 256, 256)
    stripes = (torch.arange(256) // 4 % 2).float().expand(3, 256, 256)
    noise = torch.rand(3, 256, 256, generator=torch.Generator().manual_seed(0))
    return torch.stack([torch.zeros_like(ramp), torch.ones_like(ramp), ramp, stripes, noise])


def weights_that_saw(folder: Path, scenes: Sequence[str] | None, **measured: object) -> Path:
    """Random weights whose manifest says that they were trained on these scenes."""
    about = {"name": "x", "version": "1", "licence": "none", "training_data": [], "measured": measured}
    save_weights(folder, *tiny_networks(), Calibration((1.0, 0.2, -0.3, 0.1, -0.1), 1.0), **about, seen_scenes=scenes)
    return folder
