"""Stage R: ResNet-18 learns what a tile is worth (section 3.3, formulas 10-12).

Run three times: on distorted images alone, which gives the quality features psi of formula (5); then, begun from
that, on the distorted image, its discrepancy map and G's features, G frozen, first on small patches, of which there
are more in an hour, last on whole tiles.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from hiqa_cli.engine.devices import fast_bf16
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.regressor import Regressor, RegressorConfig

from .checkpoint import load_checkpoint, save_checkpoint
from .loop import Averaged, Journal, StopSignal, learning_rate
from .losses import ranking_loss, score_loss
from .pristine import Pristine
from .versions import GROUP, VersionBatches, Versions

KIND = "regressor"


@dataclass(frozen=True)
class RegressorRecipe:
    """Everything that decides a run of this stage; saved with it."""

    steps: int
    groups: int  # a batch: groups of GROUP versions of one reference
    patch: int
    peak: float
    warmup: int
    decay_share: float
    averaging: float
    seed: int
    ranking_weight: float = 1.0
    local_weight: float = 2.0
    workers: int = 1
    checkpoint_every: int = 100
    shares: dict[str, float] = field(
        default_factory=lambda: {
            "noise": 0.17, "jpeg": 0.17, "jpeg2000": 0.15, "blur": 0.15, "reduction": 0.15,
            "contrast": 0.04, "colour": 0.04, "mixture": 0.13,
        }
    )  # fmt: skip


# On distorted images alone, small patches and many of them: the source of psi, and where the final R begins.
ALONE = RegressorRecipe(
    steps=900, groups=4, patch=128, peak=5e-4, warmup=50, decay_share=0.5, averaging=0.995, seed=2
)
# With G's discrepancy map and features: on small patches still, then on whole tiles.
JOINED = RegressorRecipe(
    steps=1000, groups=4, patch=128, peak=6e-4, warmup=80, decay_share=0.3, averaging=0.995, seed=4
)
FINAL = RegressorRecipe(
    steps=100, groups=4, patch=256, peak=4e-4, warmup=10, decay_share=0.9, averaging=0.98, seed=3
)


def begin_from(network: Regressor, alone: dict[str, Tensor]) -> None:
    """Take over what an R trained on images alone knows: the new inputs begin unheard, its scores stay as they are."""
    state = network.state_dict()
    for name, old in alone.items():
        new = state[name]
        if new.shape == old.shape:
            new.copy_(old)
        else:  # first convolution: image channels first; head: fused features come before R1's own
            new.zero_()
            if name == "trunk.conv.0.weight":
                new[:, : old.shape[1]].copy_(old)
            else:
                new[:, -old.shape[1] :].copy_(old)
    network.load_state_dict(state)


def whole(batch: list[Versions]) -> Versions:
    """A loader's item is a batch already."""
    return batch[0]


def train_regressor(
    images: list[Pristine], recipe: RegressorRecipe, config: RegressorConfig, out: Path, *,
    generator: Generator | None, begin: dict[str, Tensor] | None, resume: bool, stop: StopSignal,
) -> Path | None:  # fmt: skip
    """Train R on labelled versions of `images`; the finished run's checkpoint, or None where it was stopped."""
    torch.manual_seed(recipe.seed)
    network = Regressor(config)
    if begin is not None:
        begin_from(network, begin)
    network.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    averaged = Averaged(network, recipe.averaging)
    # Tell what is lost place by place, from the features of each stage; trained beside R, of no use afterwards.
    local = nn.ModuleList(nn.Conv2d(config.width * 2**stage, 2, 1) for stage in range(4))
    optimizer = torch.optim.AdamW(
        [*network.parameters(), *local.parameters()], lr=recipe.peak, weight_decay=1e-2
    )
    checkpoint, first = out / "regressor.ckpt", 0
    if resume:
        state = load_checkpoint(checkpoint, KIND)
        network.load_state_dict(state["network"])
        local.load_state_dict(state["local"])
        averaged.network.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    batches = VersionBatches(
        images, recipe.patch, recipe.shares, recipe.seed, recipe.groups, first, recipe.steps, generator
    )
    loader = DataLoader(batches, batch_size=1, collate_fn=whole, num_workers=recipe.workers)
    journal = Journal(out / "regressor.jsonl")
    for step, batch in enumerate(loader, start=first):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, recipe.steps, recipe.peak, recipe.warmup, recipe.decay_share)
        losses = regressor_step(network, local, optimizer, batch, recipe)
        averaged.update(network, step)
        journal.add(step, losses)
        if (step + 1) % recipe.checkpoint_every == 0 or step + 1 == recipe.steps or stop.asked:
            save_checkpoint(checkpoint, state_of(step + 1, network, local, averaged, optimizer, recipe))
            journal.write(step + 1, {})
            if stop.asked:
                return None
    return checkpoint


def regressor_step(
    network: Regressor, local: nn.ModuleList, optimizer: torch.optim.Optimizer, batch: Versions,
    recipe: RegressorRecipe,
) -> dict[str, float]:  # fmt: skip
    """One step; the losses it took. R1 runs in bf16 where that pays, what follows it (R2, losses) in float32."""
    discrepancy = batch.discrepancy if network.config.discrepancy else None
    semantic = batch.semantic if network.config.semantic else None
    with torch.autocast("cpu", torch.bfloat16, enabled=fast_bf16("cpu")):
        features = network.quality_features(batch.distorted, discrepancy)
    features = [found.float() for found in features]
    predicted = network.score(features[-1], semantic)
    score = score_loss(predicted, batch.quality)
    stages = zip(local, features, batch.local, strict=True)
    places = torch.stack([functional.l1_loss(head(found), wanted) for head, found, wanted in stages]).mean()
    ranking = ranking_loss(predicted, batch.quality, GROUP)
    optimizer.zero_grad(set_to_none=True)
    (score + recipe.ranking_weight * ranking + recipe.local_weight * places).backward()
    norm = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return {"score": score.item(), "ranking": ranking.item(), "local": places.item(), "gradient": norm.item()}


def state_of(
    step: int, network: Regressor, local: nn.ModuleList, averaged: Averaged, optimizer: torch.optim.Optimizer,
    recipe: RegressorRecipe,
) -> dict[str, Any]:  # fmt: skip
    return {
        "kind": KIND, "step": step, "config": network.config.to_dict(), "recipe": asdict(recipe),
        "network": network.state_dict(), "local": local.state_dict(), "averaged": averaged.network.state_dict(),
        "optimizer": optimizer.state_dict(),
    }  # fmt: skip
