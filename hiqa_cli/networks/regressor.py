"""R, the hallucination-guided quality regression network.

Lin and Wang, CVPR 2018, section 3.3: a modified ResNet-18 (He et al., CVPR 2016) on the distorted image and its
discrepancy map, formula (10), whose features are joined with a linear projection of G's own high-level
features, formulas (11) and (12):

    F = f(H_{5,2}(I_d)) (x) R1(I_d, I_map),   score = R2(F)

What is modified: six input channels instead of three; `width` channels in the first stage (64 is ResNet-18's;
fewer cost less with the same depth); a head of two layers instead of one, since the score is not linear in what the
features tell; and no batch norms, unless asked for: among patches of one batch a single noisy one changes the
variance of the fine detail tenfold, so that what a clean patch looks like would depend on its neighbours. Features
are joined place by place (8x8 for a 256x256 tile) and pooled after that.

In place of ResNet-18's layout R1 may have EfficientNet-Lite0's (lite.py), whose filters were learned on other
photographs.

The score leaves through a logistic function: it stays within 0..1 without clipping, so that no two pictures
are tied at the ends.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .lite import LiteTrunk

# A discrepancy of a few 8-bit levels matters as much as a contrast of a hundred: brought to the image's own range.
DISCREPANCY_GAIN = 8.0

RESNET, LITE = "resnet18", "efficientnet-lite0"  # R1's layouts
LITE_PROJECTION = 320  # channels of f beside LITE's 1280: as many as its last block has


@dataclass(frozen=True)
class RegressorConfig:
    """width: channels of RESNET's first stage (ResNet-18: 64; LITE has its own); semantic_channels: of `H_{5,2}`.

    `discrepancy` and `semantic` switch the paper's ideas on one by one: both off is its baseline BL, the
    discrepancy map alone is HCM, both are HSF (ablation, figure 4). `absolute_map`: R sees |I_d - G(I_d)| in place of
    the signed difference (the bars of formula (10) are lost in the text).
    """

    width: int = 48
    semantic_channels: int = 128
    hidden: int = 128
    discrepancy: bool = True
    semantic: bool = True
    batch_norm: bool = False
    absolute_map: bool = False
    backbone: str = RESNET

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> RegressorConfig:
        # weights of before these do not name them: their map is signed, their layout ResNet-18's
        known = {"absolute_map": False, "backbone": RESNET, **fields}
        return cls(**{name: known[name] for name in cls.__dataclass_fields__})


class BasicBlock(nn.Module):
    """ResNet-18's block: (B, C_in, H, W) -> (B, C_out, H/stride, W/stride)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.conv1 = convolution(channels_in, channels_out, 3, stride, batch_norm)
        self.conv2 = convolution(channels_out, channels_out, 3, 1, batch_norm)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            self.shortcut = convolution(channels_in, channels_out, 1, stride, batch_norm)
        if not batch_norm:
            # Without norms a block begins near its shortcut, or eight of them in a row would explode
            # (Zhang et al., "Fixup initialization", ICLR 2019).
            with torch.no_grad():
                next(self.conv2.parameters()).mul_(0.1)  # the convolution's weight

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.conv1(x))
        return functional.relu(self.conv2(inner) + self.shortcut(x))


def convolution(channels_in: int, channels_out: int, side: int, stride: int, batch_norm: bool) -> nn.Sequential:
    """A square convolution with a batch norm or a bias, initialised to keep the variance (He et al., ICCV 2015)."""
    conv = nn.Conv2d(
        channels_in, channels_out, side, stride=stride, padding=side // 2, bias=not batch_norm
    )
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu" if side > 1 else "linear")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out) if batch_norm else nn.Identity())


class Trunk(nn.Module):
    """R1: the convolutions of ResNet-18, (B, channels, H, W) -> features of its four stages, 1/4 to 1/32."""

    def __init__(self, channels_in: int, width: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.channels = (width, 2 * width, 4 * width, 8 * width)
        self.conv = convolution(channels_in, width, 7, 2, batch_norm)
        # Distortions are faint beside content: filters that begin without a mean look past it from the start.
        with torch.no_grad():
            weight = next(self.conv.parameters())
            weight.sub_(weight.mean(dim=(2, 3), keepdim=True))
        widths = (width, width, 2 * width, 4 * width, 8 * width)
        self.stages = nn.ModuleList(
            nn.Sequential(
                BasicBlock(before, here, 1 if n == 0 else 2, batch_norm=batch_norm),
                BasicBlock(here, here, 1, batch_norm=batch_norm),
            )
            for n, (before, here) in enumerate(pairwise(widths))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        x = functional.max_pool2d(functional.relu(self.conv(x)), 3, stride=2, padding=1)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class Head(nn.Module):
    """R2: pooled features -> score in 0..1; always in float32, whatever the convolutions run in."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(self, pooled: Tensor) -> Tensor:
        hidden = functional.relu(self.hidden(pooled.float()))
        return torch.sigmoid(self.score(hidden).squeeze(1))


class Regressor(nn.Module):
    """R of formulas (10)-(12): tensors of a batch of tiles -> (B,) scores in 0..1, high is good, float32."""

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.config = config
        channels_in = 6 if config.discrepancy else 3
        self.trunk: Trunk | LiteTrunk
        if config.backbone == LITE:
            if config.batch_norm:
                raise ValueError(f"{LITE} has its batch norms folded")
            self.trunk = LiteTrunk(channels_in)
        else:
            self.trunk = Trunk(channels_in, config.width, batch_norm=config.batch_norm)
        features = self.trunk.channels[-1]
        projected = LITE_PROJECTION if config.backbone == LITE else features
        if config.semantic:
            self.project = nn.Conv2d(config.semantic_channels, projected, 1)  # f of formula (11)
        self.head = Head(projected + features if config.semantic else features, config.hidden)

    def forward(
        self, distorted: Tensor, discrepancy: Tensor | None = None, semantic: Tensor | None = None
    ) -> Tensor:
        """Scores of a batch.

        distorted: (B, 3, H, W) RGB in 0..1.
        discrepancy: (B, 3, H, W), distorted minus hallucination, signed: it tells overshoot from loss.
        semantic: (B, C, H/32, W/32), `H_{5,2}(I_d)`.
        Raises ValueError where an input that the configuration asks for is missing.
        """
        return self.score(self.quality_features(distorted, discrepancy)[-1], semantic)

    def score(self, features: Tensor, semantic: Tensor | None) -> Tensor:
        """R1's last features (B, C, H/32, W/32) and `H_{5,2}` -> (B,) scores in 0..1."""
        return self.pooled_score(self.joined(features, semantic))

    def joined(self, features: Tensor, semantic: Tensor | None) -> Tensor:
        """F of formula (12): R1's last features (B, C, H/32, W/32) beside the projection of `H_{5,2}`."""
        if not self.config.semantic:
            return features
        if semantic is None:
            raise ValueError("this regressor fuses G's features: give `semantic`")
        return torch.cat([self.project(semantic), features], dim=1)

    def pooled_score(self, features: Tensor) -> Tensor:
        """R2 of formula (12): joined features (B, C, H/32, W/32) -> (B,) scores in 0..1."""
        score: Tensor = self.head(features.float().mean(dim=(2, 3)))
        return score

    def quality_features(self, distorted: Tensor, discrepancy: Tensor | None = None) -> list[Tensor]:
        """Features of the four stages; the third is psi of formula (5) when R has been trained on images alone."""
        x = distorted * 4 - 2
        if self.config.discrepancy:
            if discrepancy is None:
                raise ValueError("this regressor looks at the discrepancy map: give `discrepancy`")
            seen = discrepancy.abs() if self.config.absolute_map else discrepancy
            x = torch.cat([x, seen * DISCREPANCY_GAIN], dim=1)  # (B, 6, H, W)
        features: list[Tensor] = self.trunk(x)
        return features
