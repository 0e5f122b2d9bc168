"""Building blocks of the packed networks: convolutions with weights in oneDNN's layout, and space-to-depth.

Why these networks are faster than the plain modules:

- weights are reordered for oneDNN once, not at every call;
- activations and residual additions are fused into the convolution before them, so that a feature map is written
  once instead of two or three times;
- images stay in space-to-depth form, (B, 12, H/2, W/2): nothing is pixel-shuffled back to full resolution, and a first
  convolution with stride 2 becomes an equivalent one with stride 1;
- constant factors on a network's inputs are folded into the weights of its first convolution.

Space-to-depth channels are ordered row, column, colour here (as pixels are in memory), but colour, row, column in
torch's pixel_shuffle; weights are permuted to match.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

# Inputs are 8-bit levels relative to middle grey, -127.5..127.5 in steps of 1. bf16 represents these exactly; values in
# -1..1 would be rounded by up to half a level, which R mistakes for noise in a smooth image.
LEVELS = 127.5
MIN_MEAN = 1e-3  # lower bound of an input's mean, since errors are divided by it
# (colour, row, column) -> (row, column, colour): the index in torch's order of each channel in ours.
DEPTH_ORDER = [4 * colour + 2 * row + column for row in (0, 1) for column in (0, 1) for colour in (0, 1, 2)]


class Activation(NamedTuple):
    """The activation that oneDNN applies to the output of a convolution."""

    name: str
    bounds: tuple[float, ...] = ()


NOTHING = Activation("none")
RELU = Activation("relu")
RELU6 = Activation("hardtanh", (0.0, 6.0))


@dataclass(frozen=True)
class Layout:
    """The input that weights are laid out for: (batch, C, side, side) in `dtype`. Other batches and sizes work, too."""

    batch: int
    side: int
    dtype: torch.dtype

    def shrunk(self, factor: int) -> Layout:
        return replace(self, side=self.side // factor)


class PackedConvolution:
    """A convolution with weights in oneDNN's layout and a fused activation or addition."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, layout: Layout, stride: int = 1, padding: int = 0, groups: int = 1
    ) -> None:
        self._geometry: tuple[list[int], list[int], list[int], int] = ([padding] * 2, [stride] * 2, [1, 1], groups)
        # oneDNN takes this shape as a hint only.
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
    """Pack a Conv2d. weight, bias: replace its own. inputs, outputs: select or permute its channels."""
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


def high_low_split(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Split weights (O, C, h, w) into rounded values and remainders, (O, 2C, h, w), for an input that is given twice.

    Returns float32 weights unchanged for float32. An image's mean is far larger than its detail: with weights merely
    rounded to bf16, brightness would leak into the responses to detail.
    """
    if dtype == torch.float32:
        return weight
    coarse = weight.to(dtype).float()
    return torch.cat([coarse, weight - coarse], dim=1)


def round_with_error_feedback(weight: Tensor, bias: Tensor, means: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Round weights (rows, n) and biases (rows,) to `dtype` so that each row's output for mean inputs is kept.

    means: of the inputs, (n,) or (rows, n). Returns both in float32, with values that `dtype` represents exactly and
    that are at most one and a half steps from the originals.

    Rounded independently, the errors of a row add up to a constant shift of its output on smooth images. Here each
    error is carried over to the next weight, in decreasing order of their contributions to the output.
    """
    values = torch.cat([bias.unsqueeze(1), weight], dim=1)
    inputs = torch.cat([torch.ones_like(values[:, :1]), means.expand(weight.shape)], dim=1)
    inputs = torch.where(inputs.abs() < MIN_MEAN, MIN_MEAN * torch.where(inputs < 0, -1.0, 1.0), inputs)
    order = (values * inputs).abs().argsort(dim=1, descending=True)
    sorted_values, sorted_inputs = (x.gather(1, order).t().contiguous() for x in (values, inputs))  # (n + 1, rows)
    nearest_values = sorted_values.to(dtype).float()
    steps = torch.finfo(dtype).eps * nearest_values.abs()
    rounded = torch.empty_like(sorted_values)
    error = weight.new_zeros(len(weight))  # of the output, so far
    for value, mean, nearest, step, result in zip(
        sorted_values, sorted_inputs, nearest_values, steps, rounded, strict=True
    ):
        wanted = (value + error / mean).to(dtype).float()
        result[:] = torch.where((wanted - nearest).abs() <= step, wanted, nearest)
        error += (value - result) * mean
    restored = torch.empty_like(values).scatter(1, order, rounded.t())
    return restored[:, 1:], restored[:, 0]


def is_packable(network_dtype: torch.dtype) -> bool:
    """Whether this torch has oneDNN's fused convolutions (private operators since torch 2.0), and whether they support
    this dtype on this processor: bf16 needs AVX-512 or AVX-NE-CONVERT."""
    if not torch.backends.mkldnn.is_available() or network_dtype not in (torch.float32, torch.bfloat16):
        return False
    if network_dtype is torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    return all(
        hasattr(torch.ops.mkldnn, name)
        for name in ("_reorder_convolution_weight", "_convolution_pointwise", "_convolution_pointwise_")
    )


def space_to_depth_filter(weight: Tensor) -> Tensor:
    """Convert a filter of odd side 2p+1, stride 2 and padding p to one of stride 1 on a space-to-depth input.

    (O, C, 2p+1, 2p+1) -> (O, 4C, p+1, p+1). The input must be padded by concat_padded(x, (p + 1) // 2, p // 2).

    Output o covers pixels 2o-p .. 2o+p: for p = 3 these are the second row of block o-2 and both rows of o-1, o, o+1;
    for p = 2 both rows of o-1 and o and the first row of o+1.
    """
    count, channels, side, _ = weight.shape
    half = (side + 1) // 2
    before, after = (1, 0) if half % 2 == 0 else (0, 1)
    spread = functional.pad(weight, (before, after, before, after)).view(count, channels, half, 2, half, 2)
    return spread.permute(0, 3, 5, 1, 2, 4).reshape(count, 4 * channels, half, half)


def concat_padded(parts: list[Tensor], before: int, after: int) -> Tensor:
    """Concatenate (B, C, H, W) channels_last along the channels, with `before` and `after` rows and columns of zeros
    around them."""
    batch, _, height, width = parts[0].shape
    channels = sum(part.shape[1] for part in parts)
    padded = parts[0].new_zeros(batch, height + before + after, width + before + after, channels)
    inside = padded[:, before : before + height, before : before + width]
    first = 0
    for part in parts:
        inside[..., first : first + part.shape[1]] = part.permute(0, 2, 3, 1)
        first += part.shape[1]
    return padded.permute(0, 3, 1, 2)


def space_to_depth(image: Tensor) -> Tensor:
    """(B, 3, H, W) channels_last -> (B, 12, H/2, W/2) channels_last, ordered row, column, colour."""
    batch, colours, height, width = image.shape
    lines = image.permute(0, 2, 3, 1)
    rows = [lines[:, row::2].reshape(batch, height // 2, width // 2, 2 * colours) for row in (0, 1)]
    return torch.cat(rows, dim=3).permute(0, 3, 1, 2)


def depth_to_space(blocks: Tensor) -> Tensor:
    """The inverse of space_to_depth(): (B, 12, H/2, W/2) -> (B, 3, H, W) channels_last."""
    batch, channels, height, width = blocks.shape
    lines = blocks.permute(0, 2, 3, 1).reshape(batch, height, width, 2, channels // 2).transpose(2, 3)
    return lines.reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)
