"""The R of the released weights: it compares the distorted image with its hallucination in one trunk.

Lin and Wang, CVPR 2018, section 3.3, with three differences:

- One trunk, EfficientNet-Lite0, sees both images of the pair, as the R of formula (7) does. The blocks in which the
  pair is compared keep ImageNet's filters: features of lower and middle layers carry over to photographs from other
  sources, and training would specialise them.
- The whole image, reduced, is a second view, since people judge the whole.
- The image and the comparison have a head each, because in a single head the many statistics of the image would drown
  those of the comparison. A gate weights the comparison:

      logit = image - gate * max(0, image - comparison),   score = logistic(logit)

  The comparison can only lower the score. It measures how strong a distortion is, not how good the photograph was:
  free to raise scores, it would raise those of the worst versions of a photograph that people do not like.

Inputs of each part:

    image        moments of the features at every scale (statistics.py), of the tiles and of the reduced image
    comparison   differences of the pair at the finer scales, the discrepancy map, and G's H_{5,2}: pooling and a linear
                 layer commute, so the head's first layer is f of formula (11)
    gate         both

The heads see the statistics of the whole image, the means of its tiles' statistics. The score of a single tile shows
where the image is better or worse; the image's score is not a mean of tile scores.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .description import MAP_NUMBERS
from .efficientnet_lite import EfficientNetLite
from .statistics import (
    COMPARED,
    IMAGE_CHANNELS,
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

VIEW_NUMBERS = 2 * IMAGE_CHANNELS  # statistics of a view: the moments at every scale
DESCRIBED_IMAGE = 2 * VIEW_NUMBERS  # of the tiles and of the reduced image


@dataclass(frozen=True)
class PairRegressorConfig:
    """The architecture.

    semantic_channels: of `H_{5,2}`; 0: R does not use G's features.
    compares: whether R compares the image with its hallucination; if not, it judges the image alone, to measure what
        the hallucination contributes.
    image_units, pair_units, gate_units: hidden units of the two heads and of each half of the gate.
    error_units: hidden units of the error head; 0: R predicts no errors.
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
    """Logits of the two heads, and the weight of the comparison in 0..1; (n,) each. Without a comparison the gate
    is 0."""

    image: Tensor
    comparison: Tensor
    gate: Tensor

    @property
    def joined(self) -> Tensor:
        """The logit of the score."""
        return self.image - self.gate * (self.image - self.comparison).clamp_min(0)


class Standardise(nn.Module):
    """(n, N) -> (n, N): each number in standard deviations from its mean over training images, clipped to +-LIMIT, so
    that an image unlike all of these cannot drive a logit to an extreme."""

    centre: Tensor
    scale: Tensor
    LIMIT = 5.0

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))

    @torch.no_grad()
    def fit(self, rows: Tensor) -> None:
        """Take means and standard deviations from described statistics, (rows, N)."""
        self.centre.copy_(rows.mean(dim=0))
        self.scale.copy_(rows.std(dim=0) + 1e-3)

    def forward(self, numbers: Tensor) -> Tensor:
        return ((numbers - self.centre) / self.scale).clamp(-self.LIMIT, self.LIMIT)


class PairHead(nn.Module):
    """Standardised statistics (n, N) -> logits (n,): a network of one hidden layer plus a linear function, which fits
    training images less closely and generalises better to other sources."""

    def __init__(self, numbers: int, units: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(numbers, units)
        self.told = nn.Linear(units, 1)  # output layer; weights files have this name
        self.linear = nn.Linear(numbers, 1, bias=False)
        nn.init.zeros_(self.linear.weight)

    def activations(self, numbers: Tensor) -> Tensor:
        """Activations of the hidden units, (n, units)."""
        return functional.gelu(self.hidden(numbers))

    def forward(self, numbers: Tensor) -> Tensor:
        return self.logit_of(numbers, self.activations(numbers))

    def logit_of(self, numbers: Tensor, activations: Tensor) -> Tensor:
        """Logits (n,) from statistics and the activations of the hidden units."""
        logits: Tensor = (self.told(activations) + self.linear(numbers)).squeeze(1)
        return logits

    @torch.no_grad()
    def rescale(self, gain: float, shift: float) -> None:
        """Change the weights so that every logit becomes gain * logit + shift."""
        self.told.weight.mul_(gain)
        self.linear.weight.mul_(gain)
        self.told.bias.mul_(gain).add_(shift)


class Gate(nn.Module):
    """Standardised statistics of image and comparison, (n, N) and (n, M) -> weight of the comparison in 0..1, (n,)."""

    def __init__(self, image_numbers: int, pair_numbers: int, units: int) -> None:
        super().__init__()
        self.of_image = nn.Linear(image_numbers, units)
        self.of_pair = nn.Linear(pair_numbers, units)
        self.opening = nn.Linear(2 * units, 1)

    def forward(self, image: Tensor, pair: Tensor) -> Tensor:
        hidden = functional.relu(torch.cat([self.of_image(image), self.of_pair(pair)], dim=1))
        return torch.sigmoid(self.opening(hidden)).squeeze(1)


class PairRegressor(nn.Module):
    """The R of the released weights, a `TileRegressor`."""

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
        """Number of inputs of the error head."""
        return self.config.image_units + (self.config.pair_units + 1 if self.config.compares else 0)

    @property
    def _pair_sizes(self) -> list[int]:
        """Statistics of the hallucination, of the differences, of the map, and of H_{5,2}."""
        return [2 * PAIR_CHANNELS, PAIR_CHANNELS, MAP_NUMBERS, 2 * self.config.semantic_channels]

    def tile_statistics(self, image: Tensor, discrepancy: Tensor, semantic: Tensor) -> Tensor:
        """See `TileRegressor`."""
        distorted = tap_features(self.trunk, image, TAPS)
        if not self.config.compares:
            return moments(distorted)
        hallucination = tap_features(self.trunk, image - discrepancy, COMPARED)
        difference = absolute_difference(distorted, hallucination)
        parts = [moments(distorted), moments(hallucination), difference, map_moments(discrepancy)]
        return torch.cat([*parts, *([moments([semantic])] if self.config.semantic_channels else [])], dim=1)

    def view_statistics(self, image: Tensor) -> Tensor:
        """See `TileRegressor`."""
        return moments(tap_features(self.trunk, image, TAPS))

    def described(self, statistics: Tensor, whole: Tensor) -> tuple[Tensor, Tensor | None]:
        """Statistics (n, N) of the tiles, and (n, M) or (1, M) of the reduced image -> inputs of the heads before
        standardisation: of the image (n, DESCRIBED_IMAGE), and of the comparison, None without one."""
        distorted = Moments.joined(statistics[:, :VIEW_NUMBERS])
        view = Moments.joined(whole).described().expand(statistics.shape[0], -1)
        image = torch.cat([distorted.described(), view], dim=1)
        if not self.config.compares:
            return image, None
        hallucination, absolute, of_map, semantic = statistics[:, VIEW_NUMBERS:].split(self._pair_sizes, dim=1)
        pair = describe_pair(distorted.first(PAIR_CHANNELS), Moments.joined(hallucination), absolute)
        return image, torch.cat([pair, describe_map(of_map), Moments.joined(semantic).described()], dim=1)

    def logits(self, statistics: Tensor, whole: Tensor) -> PairLogits:
        """The logits of both heads, and the gate, from statistics as of predict()."""
        image, pair = self._standardised(statistics, whole)
        image_logit = self.image(image)
        if pair is None:
            return PairLogits(image_logit, image_logit, torch.zeros_like(image_logit))
        return PairLogits(image_logit, self.comparison(pair), self.gate(image, pair))

    def activations(self, statistics: Tensor, whole: Tensor) -> Tensor:
        """See `TileRegressor`."""
        image, pair = self._standardised(statistics, whole)
        parts = [self.image.activations(image)]
        if pair is not None:
            parts += [self.comparison.activations(pair), self.gate(image, pair).unsqueeze(1)]
        return torch.cat(parts, dim=1)

    def predict(self, statistics: Tensor, whole: Tensor) -> Tensor:
        """See `TileRegressor`."""
        score = torch.sigmoid(self.logits(statistics, whole).joined)
        return with_errors(score, self.error_head, self.activations(statistics, whole))

    def _standardised(self, statistics: Tensor, whole: Tensor) -> tuple[Tensor, Tensor | None]:
        image, pair = self.described(statistics, whole)
        return self.of_image(image), None if pair is None else self.of_pair(pair)
