"""The R of the paper, the hallucination-guided quality regression network.

Lin and Wang, CVPR 2018, section 3.3: a modified ResNet-18 (He et al., CVPR 2016) on the distorted image and its
discrepancy map, formula (10), whose features are joined with a linear projection of G's own high-level
features, formulas (11) and (12):

    F = f(H_{5,2}(I_d)) (x) R1(I_d, I_map),   score = R2(F)

Modifications: six input channels instead of three; `width` channels in the first stage (64 in ResNet-18; fewer cost
less at the same depth); a head of two layers instead of one, since the score is not linear in the features; and no
batch norms by default, since a single noisy patch changes the variance of the fine detail in its batch tenfold, and the
features of a clean patch would depend on its neighbours. Features are joined at each position (8x8 for a 256x256 tile)
and pooled afterwards.

R can also predict its own error (not in the paper), by a small network on the activations of the head's hidden units
that is fitted after all other training.

A logistic function keeps the score within 0..1 without clipping, so that no two images are tied at the ends.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .resnet import Trunk
from .tile_regressor import ErrorHead, with_errors
from .traits import PAPER

# Scales the discrepancy map to the range of the image: a few 8-bit levels of it matter as much as a contrast of 100.
DISCREPANCY_GAIN = 8.0


@dataclass(frozen=True)
class RegressorConfig:
    """The architecture of R.

    width: channels of R1's first stage (ResNet-18: 64).
    semantic_channels: of `H_{5,2}`. hidden: units of the head.
    blocks: per stage of R1 (ResNet-18: 2).
    stem: side of R1's first filters in px (ResNet-18: 7).
    discrepancy, semantic: the paper's two additions; without both, R is its baseline BL, with the discrepancy map HCM,
        with both HSF (ablation, figure 4).
    absolute_map: R1 gets |I_d - G(I_d)|, as in formula (10), in place of the signed difference.
    error_units: hidden units of the error head; 0: R predicts no errors.
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
    error_units: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> RegressorConfig:
        return cls(**{name: fields[name] for name in cls.__dataclass_fields__})


class Head(nn.Module):
    """R2: pooled features (B, C) -> logits (B,); always in float32, whatever the precision of the convolutions."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, hidden)
        self.score = nn.Linear(hidden, 1)

    def activations(self, pooled: Tensor) -> Tensor:
        """Activations of the hidden units, (B, hidden) float32."""
        return functional.relu(self.hidden(pooled.float()))

    def forward(self, pooled: Tensor) -> Tensor:
        logits: Tensor = self.score(self.activations(pooled)).squeeze(1)
        return logits


class Regressor(nn.Module):
    """R of formulas (10)-(12), and a `TileRegressor`: tensors of a batch of tiles -> (B,) scores in 0..1."""

    traits = PAPER

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.config = config
        channels_in = 6 if config.discrepancy else 3
        self.trunk = Trunk(channels_in, config.width, config.blocks, config.stem, batch_norm=config.batch_norm)
        features = self.trunk.channels[-1]
        if config.semantic:
            self.project = nn.Conv2d(config.semantic_channels, features, 1)  # f of formula (11)
        self.head = Head(self.statistics_count, config.hidden)
        self.error_head = ErrorHead(config.hidden, config.error_units) if config.error_units else None

    @property
    def statistics_count(self) -> int:
        """Channels of F, the joined features."""
        return (2 if self.config.semantic else 1) * self.trunk.channels[-1]

    @property
    def activation_count(self) -> int:
        """Number of inputs of the error head."""
        return self.config.hidden

    def forward(self, distorted: Tensor, discrepancy: Tensor | None = None, semantic: Tensor | None = None) -> Tensor:
        """Scores of a batch.

        distorted: (B, 3, H, W) RGB in 0..1.
        discrepancy: (B, 3, H, W), distorted minus hallucination, signed, which distinguishes overshoot from loss.
        semantic: (B, C, H/32, W/32), `H_{5,2}(I_d)`.
        Raises ValueError where an input that the configuration requires is missing.
        """
        return self.score(self.trunk_features(distorted, discrepancy)[-1], semantic)

    def score(self, features: Tensor, semantic: Tensor | None) -> Tensor:
        """The last features of R1 (B, C, H/32, W/32) and `H_{5,2}` -> (B,) scores in 0..1."""
        return torch.sigmoid(self.head(pooled(self.joined(features, semantic))))

    def joined(self, features: Tensor, semantic: Tensor | None) -> Tensor:
        """F of formula (12): the projection of `H_{5,2}` and R1's last features (B, C, H/32, W/32)."""
        if not self.config.semantic:
            return features
        if semantic is None:
            raise ValueError("this regressor uses G's features: give `semantic`")
        return torch.cat([self.project(semantic), features], dim=1)

    def tile_statistics(self, image: Tensor, discrepancy: Tensor, semantic: Tensor) -> Tensor:
        """See `TileRegressor`: F, pooled."""
        return pooled(self.joined(self.trunk_features(image, discrepancy)[-1], semantic))

    def view_statistics(self, image: Tensor) -> Tensor:
        """See `TileRegressor`: this R does not look at the whole image."""
        return image.new_zeros((len(image), 0), dtype=torch.float32)

    def activations(self, statistics: Tensor, whole: Tensor) -> Tensor:
        """See `TileRegressor`."""
        return self.head.activations(statistics)

    def predict(self, statistics: Tensor, whole: Tensor) -> Tensor:
        """See `TileRegressor`: R2 of formula (12)."""
        hidden = self.head.activations(statistics)
        return with_errors(torch.sigmoid(self.head.score(hidden).squeeze(1)), self.error_head, hidden)

    def trunk_features(self, distorted: Tensor, discrepancy: Tensor | None = None) -> list[Tensor]:
        """Features of R1's four stages; the third is psi of formula (5) when R has been trained on images alone."""
        x = to_range(distorted)
        if self.config.discrepancy:
            if discrepancy is None:
                raise ValueError("this regressor uses the discrepancy map: give `discrepancy`")
            map_ = discrepancy.abs() if self.config.absolute_map else discrepancy
            x = torch.cat([x, map_ * DISCREPANCY_GAIN], dim=1)  # (B, 6, H, W)
        features: list[Tensor] = self.trunk(x)
        return features


def pooled(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C) float32."""
    return features.float().mean(dim=(2, 3))


def to_range(image: Tensor) -> Tensor:
    """0..1 -> -2..2, the input range of both trunks."""
    return image * 4 - 2
