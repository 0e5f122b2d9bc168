"""The cost of a batch of tiles relative to a plain convolution with as many multiplications, timed in one run.

Times differ between machines, and with their load. The ratio to a plain 3x3 convolution (128 to 128 channels, 8x64x64,
channels_last) on the same processor at the same moment is comparable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hiqa_cli.engine.config import TILE
from hiqa_cli.engine.speed.timing import median_seconds, seconds_of
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.networks.hiqa import HiqaNet

TILES = 8
aten = torch.ops.aten


class PlainConvolution:
    """The forward pass of a 3x3 convolution, in "fp32" or "bf16", to compare other networks with."""

    BATCH, CHANNELS, SIDE = 8, 128, 64
    MULTIPLICATIONS = BATCH * SIDE * SIDE * CHANNELS * CHANNELS * 9  # of one call

    def __init__(self, precision: str, device: torch.device | str = "cpu") -> None:
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        layer: nn.Module = nn.Conv2d(self.CHANNELS, self.CHANNELS, 3, padding=1)
        self._layer = layer.to(device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        image = torch.rand(self.BATCH, self.CHANNELS, self.SIDE, self.SIDE)
        self._image = image.to(device, dtype=dtype, memory_format=torch.channels_last)

    def calls_for(self, multiplications: float) -> int:
        """The number of calls, at least 1, that have about as many multiplications."""
        return max(1, round(multiplications / self.MULTIPLICATIONS))

    @torch.no_grad()
    def run(self, calls: int) -> None:
        """Convolve `calls` times."""
        for _ in range(calls):
            self._layer(self._image)


@dataclass(frozen=True)
class ConvolutionRate:
    """seconds: median of a batch of 8 tiles through G and R. convolution_seconds: the plain convolution for as many
    multiplications. gmac: multiplications per tile, 1e9."""

    precision: str
    gmac: float
    seconds: float
    convolution_seconds: float

    @property
    def ratio(self) -> float:
        """Time of the networks over that of the plain convolution; 1 is as fast."""
        return self.seconds / self.convolution_seconds


def multiplications(network: nn.Module, batch: torch.Tensor) -> float:
    """Multiplications of one forward pass."""
    with torch.no_grad():
        return count_multiplications(lambda: network(batch))


def count_multiplications(work: Callable[[], object]) -> float:
    """Multiplications of `work`, backward passes included."""
    with FlopCounterMode(display=False, custom_mapping={aten.convolution_backward: backward_flops}) as counter:
        work()
    return counter.get_total_flops() / 2


def backward_flops(  # the arguments of the operator, tensors by their shapes
    gradient: Sequence[int],
    image: Sequence[int],
    weight: Sequence[int],
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    output_mask: Sequence[bool],
    out_shape: Any = None,
) -> int:
    """Operations of a convolution's backward pass: those of the forward pass for the gradient of the image, and as many
    for that of the weight. torch counts a weight gradient of a grouped convolution as if it had one group: 64 times as
    many for a depthwise convolution of 64 channels."""
    forward = 2 * math.prod(weight) * math.prod((image if transposed else gradient)[2:]) * gradient[0]
    return forward * sum(output_mask[:2])


def measure_speed(weights: Path | None, precision: str, rounds: int = 5) -> ConvolutionRate:
    """Time G and R, as scoring runs them, on the CPU in "fp32" or "bf16"."""
    loaded = load_weights(weights)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    network = HiqaNet(loaded.generator, loaded.regressor).eval()
    one_tile = multiplications(network, torch.rand(1, 3, TILE, TILE))
    with torch.inference_mode():  # not above: torch before 2.5 counts nothing in it
        network.in_precision(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        tiles = torch.rand(TILES, 3, TILE, TILE).to(memory_format=torch.channels_last)
        plain = PlainConvolution(precision)
        calls = plain.calls_for(TILES * one_tile)
        measures = {
            "networks": partial(seconds_of, partial(network, tiles)),
            "convolution": partial(seconds_of, partial(plain.run, calls)),
        }
        seconds = median_seconds(measures, rounds)
    as_many = TILES * one_tile / (calls * plain.MULTIPLICATIONS)
    return ConvolutionRate(precision, one_tile / 1e9, seconds["networks"], seconds["convolution"] * as_many)
