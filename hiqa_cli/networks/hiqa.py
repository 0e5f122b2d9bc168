"""G and R together, as the scorer runs them: a tile in, its score and its hallucination out.

R gets the distorted tile itself and, from G, the discrepancy map and `H_{5,2}`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .generator import Generator
from .onednn.packing import Layout, depth_to_space, is_packable
from .onednn.regressor import PackedHiqa
from .regressor import Regressor, pooled

BYTE = 255.0  # the largest value of a uint8


class HiqaOutput(NamedTuple):
    """The outputs for a batch.

    prediction: (B, 2) float32, scores in 0..1, higher is better, and predicted errors (`Regressor`).
    features: (B, C, H/32, W/32), the features that R2 pools.
    distorted: (B, 3, H, W), the input, uint8 or float32.
    difference: the correction, (B, 3, H, W), or (B, 12, H/2, W/2) in space-to-depth form.
    """

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
        """(B, 3, H, W) float32, hallucination minus distorted after clamping: the negative discrepancy map."""
        is_places = self.difference.shape[1] != self.distorted.shape[1]
        return depth_to_space(self.difference) if is_places else self.difference

    @property
    def hallucination(self) -> Tensor:
        """(B, 3, H, W) float32 in 0..1."""
        return (as_floats(self.distorted) + self.correction).clamp(0, 1)


class GeneratorOutput(NamedTuple):
    """G's outputs for a batch, as R takes them. image: the input in the networks' precision; difference: as in
    `HiqaOutput`."""

    distorted: Tensor
    image: Tensor
    difference: Tensor
    semantic: Tensor


class HiqaNet(nn.Module):
    """(B, 3, 256, 256) RGB, uint8 or float32 in 0..1 -> `HiqaOutput`. Other sizes work, but the weights are trained for
    this one. On a CPU channels_last is fastest."""

    def __init__(self, generator: Generator, regressor: Regressor) -> None:
        super().__init__()
        self.generator = generator
        self.regressor = regressor
        self.dtype = torch.float32
        self._packed: PackedHiqa | None = None  # replaces the modules once it is set

    def pack(self, layout: Layout) -> HiqaNet:
        """Pack the float32 weights for oneDNN, for scoring only, if the CPU supports it, and set the precision.

        Returns itself.
        """
        if is_packable(layout.dtype):
            self._packed = PackedHiqa(self.generator, self.regressor, layout)
        return self.in_precision(layout.dtype)

    def in_precision(self, dtype: torch.dtype) -> HiqaNet:
        """Run the convolutions in `dtype` (float32, bfloat16) and R's heads in float32. Returns itself."""
        self.to(dtype)
        for head in self.regressor.heads:
            head.float()
        if self.regressor.config.doubt:
            self.regressor.doubt.float()
        self.dtype = dtype
        return self

    def forward(self, distorted: Tensor) -> HiqaOutput:
        return self.run_regressor(self.run_generator(distorted))

    def run_modules(self, distorted: Tensor) -> HiqaOutput:
        """forward() through the modules themselves, even where they are packed."""
        return self._run_regressor_module(self._run_generator_module(distorted))

    def run_generator(self, distorted: Tensor) -> GeneratorOutput:
        """The first half of forward(): G."""
        if self._packed is not None:
            return GeneratorOutput(distorted, *self._packed.run_generator(distorted))
        return self._run_generator_module(distorted)

    def run_regressor(self, generated: GeneratorOutput) -> HiqaOutput:
        """The second half of forward(): R."""
        if self._packed is None:
            return self._run_regressor_module(generated)
        features = self._packed.run_regressor(generated.image, generated.difference, generated.semantic)
        return self._output(generated, features)

    def _run_generator_module(self, distorted: Tensor) -> GeneratorOutput:
        distorted = as_floats(distorted)
        inside = distorted.to(self.dtype)
        generated = self.generator(inside)
        # In bf16 the rounding of the image would exceed the difference.
        hallucination = (distorted + generated.correction.float()).clamp(0, 1)
        return GeneratorOutput(distorted, inside, hallucination - distorted, generated.semantic)

    def _run_regressor_module(self, generated: GeneratorOutput) -> HiqaOutput:
        discrepancy = (-generated.difference).to(self.dtype)
        quality = self.regressor.quality_features(generated.image, discrepancy)[-1]
        return self._output(generated, self.regressor.joined(quality, generated.semantic))

    def _output(self, generated: GeneratorOutput, features: Tensor) -> HiqaOutput:
        prediction = self.regressor.predict_pooled(pooled(features))
        return HiqaOutput(prediction, features, generated.distorted, generated.difference)


def as_floats(image: Tensor) -> Tensor:
    """uint8 as float32 in 0..1; floats unchanged."""
    return image.float().div_(BYTE) if image.dtype == torch.uint8 else image
