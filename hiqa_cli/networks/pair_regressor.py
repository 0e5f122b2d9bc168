"""The R of the released weights: it compares the distorted image with its hallucination in one trunk.

Lin and Wang, CVPR 2018, section 3.3, with three differences. One trunk, EfficientNet-Lite0, sees both images of the
pair, as the R of formula (7) does. The blocks in which the pair is compared keep ImageNet's filters: what holds on
photographs from elsewhere lies in lower and middle layers, and training moves them away from it. Image and comparison
have a head each, and a gate decides how much the comparison counts:

    logit = image - gate * max(0, image - comparison),   score = logistic(logit)

What the hallucination shows to be missing costs points, and one that tells nothing does not count; in one head the many
numbers of the image drown those of the comparison. It never adds points: the comparison knows how strong a distortion
is, not how good the photograph was, and would lift the worst versions of a photograph that people do not like. And the
whole image, reduced, is a second view, since people judge the whole.

    image        moments of the features in every scale (statistics.py), of the tiles and of the reduced image
    comparison   differences of the pair in the finer scales, the discrepancy map, and G's H_{5,2}: pooling and a linear
                 layer commute, so the head's first layer is f of formula (11)
    gate         both

The heads see statistics of the whole image, the means of its tiles': the score of a tile tells where the image is
better or worse, and is not averaged.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .efficientnet_lite import EfficientNetLite
from .statistics import (
    COMPARED,
    IMAGE_CHANNELS,
    MAP_NUMBERS,
    PAIR_CHANNELS,
    TAPS,
    Moments,
    absolute_difference,
    describe_map,
    describe_pair,
    map_moments,
    moments,
    tap_features,
)
from .tile_regressor import ErrorHead, with_errors
from .traits import PAIR

VIEW_NUMBERS = 2 * IMAGE_CHANNELS  # statistics of a view: the moments of every scale
DESCRIBED_IMAGE = 2 * VIEW_NUMBERS  # tiles and reduced image


@dataclass(frozen=True)
class PairRegressorConfig:
    """The architecture.

    semantic_channels: of `H_{5,2}`; 0: G's features are not used. compares: whether there is a comparison at all;
    without, R judges the image alone (to measure what the hallucination is worth). image_units, pair_units, gate_units:
    hidden units of the heads and of each half of the gate. error_units: of the error head; 0: none.
    """

    semantic_channels: int = 128
    compares: bool = True
    image_units: int = 64
    pair_units: int = 96
    gate_units: int = 16
    error_units: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> PairRegressorConfig:
        return cls(**{name: fields[name] for name in cls.__dataclass_fields__})


class PairLogits(NamedTuple):
    """Logits of the two heads and how much the comparison counts, 0..1, (n,) each; without a comparison the gate is
    0."""

    image: Tensor
    comparison: Tensor
    gate: Tensor

    @property
    def joined(self) -> Tensor:
        """The logit of the score."""
        return self.image - self.gate * (self.image - self.comparison).clamp_min(0)


class Standardise(nn.Module):
    """(n, N) -> (n, N): each number minus its mean over training images, over its deviation, limited to +-LIMIT, so
    that an image unlike any of these cannot drive a head anywhere."""

    centre: Tensor
    scale: Tensor
    LIMIT = 5.0

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))

    @torch.no_grad()
    def fit(self, rows: Tensor) -> None:
        """Take means and deviations from described statistics, (rows, N)."""
        self.centre.copy_(rows.mean(dim=0))
        self.scale.copy_(rows.std(dim=0) + 1e-3)

    def forward(self, numbers: Tensor) -> Tensor:
        return ((numbers - self.centre) / self.scale).clamp(-self.LIMIT, self.LIMIT)


class PairHead(nn.Module):
    """Standardised statistics (n, N) -> a logit, (n,): a network of one hidden layer, plus a linear function, which is
    less at home where it was trained and holds better elsewhere."""

    def __init__(self, numbers: int, units: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(numbers, units)
        self.told = nn.Linear(units, 1)
        self.linear = nn.Linear(numbers, 1, bias=False)
        nn.init.zeros_(self.linear.weight)

    def activations(self, numbers: Tensor) -> Tensor:
        return functional.gelu(self.hidden(numbers))

    def forward(self, numbers: Tensor) -> Tensor:
        return self.logit_of(numbers, self.activations(numbers))

    def logit_of(self, numbers: Tensor, activations: Tensor) -> Tensor:
        logits: Tensor = (self.told(activations) + self.linear(numbers)).squeeze(1)
        return logits

    @torch.no_grad()
    def rescale(self, gain: float, shift: float) -> None:
        """Make every logit `gain` times what it was, plus `shift`."""
        self.told.weight.mul_(gain)
        self.linear.weight.mul_(gain)
        self.told.bias.mul_(gain).add_(shift)


class Gate(nn.Module):
    """Standardised statistics of image and comparison -> 0..1, (n,)."""

    def __init__(self, image_numbers: int, pair_numbers: int, units: int) -> None:
        super().__init__()
        self.of_image = nn.Linear(image_numbers, units)
        self.of_pair = nn.Linear(pair_numbers, units)
        self.opening = nn.Linear(2 * units, 1)

    def forward(self, image: Tensor, pair: Tensor) -> Tensor:
        told = functional.relu(torch.cat([self.of_image(image), self.of_pair(pair)], dim=1))
        return torch.sigmoid(self.opening(told)).squeeze(1)


class PairRegressor(nn.Module):
    """A `TileRegressor`."""

    traits = PAIR

    def __init__(self, config: PairRegressorConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = EfficientNetLite()
        self.of_image = Standardise(DESCRIBED_IMAGE)
        self.image = PairHead(DESCRIBED_IMAGE, config.image_units)
        if config.compares:
            described = 3 * PAIR_CHANNELS + MAP_NUMBERS + 2 * config.semantic_channels
            self.of_pair = Standardise(described)
            self.comparison = PairHead(described, config.pair_units)
            self.gate = Gate(DESCRIBED_IMAGE, described, config.gate_units)
        self.error_head = ErrorHead(self.activation_count, config.error_units) if config.error_units else None

    @property
    def statistics_count(self) -> int:
        """See `TileRegressor`."""
        return VIEW_NUMBERS + (sum(self._pair_sizes) if self.config.compares else 0)

    @property
    def activation_count(self) -> int:
        """Units that the error head sees."""
        return self.config.image_units + (self.config.pair_units + 1 if self.config.compares else 0)

    @property
    def _pair_sizes(self) -> list[int]:
        return [2 * PAIR_CHANNELS, PAIR_CHANNELS, MAP_NUMBERS, 2 * self.config.semantic_channels]

    def tile_statistics(self, image: Tensor, discrepancy: Tensor, semantic: Tensor) -> Tensor:
        """See `TileRegressor`."""
        here = tap_features(self.trunk, image, TAPS)
        if not self.config.compares:
            return moments(here)
        there = tap_features(self.trunk, image - discrepancy, COMPARED)
        found = [moments(here), moments(there), absolute_difference(here, there), map_moments(discrepancy)]
        return torch.cat([*found, *([moments([semantic])] if self.config.semantic_channels else [])], dim=1)

    def view_statistics(self, image: Tensor) -> Tensor:
        """See `TileRegressor`."""
        return moments(tap_features(self.trunk, image, TAPS))

    def described(self, statistics: Tensor, whole: Tensor) -> tuple[Tensor, Tensor | None]:
        """Statistics (n, N) and (n, M) or (1, M) -> what the heads see of image and comparison, not yet
        standardised."""
        here = Moments.joined(statistics[:, :VIEW_NUMBERS])
        view = Moments.joined(whole).described().expand(statistics.shape[0], -1)
        image = torch.cat([here.described(), view], dim=1)
        if not self.config.compares:
            return image, None
        there, absolute, of_map, semantic = statistics[:, VIEW_NUMBERS:].split(self._pair_sizes, dim=1)
        pair = describe_pair(here.first(PAIR_CHANNELS), Moments.joined(there), absolute)
        parts = [pair, describe_map(of_map)]
        return image, torch.cat([*parts, Moments.joined(semantic).described()], dim=1)

    def logits(self, statistics: Tensor, whole: Tensor) -> PairLogits:
        """The heads' logits and the gate; arguments as of predict()."""
        image, pair = self._standardised(statistics, whole)
        alone = self.image(image)
        if pair is None:
            return PairLogits(alone, alone, torch.zeros_like(alone))
        return PairLogits(alone, self.comparison(pair), self.gate(image, pair))

    def activations(self, statistics: Tensor, whole: Tensor) -> Tensor:
        """See `TileRegressor`."""
        image, pair = self._standardised(statistics, whole)
        found = [self.image.activations(image)]
        if pair is not None:
            found += [self.comparison.activations(pair), self.gate(image, pair).unsqueeze(1)]
        return torch.cat(found, dim=1)

    def predict(self, statistics: Tensor, whole: Tensor) -> Tensor:
        """See `TileRegressor`."""
        score = torch.sigmoid(self.logits(statistics, whole).joined)
        return with_errors(score, self.error_head, self.activations(statistics, whole))

    def _standardised(self, statistics: Tensor, whole: Tensor) -> tuple[Tensor, Tensor | None]:
        image, pair = self.described(statistics, whole)
        return self.of_image(image), None if pair is None else self.of_pair(pair)
