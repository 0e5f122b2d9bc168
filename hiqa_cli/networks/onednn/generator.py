"""G for scoring on a CPU: computes the same as `Generator`, with packed convolutions (packing.py)."""

from __future__ import annotations

import torch
from torch import Tensor

from hiqa_cli.networks.generator import Generator, Hourglass, Residual

from .packing import (
    DEPTH_ORDER,
    LEVELS,
    RELU,
    Layout,
    PackedConvolution,
    bias_of,
    high_low_split,
    packed,
    space_to_depth,
)


class PackedResidual:
    def __init__(self, block: Residual, layout: Layout) -> None:
        self.first, self.second = packed(block.first, layout), packed(block.second, layout)

    def __call__(self, x: Tensor) -> Tensor:
        """x + second(relu(first(x))); `x` is overwritten."""
        return self.second.add_to(x, self.first(x, RELU))


class PackedHourglass:
    def __init__(self, hourglass: Hourglass, layout: Layout) -> None:
        self.encode = PackedResidual(hourglass.encode, layout)
        self.decode = PackedResidual(hourglass.decode, layout)
        self.inner: PackedHourglass | None = None
        if hourglass.inner is not None:
            below = layout.shrunk(2)
            self.down = packed(hourglass.down, layout)
            self.inner = PackedHourglass(hourglass.inner, below)
            self.up = [packed(hourglass.up, below, outputs=_row_channels(hourglass.up.out_channels, n)) for n in (0, 1)]

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As `Hourglass`; `x` is overwritten."""
        kept = self.encode(x)
        if self.inner is None:
            return self.decode(kept.clone(memory_format=torch.channels_last)), kept
        low, deepest = self.inner(self.down(kept))
        for row, up in enumerate(self.up):
            _add_row(kept, up(low), row)
        return self.decode(kept), deepest


def _row_channels(channels: int, row: int) -> list[int]:
    """Indices, in pixel_shuffle's order (channel, row, column), of the channels of one row, ordered column, channel."""
    return [4 * channel + 2 * row + column for column in (0, 1) for channel in range(channels // 4)]


def _add_row(kept: Tensor, upsampled: Tensor, row: int) -> None:
    """Add `upsampled` (B, 2C, H, W), channels ordered column, channel, to every second row of `kept` (B, C, 2H, 2W)
    from `row` on, in place. Whole rows are contiguous, which is faster than adding 2x2 blocks."""
    batch, channels, height, width = kept.shape
    lines = kept.permute(0, 2, 3, 1).view(batch, height // 2, 2, width * channels)
    lines[:, :, row].add_(upsampled.permute(0, 2, 3, 1).reshape(batch, height // 2, width * channels))


class PackedGenerator:
    """G on an image in LEVELS in space-to-depth form: (B, 12, H/2, W/2) channels_last, or in bf16 the same channels
    twice, (B, 24, H/2, W/2) -> correction (B, 12, H/2, W/2) in units of 0..1, and `H_{5,2}`.

    H and W must be multiples of the divisor.
    """

    def __init__(self, generator: Generator, layout: Layout) -> None:
        half = layout.shrunk(2)
        enter = generator.enter
        weight = high_low_split(enter.weight.detach()[:, DEPTH_ORDER] / LEVELS, layout.dtype)
        self.enter = PackedConvolution(weight, bias_of(enter), half, padding=1)
        self.hourglasses = [
            PackedHourglass(module, half) for module in generator.hourglasses if isinstance(module, Hourglass)
        ]
        self.heads = [packed(head, half, outputs=DEPTH_ORDER) for head in generator.heads]
        self.merge_found = [packed(module, half) for module in generator.merge_found]
        self.merge_predicted = [packed(module, half, inputs=DEPTH_ORDER) for module in generator.merge_predicted]

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


class PackedGeneratorHalf:
    """G's half of `HiqaNet`, built from float32 weights. Heights and widths must be multiples of G's divisor."""

    def __init__(self, generator: Generator, layout: Layout) -> None:
        self.dtype = layout.dtype
        self.generator = PackedGenerator(generator, layout)

    def run_generator(self, distorted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run G on (B, 3, H, W) channels_last, uint8 or float32 in 0..1.

        Returns G's input; the correction (B, 12, H/2, W/2) float32, clamped so that the hallucination is in 0..1; and
        `H_{5,2}`.
        """
        blocks = space_to_depth(distorted)
        if blocks.dtype == torch.uint8:
            levels = blocks.to(self.dtype).sub_(LEVELS)
            blocks = blocks.float().div_(2 * LEVELS)
        else:
            levels = (blocks * (2 * LEVELS)).sub_(LEVELS).to(self.dtype)
        image = levels if self.dtype == torch.float32 else torch.cat([levels, levels], dim=1)
        correction, semantic = self.generator(image)
        # In bf16 the rounding of the image would exceed the difference.
        exact = correction.float().add_(blocks).clamp_(0, 1).sub_(blocks)
        return image, exact, semantic
