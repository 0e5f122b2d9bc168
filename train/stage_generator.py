"""Stage G: the hourglass learns to imagine the undistorted picture (section 3.1, formulas 1-5).

The pixel loss works alone first; for the last part the feature losses join it: VGG19's (4) and, in the space
of quality features, that of an R trained on distorted images alone (5). They are taken on the middle of the
patches and at every `features_every`-th step, since a pass through VGG19 costs several of G's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.regressor import Regressor

from .checkpoint import load_checkpoint, save_checkpoint
from .loop import Averaged, Journal, StopSignal, learning_rate
from .losses import feature_loss, pixel_loss
from .patches import draw_pair, to_tensor
from .pristine import Pristine
from .vgg import Vgg19Features

KIND = "generator"


@dataclass(frozen=True)
class GeneratorRecipe:
    """Everything that decides a run of this stage; saved with it."""

    steps: int = 7500
    batch: int = 8
    patch: int = 128
    peak: float = 1e-3
    warmup: int = 200
    decay_share: float = 0.35
    averaging: float = 0.998
    seed: int = 1
    first_stack_weight: float = 0.3
    features_from: float = 0.8  # share of the steps after which the feature losses join
    features_every: int = 4
    features_patch: int = 64
    vgg_weight: float = 0.1
    psi_weight: float = 0.1
    checkpoint_every: int = 250
    shares: dict[str, float] = field(
        default_factory=lambda: {
            "noise": 0.17, "jpeg": 0.28, "reduction": 0.19, "blur": 0.09, "jpeg2000": 0.05,
            "contrast": 0.02, "colour": 0.02, "mixture": 0.13, "clean": 0.05,
        }
    )  # fmt: skip


@dataclass(frozen=True)
class Features:
    """The networks of the feature losses: VGG19 (4) and an R trained on distorted images alone (5)."""

    vgg: Vgg19Features
    psi: Regressor


def middle(batch: Tensor, side: int) -> Tensor:
    y, x = (batch.shape[-2] - side) // 2, (batch.shape[-1] - side) // 2
    return batch[..., y : y + side, x : x + side]


def feature_losses(features: Features, hallucination: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """l_v (4) and l_q (5); psi is R's third stage."""
    seen = zip(features.vgg(hallucination), features.vgg(reference), strict=True)
    losses = [feature_loss(a, b) for a, b in seen]
    vgg = torch.stack(losses).mean()
    psi = feature_loss(
        features.psi.quality_features(hallucination)[2], features.psi.quality_features(reference)[2]
    )
    return vgg, psi


def train_generator(
    images: list[Pristine], recipe: GeneratorRecipe, config: GeneratorConfig, out: Path, *,
    features: Features | None, resume: bool, stop: StopSignal,
) -> Path | None:  # fmt: skip
    """Train G on patches of `images`; gives the checkpoint of the finished run, or None where it was stopped.

    Without `features` the run ends where they would join, and goes on from there when they are given.
    """
    torch.manual_seed(recipe.seed)
    network: nn.Module = Generator(config).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    averaged = Averaged(network, recipe.averaging)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.peak, betas=(0.9, 0.99), weight_decay=1e-4)
    checkpoint, first = out / "generator.ckpt", 0
    if resume:
        state = load_checkpoint(checkpoint, KIND)
        network.load_state_dict(state["network"])
        averaged.network.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    journal = Journal(out / "generator.jsonl")
    joins = round(recipe.steps * recipe.features_from)
    last = recipe.steps if features is not None else joins

    def keep(step: int) -> None:
        save_checkpoint(checkpoint, {
            "kind": KIND, "step": step, "config": config.to_dict(), "recipe": asdict(recipe),
            "network": network.state_dict(), "averaged": averaged.network.state_dict(),
            "optimizer": optimizer.state_dict(),
        })  # fmt: skip

    for step in range(first, last):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, recipe.steps, recipe.peak, recipe.warmup, recipe.decay_share)
        numbers = range(step * recipe.batch, (step + 1) * recipe.batch)
        pairs = [draw_pair(images, recipe.patch, recipe.shares, recipe.seed, n) for n in numbers]
        distorted = to_tensor([pair.distorted for pair in pairs])
        reference = to_tensor([pair.reference for pair in pairs])
        imagined = network(distorted)
        pixel = pixel_loss(imagined.stacks[-1], distorted, reference)
        loss = pixel
        for earlier in imagined.stacks[:-1]:
            loss = loss + recipe.first_stack_weight * pixel_loss(earlier, distorted, reference)
        losses = {"pixel": pixel.item()}
        if features is not None and step >= joins and step % recipe.features_every == 0:
            side = recipe.features_patch
            vgg, psi = feature_losses(features, middle(imagined.stacks[-1], side), middle(reference, side))
            # Taken at every n-th step only, so n times as heavy there.
            loss = loss + recipe.features_every * (recipe.vgg_weight * vgg + recipe.psi_weight * psi)
            losses |= {"vgg": vgg.item() * recipe.features_every, "psi": psi.item() * recipe.features_every}
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimizer.step()
        averaged.update(network, step)
        journal.add(step, losses | {"gradient": norm.item()})
        if (step + 1) % recipe.checkpoint_every == 0 or step + 1 == last or stop.asked:
            keep(step + 1)
            journal.write(step + 1, {})
            if stop.asked:
                return None
    return checkpoint
