"""The trunk of ResNet-18 (He et al., CVPR 2016), the network R1, with or without batch norms."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

ONEDNN_BLOCK = 16  # channels, with AVX-512; 8 with AVX2


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
            # Without norms a block must start close to its shortcut, or activations grow from block to block
            # (Zhang et al., "Fixup initialization", ICLR 2019).
            with torch.no_grad():
                next(self.conv2.parameters()).mul_(0.1)  # the convolution's weight

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.conv1(x))
        return functional.relu(self.conv2(inner) + self.shortcut(x))


class PointwiseConvolution(nn.Conv2d):
    """A strided 1x1 convolution of few channels that subsamples its input first while training: the same result.

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
        # Distortions are faint compared with content: zero-mean filters ignore uniform areas from the start.
        with torch.no_grad():
            weight = next(self.conv.parameters())
            weight.sub_(weight.mean(dim=(2, 3), keepdim=True))
        widths = (width, width, 2 * width, 4 * width, 8 * width)
        self.stages = nn.ModuleList(
            nn.Sequential(
                BasicBlock(before, after, 1 if n == 0 else 2, batch_norm=batch_norm),
                *(BasicBlock(after, after, 1, batch_norm=batch_norm) for _ in range(blocks - 1)),
            )
            for n, (before, after) in enumerate(pairwise(widths))
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        x = functional.max_pool2d(functional.relu(self.conv(x)), 3, stride=2, padding=1)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
