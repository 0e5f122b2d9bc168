"""G and R together, as the scorer runs them: a tile goes in, its score and its hallucination come out.

The score reaches the input by both ways of the paper's data flow: R sees the distorted tile itself, and the
discrepancy map and `H_{5,2}` that G makes of it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .generator import Generator
from .onednn.hiqa import PackedHiqa
from .onednn.packing import Layout, is_packable, pixels_of_places
from .regressor import Regressor, pooled

BYTE = 255.0  # the largest


class HiqaOutput(NamedTuple):
    """prediction: (B, 2) float32, scores in 0..1, high is good, and doubts (`Regressor`); features: (B, C, H/32, W/32),
    what R2 pools; distorted: (B, 3, H, W), what came in, bytes or floats; difference: the correction, as pixels or as
    2x2 places."""

    prediction: Tensor
    features: Tensor
    distorted: Tensor
    difference: Tensor

    @property
    def score(self) -> Tensor:
        """(B,) float32 in 0..1."""
        return self.prediction[:, 0]

    @property
    def correction(self) -> Tensor:
        """(B, 3, H, W) float32, hallucination minus distorted (after clamping: the negative discrepancy)."""
        is_places = self.difference.shape[1] != self.distorted.shape[1]
        return pixels_of_places(self.difference) if is_places else self.difference

    @property
    def hallucination(self) -> Tensor:
        """(B, 3, H, W) float32 in 0..1."""
        return (as_floats(self.distorted) + self.correction).clamp(0, 1)


class GeneratorOutput(NamedTuple):
    """What G makes of a batch, on its way to R. image: as both networks take it; difference: as in `HiqaOutput`."""

    distorted: Tensor
    image: Tensor
    difference: Tensor
    semantic: Tensor


class HiqaNet(nn.Module):
    """(B, 3, 256, 256) RGB, bytes or float32 in 0..1 -> `HiqaOutput`; other sizes work, the weights are trained for
    this one. On a processor channels_last is fastest."""

    def __init__(self, generator: Generator, regressor: Regressor) -> None:
        super().__init__()
        self.generator = generator
        self.regressor = regressor
        self.dtype = torch.float32
        self._packed: PackedHiqa | None = None  # takes the place of the modules once it is there

    def pack(self, layout: Layout) -> HiqaNet:
        """On a processor with oneDNN: lay the float32 weights out for scoring, not training; elsewhere nothing. Before
        in_precision(), which brings everything else to the same precision. Returns itself."""
        if is_packable(layout.dtype):
            self._packed = PackedHiqa(self.generator, self.regressor, layout)
        return self.in_precision(layout.dtype)

    def in_precision(self, dtype: torch.dtype) -> HiqaNet:
        """Run the convolutions in `dtype` (float32, bfloat16); R's heads stay in float32. Returns itself."""
        self.to(dtype)
        for head in self.regressor.heads:
            head.float()
        if self.regressor.config.doubt:
            self.regressor.doubt.float()
        self.dtype = dtype
        return self

    def forward(self, distorted: Tensor) -> HiqaOutput:
        return self.judge(self.imagine(distorted))

    def as_modules(self, distorted: Tensor) -> HiqaOutput:
        """As forward(), through the modules themselves even where they are packed."""
        return self._judge(self._imagine(distorted))

    def imagine(self, distorted: Tensor) -> GeneratorOutput:
        """G's half of the way."""
        if self._packed is not None:
            return GeneratorOutput(distorted, *self._packed.imagine(distorted))
        return self._imagine(distorted)

    def judge(self, imagined: GeneratorOutput) -> HiqaOutput:
        """R's half of the way."""
        if self._packed is None:
            return self._judge(imagined)
        features = self._packed.judge(imagined.image, imagined.difference, imagined.semantic)
        return self._output(imagined, features)

    def _imagine(self, distorted: Tensor) -> GeneratorOutput:
        distorted = as_floats(distorted)
        inside = distorted.to(self.dtype)
        imagined = self.generator(inside)
        # The difference is taken in float32: in bf16 it would drown in the rounding of the image itself.
        hallucination = (distorted + imagined.correction.float()).clamp(0, 1)
        return GeneratorOutput(distorted, inside, hallucination - distorted, imagined.semantic)

    def _judge(self, imagined: GeneratorOutput) -> HiqaOutput:
        discrepancy = (-imagined.difference).to(self.dtype)
        quality = self.regressor.quality_features(imagined.image, discrepancy)[-1]
        return self._output(imagined, self.regressor.joined(quality, imagined.semantic))

    def _output(self, imagined: GeneratorOutput, features: Tensor) -> HiqaOutput:
        prediction = self.regressor.predict_pooled(pooled(features))
        return HiqaOutput(prediction, features, imagined.distorted, imagined.difference)


def as_floats(image: Tensor) -> Tensor:
    """Bytes as float32 in 0..1; floats as they are."""
    return image.float().div_(BYTE) if image.dtype == torch.uint8 else image
