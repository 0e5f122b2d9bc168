"""Small random weights in the released format, for tests that need a scorer but no good scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.weights import save_weights
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.hiqa import AnyRegressor, HiqaNet
from hiqa_cli.networks.pair_regressor import PairRegressor, PairRegressorConfig
from hiqa_cli.networks.regressor import Regressor, RegressorConfig

FEW = {**RegressorConfig().to_dict(), "width": 4, "semantic_channels": 8, "hidden": 8}
FEW_OF_PAIR = {
    **PairRegressorConfig().to_dict(), "semantic_channels": 8, "image_units": 8, "pair_units": 6, "gate_units": 2
}  # fmt: skip


def write_tiny_weights(
    folder: Path, seed: int = 0, seen_scenes: list[str] | None = None, *, pair: bool = False
) -> Path:
    """Write random weights of small networks to `folder` and give it back. seen_scenes: what they say to have seen.
    pair: with the released weights' kind of R, else the paper's.

    Scores are finite, differ from picture to picture by whole points, and mean nothing.
    """
    generator, regressor = tiny_pair_networks(seed) if pair else tiny_networks(seed)
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
    """G and the paper's R with few channels and random weights, in evaluation mode; config: of R."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Generator(GeneratorConfig(channels=(4, 4, 8, 8, 8), stacks=2))
        regressor = Regressor(RegressorConfig(**{**FEW, **config}))
    generator.eval()
    regressor.eval()
    _spread_scores(generator, regressor, [regressor.head.score])
    return generator, regressor


def tiny_pair_networks(seed: int = 0, **config: Any) -> tuple[Generator, PairRegressor]:
    """As tiny_networks(), with the released weights' kind of R: its trunk has the only size that there is."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Generator(GeneratorConfig(channels=(4, 4, 8, 8, 8), stacks=2))
        regressor = PairRegressor(PairRegressorConfig(**{**FEW_OF_PAIR, **config}))
    generator.eval()
    regressor.eval()
    with torch.no_grad():
        image, pair = regressor.described(*_statistics(generator, regressor))
        regressor.of_image.fit(image)
        if pair is not None:
            regressor.of_pair.fit(pair)
    heads = [regressor.image.told, *([regressor.comparison.told] if regressor.config.compares else [])]
    _spread_scores(generator, regressor, heads)
    return generator, regressor


@torch.no_grad()
def _spread_scores(generator: Generator, regressor: AnyRegressor, heads: Sequence[torch.nn.Linear]) -> None:
    """Set the random heads so that a few unlike pictures lie around the middle of the scale, about
    ten points apart: as they begin, every picture would get nearly the same score."""
    logits = torch.logit(regressor.predict(*_statistics(generator, regressor))[:, 0])
    factor = 0.5 / logits.std()
    for head in heads:
        head.weight.mul_(factor)
        head.bias.sub_(logits.mean()).mul_(factor)


def _statistics(generator: Generator, regressor: AnyRegressor) -> tuple[torch.Tensor, torch.Tensor]:
    """What R predicts from, of a few unlike pictures, and of each as a whole."""
    network, pictures = HiqaNet(generator, regressor), _unlike_pictures()
    with torch.no_grad():
        return network(pictures).statistics, network.view(pictures)


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
