"""What a batch of tiles costs, beside torch's plain convolution for as many multiplications, in one run.

Machines differ and are shared, so a time alone says nothing; the ratio to what the same processor does at the same
moment in a plain 3x3 convolution (128 to 128 channels, 8x64x64, channels_last) does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from hiqa_cli.engine.results import TILE
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.onednn.packing import Layout

TILES = 8
CONVOLUTION = (8, 128, 64, 64)


@dataclass(frozen=True)
class ConvolutionRate:
    """seconds: median of a batch of 8 tiles through G and R; convolution_seconds: of as many multiplications in
    the plain convolution; gmac: multiplications a tile, in thousand millions."""

    precision: str
    gmac: float
    seconds: float
    convolution_seconds: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.convolution_seconds


def multiplications(network: nn.Module, batch: torch.Tensor) -> float:
    with FlopCounterMode(display=False) as counter:
        network(batch)
    return counter.get_total_flops() / 2


def alternate(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of each, run in turn after one warm-up, so that a change of the machine's pace hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for call, record in zip((first, second), times, strict=True):
            begin = time.perf_counter()
            call()
            if turn:
                record.append(time.perf_counter() - begin)
    return median(times[0]), median(times[1])


@torch.inference_mode()
def measure_speed(weights: str | None, precision: str, rounds: int = 5) -> ConvolutionRate:
    """Time G and R, as scoring runs them, on the CPU in "fp32" or "bf16"."""
    loaded = load_weights(weights)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    network = HiqaNet(loaded.generator, loaded.regressor).eval()
    one = multiplications(network, torch.rand(1, 3, TILE, TILE))
    network.pack(Layout(TILES, TILE, dtype)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    tiles = torch.rand(TILES, 3, TILE, TILE).to(memory_format=torch.channels_last)
    count, channels, height, width = CONVOLUTION
    plain: nn.Module = nn.Conv2d(channels, channels, 3, padding=1)
    plain = plain.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.rand(CONVOLUTION).to(dtype=dtype, memory_format=torch.channels_last)
    of_one_call = count * height * width * channels * channels * 9
    calls = max(1, round(TILES * one / of_one_call))

    def convolve() -> None:
        for _ in range(calls):
            plain(image)

    ours, theirs = alternate(lambda: network(tiles), convolve, rounds)
    return ConvolutionRate(precision, one / 1e9, ours, theirs * TILES * one / (calls * of_one_call))
