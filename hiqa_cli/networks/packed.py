"""G and R for scoring on a processor: the same function as `HiqaNet`, arranged for oneDNN.

What differs from the plain modules, and why it is faster:

- weights are put into oneDNN's own order once, not at every call;
- activations and residual additions run inside the convolution before them, so that a feature map is written
  once instead of two or three times;
- everything stays at half the resolution: what a pixel_shuffle would spread out over 2x2 places stays 12 channels, and
  `R`'s first 7x7 convolution at stride 2 is the same filter on 2x2 places, 4x4 at stride 1;
- the constant factors on `R`'s inputs are in the weights of its first convolution.

Channels of 2x2 places are ordered row, column, channel here (as the pixels lie in memory), channel, row, column in
torch's pixel_shuffle; weights are reordered to match.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from .generator import Generator, Hourglass, Residual
from .regressor import DISCREPANCY_GAIN, BasicBlock, Regressor, Trunk

# What comes in is counted in 8-bit levels from the middle grey, -127.5..127.5 in steps of 1: these numbers bf16 holds
# exactly, while -1..1 would be rounded by up to half a level, which R takes for noise in a smooth picture.
LEVELS = 127.5
# (channel, row, column) -> (row, column, channel), for three colours: place in torch's order of each of ours.
COLOURS = [4 * colour + 2 * row + column for row in (0, 1) for column in (0, 1) for colour in (0, 1, 2)]


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
        self, weight: Tensor, bias: Tensor | None, layout: Layout, stride: int = 1, padding: int = 0
    ) -> None:
        self._geometry: tuple[list[int], list[int], list[int], int] = ([padding] * 2, [stride] * 2, [1, 1], 1)
        # The shape is a hint: any batch and size works.
        shape = [layout.batch, weight.shape[1], layout.side, layout.side]
        weight = weight.to(layout.dtype).contiguous()
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *self._geometry, shape)
        self._bias = None if bias is None else bias.to(layout.dtype)

    def __call__(self, x: Tensor, relu: bool = False) -> Tensor:
        activation = "relu" if relu else "none"
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._weight, self._bias, *self._geometry, activation, [], ""
        )
        return result

    def add_to(self, other: Tensor, x: Tensor, relu: bool = False) -> Tensor:
        """other + convolution(x), with a ReLU after it where asked for; `other` is overwritten and given back."""
        activation = "relu" if relu else None
        result: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
            other, x, self._weight, self._bias, *self._geometry, "add", None, activation, [], None
        )
        return result


def packed(
    module: nn.Module, layout: Layout, *, inputs: list[int] | None = None, outputs: list[int] | None = None
) -> PackedConvolution:
    """A Conv2d; inputs, outputs: its channels in another order."""
    assert isinstance(module, nn.Conv2d)
    weight, bias = module.weight.detach(), None if module.bias is None else module.bias.detach()
    if inputs is not None:
        weight = weight[:, inputs]
    if outputs is not None:
        weight, bias = weight[outputs], None if bias is None else bias[outputs]
    return PackedConvolution(weight, bias, layout, module.stride[0], int(module.padding[0]))


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


def is_packable(network_dtype: torch.dtype) -> bool:
    """Whether this torch has oneDNN and its fused convolutions (private operators, there since torch 2.0)."""
    if not torch.backends.mkldnn.is_available() or network_dtype not in (torch.float32, torch.bfloat16):
        return False
    return all(
        hasattr(torch.ops.mkldnn, name)
        for name in ("_reorder_convolution_weight", "_convolution_pointwise", "_convolution_pointwise_")
    )


class PackedResidual:
    def __init__(self, block: Residual, layout: Layout) -> None:
        self.first, self.second = packed(block.first, layout), packed(block.second, layout)

    def __call__(self, x: Tensor) -> Tensor:
        """x + second(relu(first(x))); `x` is overwritten."""
        return self.second.add_to(x, self.first(x, relu=True))


class PackedHourglass:
    def __init__(self, hourglass: Hourglass, layout: Layout) -> None:
        self.encode = PackedResidual(hourglass.encode, layout)
        self.decode = PackedResidual(hourglass.decode, layout)
        self.inner: PackedHourglass | None = None
        if hourglass.inner is not None:
            self.down = packed(hourglass.down, layout)
            self.inner = PackedHourglass(hourglass.inner, layout.shrunk(2))
            self.up = packed(hourglass.up, layout.shrunk(2), outputs=_places_first(hourglass.up.out_channels))

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As `Hourglass`; `x` is overwritten."""
        kept = self.encode(x)
        if self.inner is None:
            return self.decode(kept.clone(memory_format=torch.channels_last)), kept
        low, deepest = self.inner(self.down(kept))
        return self.decode(_add_risen(kept, self.up(low))), deepest


def _places_first(channels: int) -> list[int]:
    """Places in pixel_shuffle's order (channel, row, column) of the order (row, column, channel)."""
    return [4 * channel + place for place in range(4) for channel in range(channels // 4)]


def _add_risen(kept: Tensor, risen: Tensor) -> Tensor:
    """kept (B, C, 2H, 2W) += pixel_shuffle of risen (B, 4C, H, W), whose channels are ordered row, column, channel."""
    batch, channels, height, width = kept.shape
    fine = kept.permute(0, 2, 3, 1).view(batch, height // 2, 2, width // 2, 2 * channels)
    coarse = risen.permute(0, 2, 3, 1).view(batch, height // 2, width // 2, 2, 2 * channels)
    fine.add_(coarse.transpose(2, 3))
    return kept


class PackedGenerator:
    """G on x (B, 12 or 24, H/2, W/2) channels_last, 2x2 places of the image in LEVELS, once or (bf16) twice ->
    correction (B, 12, H/2, W/2) in units of the image in 0..1, and `H_{5,2}`; H and W multiples of the divisor."""

    def __init__(self, generator: Generator, layout: Layout) -> None:
        half = layout.shrunk(2)
        enter = generator.enter
        weight = in_two_parts(enter.weight.detach()[:, COLOURS] / LEVELS, layout.dtype)
        self.enter = PackedConvolution(weight, enter.bias.detach() if enter.bias is not None else None, half, padding=1)
        self.hourglasses = [
            PackedHourglass(module, half) for module in generator.hourglasses if isinstance(module, Hourglass)
        ]
        self.heads = [packed(head, half, outputs=COLOURS) for head in generator.heads]
        self.merge_found = [packed(module, half) for module in generator.merge_found]
        self.merge_predicted = [packed(module, half, inputs=COLOURS) for module in generator.merge_predicted]

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = self.enter(image)
        total: Tensor | None = None
        semantic = x
        for n, (hourglass, head) in enumerate(zip(self.hourglasses, self.heads, strict=True)):
            last = n == len(self.heads) - 1
            found, semantic = hourglass(x if last else x.clone(memory_format=torch.channels_last))
            total = head(found) if total is None else head.add_to(total, found)
            if not last:
                x = self.merge_found[n].add_to(x, found)
                x = self.merge_predicted[n].add_to(x, total)
        assert total is not None
        return total, semantic


class PackedBlock:
    def __init__(self, block: BasicBlock, layout: Layout) -> None:
        first, second = _only_convolution(block.conv1), _only_convolution(block.conv2)
        self.first, self.second = packed(first, layout), packed(second, layout.shrunk(first.stride[0]))
        self.shortcut = None
        if not isinstance(block.shortcut, nn.Identity):
            self.shortcut = packed(_only_convolution(block.shortcut), layout)

    def __call__(self, x: Tensor) -> Tensor:
        inner = self.first(x, relu=True)
        return self.second.add_to(x if self.shortcut is None else self.shortcut(x), inner, relu=True)


def _only_convolution(module: nn.Module) -> nn.Conv2d:
    """The convolution of a Sequential of convolution and nothing (batch norms must be folded before)."""
    assert isinstance(module, nn.Sequential)
    convolution, after = module
    if not isinstance(convolution, nn.Conv2d) or not isinstance(after, nn.Identity):
        raise TypeError("only convolutions without a norm after them can be packed: fold batch norms first")
    return convolution


class PackedRegressor:
    """R1 and f of formula (11) on PackedGenerator's input and correction -> joined features (B, 16w, H/32, W/32)."""

    def __init__(self, regressor: Regressor, layout: Layout) -> None:
        trunk = regressor.trunk
        assert isinstance(trunk, Trunk)
        conv = _only_convolution(trunk.conv)
        image = _as_places(conv.weight.detach()[:, :3] * (2 / LEVELS))  # R wants its image in -2..2
        weight = in_two_parts(image, layout.dtype)
        if regressor.config.discrepancy:
            # What comes in is minus the discrepancy.
            correction = _as_places(conv.weight.detach()[:, 3:] * -DISCREPANCY_GAIN)
            weight = torch.cat([weight, correction], dim=1)
        half = layout.shrunk(2)
        self.discrepancy = regressor.config.discrepancy
        bias = None if conv.bias is None else conv.bias.detach()
        self.conv = PackedConvolution(weight, bias, replace(half, side=half.side + 3))
        self.blocks = []
        for n, stage in enumerate(trunk.stages):
            assert isinstance(stage, nn.Sequential)
            before = half.shrunk(2 if n == 0 else 2**n)
            first, second = stage
            assert isinstance(first, BasicBlock)
            assert isinstance(second, BasicBlock)
            self.blocks += [PackedBlock(first, before), PackedBlock(second, half.shrunk(2 ** (n + 1)))]
        self.project = packed(regressor.project, layout.shrunk(32)) if regressor.config.semantic else None

    def __call__(self, image: Tensor, correction: Tensor, semantic: Tensor) -> Tensor:
        x = functional.max_pool2d(self.conv(self._framed(image, correction), relu=True), 3, stride=2, padding=1)
        for block in self.blocks:
            x = block(x)
        return x if self.project is None else torch.cat([self.project(semantic), x], dim=1)

    def _framed(self, image: Tensor, correction: Tensor) -> Tensor:
        """Both side by side with the zeros around them that the 4x4 filter wants: two before, one after."""
        batch, channels, height, width = image.shape
        frame = image.new_zeros(batch, height + 3, width + 3, channels + (12 if self.discrepancy else 0))
        inside = frame[:, 2:-1, 2:-1]
        inside[..., :channels] = image.permute(0, 2, 3, 1)
        if self.discrepancy:
            inside[..., channels:] = correction.permute(0, 2, 3, 1)
        return frame.permute(0, 3, 1, 2)


def _as_places(weight: Tensor) -> Tensor:
    """A 7x7 filter at stride 2 and padding 3 as one on 2x2 places: (C, 3, 7, 7) -> (C, 12, 4, 4).

    Output o looks at pixels 2o-3 .. 2o+3, which are the second row of place o-2 and both rows of o-1, o and o+1.
    """
    count, colours, _, _ = weight.shape
    spread = functional.pad(weight, (1, 0, 1, 0)).view(count, colours, 4, 2, 4, 2)
    return spread.permute(0, 3, 5, 1, 2, 4).reshape(count, 4 * colours, 4, 4)


class PackedHiqa:
    """`HiqaNet` for tiles whose height and width are multiples of G's divisor, made of float32 weights."""

    def __init__(self, generator: Generator, regressor: Regressor, layout: Layout) -> None:
        self.dtype = layout.dtype
        self.generator = PackedGenerator(generator, layout)
        self.regressor = PackedRegressor(regressor, layout)

    def imagine(self, distorted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 3, H, W) float32 in 0..1 -> the same as G takes it; the correction
        (B, 12, H/2, W/2), float32, clamped so that the hallucination is in 0..1; `H_{5,2}`."""
        places = _places(distorted)
        levels = (places * (2 * LEVELS)).sub_(LEVELS).to(self.dtype)
        image = levels if self.dtype == torch.float32 else torch.cat([levels, levels], dim=1)
        correction, semantic = self.generator(image)
        # The difference is taken in float32: in bf16 it would drown in the rounding of the image itself.
        exact = correction.float().add_(places).clamp_(0, 1).sub_(places)
        return image, exact, semantic

    def judge(self, image: Tensor, correction: Tensor, semantic: Tensor) -> Tensor:
        """What imagine() gave -> joined features (B, C, H/32, W/32)."""
        return self.regressor(image, correction.to(self.dtype), semantic)


def _places(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 12, H/2, W/2) channels_last, ordered row, column, channel."""
    batch, colours, height, width = image.shape
    lines = image.permute(0, 2, 3, 1).reshape(batch, height // 2, 2, width // 2, 2 * colours)
    return lines.transpose(2, 3).reshape(batch, height // 2, width // 2, 4 * colours).permute(0, 3, 1, 2)


def pixels_of_places(places: Tensor) -> Tensor:
    """(B, 12, H/2, W/2) of `_places` -> (B, 3, H, W) channels_last."""
    batch, channels, height, width = places.shape
    lines = places.permute(0, 2, 3, 1).reshape(batch, height, width, 2, channels // 2).transpose(2, 3)
    return lines.reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)
