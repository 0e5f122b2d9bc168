"""R, the hallucination-guided quality regression network.

Lin and Wang, CVPR 2018, section 3.3: a modified ResNet-18 (He et al., CVPR 2016) on the distorted image and its
discrepancy map, formula (10), whose features are joined with a linear projection of G's own high-level
features, formulas (11) and (12):

    F = f(H_{5,2}(I_d)) (x) R1(I_d, I_map),   score = R2(F)

Modifications: six input channels instead of three; `width` channels in the first stage (64 in ResNet-18; fewer cost
less at the same depth); a head of two layers instead of one, since the score is not linear in the features; and no
batch norms by default, since a single noisy patch changes the variance of the fine detail in its batch tenfold, and the
features of a clean patch would depend on its neighbours. Features are joined at each position (8x8 for a 256x256 tile)
and pooled afterwards.

A prior can be added to R1: EfficientNet-Lite0 (efficientnet_lite.py) on the image alone, pretrained on other
photographs. Its rating of the photograph and R1's rating of the distortions are added as logits:

    score = logistic(prior(I_d) + R2(F))

The two are trained separately, the prior on human scores of photographs: training on versions of one photograph would
make its filters forget what they have learned about photographs.

R can also predict its own error (not in the paper): a small network on the activations of the heads' hidden units,
fitted after everything else.

A logistic function keeps the score within 0..1 without clipping, so that no two images are tied at the ends.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .efficientnet_lite import EfficientNetLite
from .resnet import Trunk

# Scales the discrepancy map to the range of the image: a few 8-bit levels of it matter as much as a contrast of 100.
DISCREPANCY_GAIN = 8.0

NO_PRIOR, LITE = "none", "efficientnet-lite0"


@dataclass(frozen=True)
class RegressorConfig:
    """The architecture of R.

    width: channels of R1's first stage (ResNet-18: 64).
    semantic_channels: of `H_{5,2}`. hidden: units of each head.
    blocks: per stage of R1 (ResNet-18: 2); 0: no R1, the prior alone gives the score.
    stem: side of R1's first filters in px (ResNet-18: 7).
    discrepancy, semantic: the paper's two additions; without both, R is its baseline BL, with the discrepancy map HCM,
        with both HSF (ablation, figure 4).
    absolute_map: R1 gets |I_d - G(I_d)|, as in formula (10), in place of the signed difference.
    prior: NO_PRIOR or LITE.
    doubt: whether R predicts its own error. doubt_units: hidden units of that network, the error head.
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
            raise ValueError("without R1 a prior is required, and the discrepancy map and G's features cannot be used")
        if self.doubt != (self.doubt_units > 0):
            raise ValueError(f"a network that predicts errors needs hidden units, found {self.doubt_units}")

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


class ErrorHead(nn.Module):
    """Activations of the heads' hidden units (B, inputs) -> predicted errors (B, 1): the logarithm of a factor on the
    half-width of a score (`Calibration`)."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, units)
        self.told = nn.Linear(units, 1)

    def forward(self, activations: Tensor) -> Tensor:
        predicted: Tensor = self.told(functional.relu(self.hidden(activations)))
        return predicted


class Prior(nn.Module):
    """Rates a photograph from the image alone."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.trunk = EfficientNetLite()
        self.head = Head(self.trunk.channels, hidden)

    def forward(self, distorted: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in 0..1 -> features (B, 1280, H/32, W/32), which its head pools."""
        features: Tensor = self.trunk(to_range(distorted))
        return features


class Regressor(nn.Module):
    """R of formulas (10)-(12): tensors of a batch of tiles -> (B,) scores in 0..1, higher is better, float32."""

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.config = config
        self.prior = Prior(config.hidden) if config.prior == LITE else None
        if config.doubt:
            heads = bool(config.blocks) + (self.prior is not None)
            self.doubt = ErrorHead(heads * config.hidden, config.doubt_units)
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
                nn.init.zeros_(parameter)  # R1 starts by adding nothing to the prior

    @property
    def heads(self) -> list[Head]:
        """The heads of R1 and of the prior, those that exist."""
        own = [self.head] if self.config.blocks else []
        return own if self.prior is None else [*own, self.prior.head]

    @property
    def pooled_channels(self) -> int:
        """Channels of the joined features."""
        return sum(head.hidden.in_features for head in self.heads)

    def forward(self, distorted: Tensor, discrepancy: Tensor | None = None, semantic: Tensor | None = None) -> Tensor:
        """Scores of a batch.

        distorted: (B, 3, H, W) RGB in 0..1.
        discrepancy: (B, 3, H, W), distorted minus hallucination, signed, which distinguishes overshoot from loss.
        semantic: (B, C, H/32, W/32), `H_{5,2}(I_d)`.
        Raises ValueError where an input that the configuration requires is missing.
        """
        return self.score(self.quality_features(distorted, discrepancy)[-1], semantic)

    def score(self, features: Tensor, semantic: Tensor | None) -> Tensor:
        """The last quality features (B, C, H/32, W/32) and `H_{5,2}` -> (B,) scores in 0..1."""
        return self.predict_pooled(pooled(self.joined(features, semantic)))[:, 0]

    def joined(self, features: Tensor, semantic: Tensor | None) -> Tensor:
        """F of formula (12): the projection of `H_{5,2}`, R1's last features, the prior's (B, C, H/32, W/32)."""
        if not self.config.semantic:
            return features
        if semantic is None:
            raise ValueError("this regressor uses G's features: give `semantic`")
        return torch.cat([self.project(semantic), features], dim=1)

    def predict_pooled(self, pooled: Tensor) -> Tensor:
        """R2 of formula (12): pooled joined features (B, C) -> (B, 2): scores in 0..1, and predicted errors
        (`ErrorHead`), 0 where R predicts none."""
        hidden = self.head_activations(pooled)
        logits = torch.stack([head.score(part).squeeze(1) for head, part in zip(self.heads, hidden, strict=True)])
        score = torch.sigmoid(logits.sum(dim=0))
        error = self.doubt(torch.cat(hidden, dim=1)).squeeze(1) if self.config.doubt else torch.zeros_like(score)
        return torch.stack([score, error], dim=1)

    def head_activations(self, pooled: Tensor) -> list[Tensor]:
        """Pooled joined features (B, C) -> activations of each head's hidden units, (B, hidden)."""
        parts = pooled.split([head.hidden.in_features for head in self.heads], dim=1)
        return [head.activations(part) for head, part in zip(self.heads, parts, strict=True)]

    def set_error_head(self, error_head: ErrorHead) -> None:
        """Add a network that predicts errors from the concatenated head_activations()."""
        self.config = replace(self.config, doubt=True, doubt_units=error_head.hidden.out_features)
        self.doubt = error_head

    def quality_features(
        self, distorted: Tensor, discrepancy: Tensor | None = None, prior: Tensor | None = None
    ) -> list[Tensor]:
        """Features of R1's four stages, the prior's appended to the last; prior: these, if already computed."""
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
