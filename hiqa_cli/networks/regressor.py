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

Beside R1 there may be a prior: EfficientNet-Lite0 (lite.py) on the image alone, whose filters were learned on other
photographs. What it says of a photograph and what R1 says of its distortions are added up, as logits:

    score = logistic(prior(I_d) + R2(F))

The two are trained apart, the prior by what people say of photographs: training that tells versions of one photograph
apart moves filters that know photographs away from what they know.

How far off such a score may be, R says too, once it is known: its doubt, told by a small network of its own from what
the heads' hidden units see, fitted when all else has been trained (not in the paper).

The score leaves through a logistic function: it stays within 0..1 without clipping, so that no two pictures
are tied at the ends.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .efficientnet_lite import EfficientNetLite

# A discrepancy of a few 8-bit levels matters as much as a contrast of a hundred: brought to the image's own range.
DISCREPANCY_GAIN = 8.0

ONEDNN_BLOCK = 16  # channels, with AVX-512; 8 with AVX2

NO_PRIOR, LITE = "none", "efficientnet-lite0"


@dataclass(frozen=True)
class RegressorConfig:
    """width: channels of R1's first stage (ResNet-18: 64); semantic_channels: of `H_{5,2}`; blocks: of each of R1's
    stages (ResNet-18: 2); stem: side of R1's first filters in px (ResNet-18: 7). Without blocks there is no R1, and the
    prior alone says the score.

    `discrepancy` and `semantic` switch the paper's ideas on one by one: both off is its baseline BL, the
    discrepancy map alone is HCM, both are HSF (ablation, figure 4). `absolute_map`: R sees |I_d - G(I_d)| in place of
    the signed difference (the bars of formula (10) are lost in the text). `doubt`: R says how far off its score may be;
    `doubt_units`: hidden units of that network (0: a linear function).
    """

    width: int = 48
    semantic_channels: int = 128
    hidden: int = 128
    discrepancy: bool = True
    semantic: bool = True
    batch_norm: bool = False
    absolute_map: bool = False
    blocks: int = 2
    stem: int = 7
    prior: str = NO_PRIOR
    doubt: bool = False
    doubt_units: int = 0

    def __post_init__(self) -> None:
        if not self.blocks and (self.prior == NO_PRIOR or self.discrepancy or self.semantic):
            raise ValueError("without R1 there is a prior, and nothing to see a discrepancy map or G's features")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> RegressorConfig:
        # weights of before these do not name them: their map is signed, their R1 is ResNet-18's, alone
        before: dict[str, Any] = {
            "absolute_map": False,
            "blocks": 2,
            "stem": 7,
            "prior": NO_PRIOR,
            "doubt": False,
            "doubt_units": 0,
        }
        known = before | fields
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


class PointwiseConvolution(nn.Conv2d):
    """A 1x1 convolution of few channels that trains by taking every stride-th pixel first, which gives the same sums.

    oneDNN 3.12 corrupts memory in the backward pass of a strided 1x1 convolution with fewer input channels than one of
    its blocks holds (uxlfoundation/oneDNN issue 6035).
    """

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return super().forward(x)
        down, across = self.stride
        return functional.conv2d(x[..., ::down, ::across], self.weight, self.bias)


def convolution(channels_in: int, channels_out: int, side: int, stride: int, batch_norm: bool) -> nn.Sequential:
    """A square convolution with a batch norm or a bias, initialised to keep the variance (He et al., ICCV 2015)."""
    kind = PointwiseConvolution if side == 1 and channels_in < ONEDNN_BLOCK else nn.Conv2d
    conv = kind(channels_in, channels_out, side, stride=stride, padding=side // 2, bias=not batch_norm)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu" if side > 1 else "linear")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out) if batch_norm else nn.Identity())


class Trunk(nn.Module):
    """R1: the convolutions of ResNet-18, (B, channels, H, W) -> features of its four stages, 1/4 to 1/32."""

    def __init__(self, channels_in: int, width: int, blocks: int, stem: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.channels = (width, 2 * width, 4 * width, 8 * width)
        self.conv = convolution(channels_in, width, stem, 2, batch_norm)
        # Distortions are faint beside content: filters that begin without a mean look past it from the start.
        with torch.no_grad():
            weight = next(self.conv.parameters())
            weight.sub_(weight.mean(dim=(2, 3), keepdim=True))
        widths = (width, width, 2 * width, 4 * width, 8 * width)
        self.stages = nn.ModuleList(
            nn.Sequential(
                BasicBlock(before, here, 1 if n == 0 else 2, batch_norm=batch_norm),
                *(BasicBlock(here, here, 1, batch_norm=batch_norm) for _ in range(blocks - 1)),
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
    """R2: pooled features -> logits (B,); always in float32, whatever the convolutions run in."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, hidden)
        self.score = nn.Linear(hidden, 1)

    def seen(self, pooled: Tensor) -> Tensor:
        """(B, hidden) float32, what the score is told from."""
        return functional.relu(self.hidden(pooled.float()))

    def forward(self, pooled: Tensor) -> Tensor:
        logits: Tensor = self.score(self.seen(pooled)).squeeze(1)
        return logits


class ErrorHead(nn.Module):
    """What the heads' hidden units see -> logarithms of what the half-width of such a score is multiplied with."""

    def __init__(self, seen: int, units: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(seen, units)
        self.told = nn.Linear(units, 1)

    def forward(self, seen: Tensor) -> Tensor:
        """(B, seen) -> (B, 1)."""
        told: Tensor = self.told(functional.relu(self.hidden(seen)))
        return told


class Prior(nn.Module):
    """How good a photograph looks, from the image alone."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.trunk = EfficientNetLite()
        self.head = Head(self.trunk.channels, hidden)

    def forward(self, distorted: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in 0..1 -> (B, 1280, H/32, W/32), what its head pools."""
        features: Tensor = self.trunk(to_range(distorted))
        return features


class Regressor(nn.Module):
    """R of formulas (10)-(12): tensors of a batch of tiles -> (B,) scores in 0..1, high is good, float32."""

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.config = config
        self.prior = Prior(config.hidden) if config.prior == LITE else None
        if config.doubt:
            seen = config.hidden * (bool(config.blocks) + (self.prior is not None))
            self.doubt: nn.Module = ErrorHead(seen, config.doubt_units) if config.doubt_units else nn.Linear(seen, 1)
        if not config.blocks:
            return
        channels_in = 6 if config.discrepancy else 3
        self.trunk = Trunk(channels_in, config.width, config.blocks, config.stem, batch_norm=config.batch_norm)
        features = self.trunk.channels[-1]
        if config.semantic:
            self.project = nn.Conv2d(config.semantic_channels, features, 1)  # f of formula (11)
        self.head = Head(2 * features if config.semantic else features, config.hidden)
        if self.prior is not None:
            for parameter in self.head.score.parameters():
                nn.init.zeros_(parameter)  # R1 begins with adding nothing to what the prior says

    @property
    def heads(self) -> list[Head]:
        """Of R1, of the prior, as far as there are."""
        own = [self.head] if self.config.blocks else []
        return own if self.prior is None else [*own, self.prior.head]

    @property
    def pooled_channels(self) -> int:
        """C of joined features."""
        return sum(head.hidden.in_features for head in self.heads)

    def forward(self, distorted: Tensor, discrepancy: Tensor | None = None, semantic: Tensor | None = None) -> Tensor:
        """Scores of a batch.

        distorted: (B, 3, H, W) RGB in 0..1.
        discrepancy: (B, 3, H, W), distorted minus hallucination, signed: it tells overshoot from loss.
        semantic: (B, C, H/32, W/32), `H_{5,2}(I_d)`.
        Raises ValueError where an input that the configuration asks for is missing.
        """
        return self.score(self.quality_features(distorted, discrepancy)[-1], semantic)

    def score(self, features: Tensor, semantic: Tensor | None) -> Tensor:
        """The last quality features (B, C, H/32, W/32) and `H_{5,2}` -> (B,) scores in 0..1."""
        return self.pooled_score(self.joined(features, semantic))

    def joined(self, features: Tensor, semantic: Tensor | None) -> Tensor:
        """F of formula (12): the projection of `H_{5,2}`, R1's last features, the prior's (B, C, H/32, W/32)."""
        if not self.config.semantic:
            return features
        if semantic is None:
            raise ValueError("this regressor fuses G's features: give `semantic`")
        return torch.cat([self.project(semantic), features], dim=1)

    def pooled_score(self, features: Tensor) -> Tensor:
        """R2 of formula (12): joined features (B, C, H/32, W/32) -> (B,) scores in 0..1."""
        return self.predict_pooled(pooled(features))[:, 0]

    def predict_pooled(self, pooled: Tensor) -> Tensor:
        """Pooled joined features (B, C) -> (B, 2): scores in 0..1, and doubts, logarithms of what the half-width of a
        score is multiplied with, 0 where R has none."""
        seen = self.seen(pooled)
        logits = torch.stack([head.score(part).squeeze(1) for head, part in zip(self.heads, seen, strict=True)])
        score = torch.sigmoid(logits.sum(dim=0))
        doubt = self.doubt(torch.cat(seen, dim=1)).squeeze(1) if self.config.doubt else torch.zeros_like(score)
        return torch.stack([score, doubt], dim=1)

    def seen(self, pooled: Tensor) -> list[Tensor]:
        """Pooled joined features (B, C) -> for each head (B, hidden), what score and doubt are told from."""
        parts = pooled.split([head.hidden.in_features for head in self.heads], dim=1)
        return [head.seen(part) for head, part in zip(self.heads, parts, strict=True)]

    def give_doubt(self, doubt: ErrorHead) -> None:
        """doubt: of what seen() gives."""
        self.config = replace(self.config, doubt=True, doubt_units=doubt.hidden.out_features)
        self.doubt = doubt

    def quality_features(
        self, distorted: Tensor, discrepancy: Tensor | None = None, prior: Tensor | None = None
    ) -> list[Tensor]:
        """Features of R1's four stages, and the prior's beside the last; prior: these, where they were worked out
        elsewhere."""
        features = self.trunk_features(distorted, discrepancy) if self.config.blocks else []
        if self.prior is None:
            return features
        own = self.prior(distorted) if prior is None else prior
        return [*features[:-1], torch.cat([features[-1], own], dim=1)] if features else [own]

    def trunk_features(self, distorted: Tensor, discrepancy: Tensor | None = None) -> list[Tensor]:
        """Features of R1's four stages; the third is psi of formula (5) when R has been trained on images alone."""
        x = to_range(distorted)
        if self.config.discrepancy:
            if discrepancy is None:
                raise ValueError("this regressor looks at the discrepancy map: give `discrepancy`")
            seen = discrepancy.abs() if self.config.absolute_map else discrepancy
            x = torch.cat([x, seen * DISCREPANCY_GAIN], dim=1)  # (B, 6, H, W)
        features: list[Tensor] = self.trunk(x)
        return features


def pooled(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C) float32."""
    return features.float().mean(dim=(2, 3))


def to_range(image: Tensor) -> Tensor:
    """0..1 -> -2..2, what both trunks' first convolutions take."""
    return image * 4 - 2
