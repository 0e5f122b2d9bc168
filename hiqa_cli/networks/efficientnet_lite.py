"""EfficientNet-Lite0, the trunk of the released R.

EfficientNet (Tan and Le, ICML 2019) in its "Lite" variant: no squeeze-and-excitation, ReLU6 in place of swish, and
batch norms folded into the preceding convolutions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Expansion, kernel, stride, repeats, channels: Tan and Le, table 1.
STAGES = (
    (1, 3, 1, 1, 16),
    (6, 3, 2, 2, 24),
    (6, 5, 2, 2, 40),
    (6, 3, 2, 3, 80),
    (6, 5, 1, 3, 112),
    (6, 5, 2, 4, 192),
    (6, 3, 1, 1, 320),
)
STEM = 32


class DepthwiseConvolution(nn.Conv2d):
    """(B, C, H, W) -> (B, C, H/stride, W/stride), one filter per channel."""

    def __init__(self, channels: int, side: int, stride: int) -> None:
        super().__init__(channels, channels, side, stride=stride, padding=side // 2, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.bfloat16 and x.device.type == "cpu" and torch.is_grad_enabled():
            result: Tensor = _Float32Backward.apply(x, self.weight, self.bias, self.stride[0], self.padding[0])
            return result
        return super().forward(x)


class _Float32Backward(torch.autograd.Function):
    """A bf16 depthwise convolution with gradients in float32: five times as fast on a CPU as in bf16, because oneDNN
    has no depthwise backward pass in bf16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = ([stride] * 2, [padding] * 2)
        return functional.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), stride, padding, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = torch.ops.aten.convolution_backward(
            gradients[0].float(),
            x.float(),
            weight.float(),
            [weight.shape[0]],
            *ctx.geometry,
            [1, 1],
            False,
            [0, 0],
            x.shape[1],
            [ctx.needs_input_grad[0], True, True],
        )
        narrow = None if of_x is None else of_x.to(x.dtype)
        return narrow, of_weight.to(weight.dtype), of_bias.to(weight.dtype), None, None


class InvertedBlock(nn.Module):
    """(B, C_in, H, W) -> (B, C_out, H/stride, W/stride): expand, filter each channel, project."""

    def __init__(self, channels_in: int, channels_out: int, expansion: int, side: int, stride: int) -> None:
        super().__init__()
        inner = channels_in * expansion
        self.expand = nn.Conv2d(channels_in, inner, 1) if expansion > 1 else None
        self.filter = DepthwiseConvolution(inner, side, stride)
        self.project = nn.Conv2d(inner, channels_out, 1)
        self.is_residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        inner = x if self.expand is None else functional.relu6(self.expand(x))
        narrow: Tensor = self.project(functional.relu6(self.filter(inner)))
        return x + narrow if self.is_residual else narrow


class EfficientNetLite(nn.Module):
    """The convolutions of EfficientNet-Lite0 up to its last block; `blocks` are run one by one (statistics.py)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, stride=2, padding=1)
        blocks, channels_in = [], STEM
        for expansion, side, stride, repeats, channels in STAGES:
            for number in range(repeats):
                blocks.append(InvertedBlock(channels_in, channels, expansion, side, stride if number == 0 else 1))
                channels_in = channels
        self.blocks = nn.ModuleList(blocks)
