"""Convolutions laid out for oneDNN, and images as 2x2 places: what the packed networks are made of.

What differs from the plain modules, and why it is faster:

- weights are put into oneDNN's own order once, not at every call;
- activations and residual additions run inside the convolution before them, so that a feature map is written
  once instead of two or three times;
- everything stays at half the resolution: what a pixel_shuffle would spread out over 2x2 places stays 12 channels, and
  a first convolution at stride 2 is the same filter on 2x2 places, at stride 1;
- constant factors on a network's inputs are in the weights of its first convolution.

Channels of 2x2 places are ordered row, column, channel here (as the pixels lie in memory), channel, row, column in
torch's pixel_shuffle; weights are reordered to match.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

# What comes in is counted in 8-bit levels from the middle grey, -127.5..127.5 in steps of 1: these numbers bf16 holds
# exactly, while -1..1 would be rounded by up to half a level, which R takes for noise in a smooth picture.
LEVELS = 127.5
LEAST_MEAN = 1e-3  # what an input counts that usual pictures leave at zero
# (channel, row, column) -> (row, column, channel), for three colours: place in torch's order of each of ours.
COLOURS = [4 * colour + 2 * row + column for row in (0, 1) for column in (0, 1) for colour in (0, 1, 2)]


class Activation(NamedTuple):
    """What oneDNN does with each sum before it is written."""

    name: str
    bounds: tuple[float, ...] = ()


NOTHING = Activation("none")
RELU = Activation("relu")
RELU6 = Activation("hardtanh", (0.0, 6.0))


@dataclass(frozen=True)
class Layout:
    """What weights are laid out for: batches of about (batch, C, side, side) in `dtype`."""

    batch: int
    side: int
    dtype: torch.dtype

    def shrunk(self, factor: int) -> Layout:
        return replace(self, side=self.side // factor)


class PackedConvolution:
    """A convolution whose weights lie as oneDNN wants them, with what follows it fused in."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, layout: Layout, stride: int = 1, padding: int = 0, groups: int = 1
    ) -> None:
        self._geometry: tuple[list[int], list[int], list[int], int] = ([padding] * 2, [stride] * 2, [1, 1], groups)
        # The shape is a hint: any batch and size works.
        shape = [layout.batch, groups * weight.shape[1], layout.side, layout.side]
        weight = weight.to(layout.dtype).contiguous()
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *self._geometry, shape)
        self._bias = None if bias is None else bias.to(layout.dtype)

    def __call__(self, x: Tensor, after: Activation = NOTHING) -> Tensor:
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._weight, self._bias, *self._geometry, after.name, list(after.bounds), ""
        )
        return result

    def add_to(self, other: Tensor, x: Tensor, relu: bool = False) -> Tensor:
        """other + convolution(x), optionally followed by a ReLU; overwrites and returns `other`."""
        activation = RELU.name if relu else None
        result: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
            other, x, self._weight, self._bias, *self._geometry, "add", None, activation, [], None
        )
        return result


def packed(
    module: nn.Module,
    layout: Layout,
    *,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    inputs: list[int] | None = None,
    outputs: list[int] | None = None,
) -> PackedConvolution:
    """A Conv2d; weight, bias: in place of its own; inputs, outputs: its channels in another order, or some of them."""
    assert isinstance(module, nn.Conv2d)
    weight = module.weight.detach() if weight is None else weight
    bias = bias_of(module) if bias is None else bias
    if inputs is not None:
        weight = weight[:, inputs]
    if outputs is not None:
        weight, bias = weight[outputs], None if bias is None else bias[outputs]
    return PackedConvolution(weight, bias, layout, module.stride[0], int(module.padding[0]), module.groups)


def bias_of(convolution: nn.Conv2d) -> Tensor | None:
    return None if convolution.bias is None else convolution.bias.detach()


def in_two_parts(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """(O, C, h, w) -> (O, 2C, h, w), for inputs given twice: what `dtype` holds of the weights, and what it leaves; in
    float32, which leaves nothing, the weights themselves.

    The picture's own numbers are far larger than its detail: weights rounded to bf16 would let the brightness through
    as if it were detail.
    """
    if dtype == torch.float32:
        return weight
    coarse = weight.to(dtype).float()
    return torch.cat([coarse, weight - coarse], dim=1)


def rounded_together(weight: Tensor, bias: Tensor, means: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Weights (rows, n) and biases (rows,) in float32 that `dtype` holds exactly, none off by more than one and a half
    steps, and rounded so that what a row makes of inputs at their means, (n,) or (rows, n), stays, its bias included.

    Rounded one by one, the errors of a row add up to a shift of everything that it makes of smooth pictures. Here
    what is left of each goes to the next, the one that counts most first.
    """
    every = torch.cat([bias.unsqueeze(1), weight], dim=1)
    counts = torch.cat([torch.ones_like(every[:, :1]), means.expand(weight.shape)], dim=1)
    counts = torch.where(counts.abs() < LEAST_MEAN, LEAST_MEAN * torch.where(counts < 0, -1.0, 1.0), counts)
    order = (every * counts).abs().argsort(dim=1, descending=True)
    owns, weighs = (x.gather(1, order).t().contiguous() for x in (every, counts))  # (n + 1, rows): one after the other
    nearests = owns.to(dtype).float()
    steps = torch.finfo(dtype).eps * nearests.abs()
    chosen = torch.empty_like(owns)
    left = weight.new_zeros(len(weight))
    for own, mean, nearest, step, result in zip(owns, weighs, nearests, steps, chosen, strict=True):
        wanted = (own + left / mean).to(dtype).float()
        result[:] = torch.where((wanted - nearest).abs() <= step, wanted, nearest)
        left += (own - result) * mean
    rounded = torch.empty_like(every).scatter(1, order, chosen.t())
    return rounded[:, 1:], rounded[:, 0]


def is_packable(network_dtype: torch.dtype) -> bool:
    """Whether this torch has oneDNN and its fused convolutions (private operators, there since torch 2.0), and whether
    they take this dtype on this processor: bf16 needs AVX-512, or AVX-NE-CONVERT."""
    if not torch.backends.mkldnn.is_available() or network_dtype not in (torch.float32, torch.bfloat16):
        return False
    if network_dtype is torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    return all(
        hasattr(torch.ops.mkldnn, name)
        for name in ("_reorder_convolution_weight", "_convolution_pointwise", "_convolution_pointwise_")
    )


def filter_of_places(weight: Tensor) -> Tensor:
    """A filter of odd side 2p+1 at stride 2 and padding p as one on 2x2 places: (O, C, 2p+1, 2p+1) ->
    (O, 4C, p+1, p+1). Its input wants the zeros of framed(x, (p + 1) // 2, p // 2).

    Output o looks at pixels 2o-p .. 2o+p: for p = 3 these are the second row of place o-2 and both rows of o-1, o, o+1;
    for p = 2 both rows of o-1 and o and the first one of o+1.
    """
    count, channels, side, _ = weight.shape
    half = (side + 1) // 2
    before, after = (1, 0) if half % 2 == 0 else (0, 1)
    spread = functional.pad(weight, (before, after, before, after)).view(count, channels, half, 2, half, 2)
    return spread.permute(0, 3, 5, 1, 2, 4).reshape(count, 4 * channels, half, half)


def framed(parts: list[Tensor], before: int, after: int) -> Tensor:
    """Several (B, C, H, W) channels_last side by side, with so many zeros before and after them in height and width."""
    batch, _, height, width = parts[0].shape
    channels = sum(part.shape[1] for part in parts)
    frame = parts[0].new_zeros(batch, height + before + after, width + before + after, channels)
    inside = frame[:, before : before + height, before : before + width]
    first = 0
    for part in parts:
        inside[..., first : first + part.shape[1]] = part.permute(0, 2, 3, 1)
        first += part.shape[1]
    return frame.permute(0, 3, 1, 2)


def places_of_pixels(image: Tensor) -> Tensor:
    """(B, 3, H, W) channels_last -> (B, 12, H/2, W/2) channels_last, ordered row, column, channel."""
    batch, colours, height, width = image.shape
    lines = image.permute(0, 2, 3, 1)
    rows = [lines[:, row::2].reshape(batch, height // 2, width // 2, 2 * colours) for row in (0, 1)]
    return torch.cat(rows, dim=3).permute(0, 3, 1, 2)


def pixels_of_places(places: Tensor) -> Tensor:
    """(B, 12, H/2, W/2) of `places_of_pixels` -> (B, 3, H, W) channels_last."""
    batch, channels, height, width = places.shape
    lines = places.permute(0, 2, 3, 1).reshape(batch, height, width, 2, channels // 2).transpose(2, 3)
    return lines.reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)
