"""G and R for scoring on a CPU: the same function as `HiqaNet`, of packed convolutions (packing.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.networks.efficientnet_lite import EfficientNetLite, InvertedBlock
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.regressor import DISCREPANCY_GAIN, Regressor
from hiqa_cli.networks.resnet import BasicBlock, Trunk
from hiqa_cli.networks.torch_contexts import one_thread

from .generator import PackedGeneratorHalf
from .packing import (
    LEVELS,
    RELU,
    RELU6,
    Layout,
    PackedConvolution,
    bias_of,
    filter_of_places,
    framed,
    in_two_parts,
    packed,
    rounded_together,
)

IMAGE_GAIN = 2 / LEVELS  # R wants its image in -2..2
PLACE = 12  # channels of 2x2 places of an image
EARLY = 8  # blocks whose weights are rounded together: those down to 1/16
LARGE = 4  # blocks whose features are larger than a processor's cache where there are several tiles of them
SMOOTH = 64  # px, the side of the picture that usual_means() takes


class PackedBlock:
    """`BasicBlock`."""

    def __init__(self, block: BasicBlock, layout: Layout) -> None:
        first, second = _only_convolution(block.conv1), _only_convolution(block.conv2)
        self.first, self.second = packed(first, layout), packed(second, layout.shrunk(first.stride[0]))
        self.shortcut = None
        if not isinstance(block.shortcut, nn.Identity):
            self.shortcut = packed(_only_convolution(block.shortcut), layout)

    def __call__(self, x: Tensor) -> Tensor:
        inner = self.first(x, RELU)
        return self.second.add_to(x if self.shortcut is None else self.shortcut(x), inner, relu=True)


def _only_convolution(module: nn.Module) -> nn.Conv2d:
    """The convolution of a Sequential of convolution and nothing (batch norms must be folded before)."""
    assert isinstance(module, nn.Sequential)
    convolution, after = module
    if not isinstance(convolution, nn.Conv2d) or not isinstance(after, nn.Identity):
        raise TypeError("only convolutions without a norm after them can be packed: fold batch norms first")
    return convolution


class PackedTrunk:
    """`Trunk` on 2x2 places (B, 12 or 24, H/2, W/2) of the image in LEVELS, once or (bf16) twice, and on those of the
    map, or None -> its last features (B, 8w, H/32, W/32)."""

    def __init__(self, trunk: Trunk, layout: Layout) -> None:
        conv = _only_convolution(trunk.conv)
        weight = filter_of_places(conv.weight.detach()[:, :3] * IMAGE_GAIN)
        of_map = filter_of_places(conv.weight.detach()[:, 3:] * DISCREPANCY_GAIN)
        half = layout.shrunk(2)
        weight = torch.cat([in_two_parts(weight, layout.dtype), of_map], dim=1)
        reach = int(conv.padding[0])
        self.frame = (reach + 1) // 2, reach // 2
        self.conv = PackedConvolution(weight, bias_of(conv), replace(half, side=half.side + reach))
        self.blocks = []
        for n, stage in enumerate(trunk.stages):
            assert isinstance(stage, nn.Sequential)
            before = half.shrunk(2 if n == 0 else 2**n)
            for block in stage:
                assert isinstance(block, BasicBlock)
                self.blocks.append(PackedBlock(block, before))
                before = half.shrunk(2 ** (n + 1))

    def __call__(self, image: Tensor, discrepancy: Tensor | None) -> Tensor:
        frame = framed([image] if discrepancy is None else [image, discrepancy], *self.frame)
        x = functional.max_pool2d(self.conv(frame, RELU), 3, stride=2, padding=1)
        for block in self.blocks:
            x = block(x)
        return x


class TypicalMeans(NamedTuple):
    """Of a block: means (channels,) of what its `filter` sees and of what its `project` sees."""

    filter: Tensor
    project: Tensor


class PackedInvertedBlock:
    """`InvertedBlock`; means: what its weights are rounded by where it is not in float32; None: one by one."""

    def __init__(self, block: InvertedBlock, layout: Layout, means: TypicalMeans | None) -> None:
        after = layout.shrunk(block.filter.stride[0])
        self.expand = None if block.expand is None else packed(block.expand, layout)
        if means is None or layout.dtype == torch.float32:
            self.filter, self.project = packed(block.filter, layout), packed(block.project, after)
        else:
            self.filter = packed_together(block.filter, layout, means.filter.unsqueeze(1))  # one channel a row
            self.project = packed_together(block.project, after, means.project)
        self.is_residual = block.is_residual

    def __call__(self, x: Tensor) -> Tensor:
        """`x` is overwritten where it is added to."""
        inner = self.filter(x if self.expand is None else self.expand(x, RELU6), RELU6)
        return self.project.add_to(x, inner) if self.is_residual else self.project(inner)


def packed_together(module: nn.Conv2d, layout: Layout, means: Tensor) -> PackedConvolution:
    """A convolution, rounded by rounded_together(); means: of its inputs."""
    weight, bias = module.weight.detach(), bias_of(module)
    assert bias is not None
    rows, bias = rounded_together(weight.flatten(1), bias, means, layout.dtype)
    return packed(module, layout, weight=rows.view_as(weight), bias=bias)


@torch.no_grad()
def usual_means(trunk: EfficientNetLite) -> list[TypicalMeans | None]:
    """For every block what it makes of a smooth picture; None for the later ones, whose rounding moves scores by
    hundredths of a point. On one thread: the last digits of a convolution differ by their number, and other means round
    other weights. (float64 would do as well and takes a second.)"""
    with one_thread():
        return _means_of_smooth(trunk)


def _means_of_smooth(trunk: EfficientNetLite) -> list[TypicalMeans | None]:
    noise = torch.rand(1, 3, SMOOTH // 8, SMOOTH // 8, generator=torch.Generator().manual_seed(0))
    smooth = functional.interpolate(noise, size=(SMOOTH, SMOOTH), mode="bilinear")
    means: list[TypicalMeans | None] = []
    x = functional.relu6(trunk.stem(smooth * 4 - 2))
    for block in trunk.blocks[:EARLY]:
        assert isinstance(block, InvertedBlock)
        wide = x if block.expand is None else functional.relu6(block.expand(x))
        inner = functional.relu6(block.filter(wide))
        means.append(TypicalMeans(wide.mean(dim=(0, 2, 3)), inner.mean(dim=(0, 2, 3))))
        narrow = block.project(inner)
        x = x + narrow if block.is_residual else narrow
    return means + [None] * (len(trunk.blocks) - EARLY)


class PackedEfficientNetLite:
    """`EfficientNetLite`, on what `PackedTrunk` takes of the image. Stem and first block are in float32 always: their
    few channels hold the faint detail beside the picture's own brightness; rounded to bf16 they would move scores by
    points.

    The first LARGE blocks take one tile after the other: what one of them writes is still in the processor's cache
    when the next one reads it. For the later ones weights would be read more often than that saves.
    """

    def __init__(self, trunk: EfficientNetLite, layout: Layout) -> None:
        half = replace(layout, batch=1).shrunk(2)
        finest = replace(half, dtype=torch.float32)
        stem = filter_of_places(trunk.stem.weight.detach() * IMAGE_GAIN)
        self.stem = PackedConvolution(stem, bias_of(trunk.stem), replace(finest, side=half.side + 1))
        self.dtype = layout.dtype
        self.blocks = []
        for number, (block, means) in enumerate(zip(trunk.blocks, usual_means(trunk), strict=True)):
            assert isinstance(block, InvertedBlock)
            self.blocks.append(PackedInvertedBlock(block, half if number else finest, means))
            half = half.shrunk(block.filter.stride[0])
            if number + 1 == LARGE:
                half = replace(half, batch=layout.batch)
        self.top = packed(trunk.top, half)

    def __call__(self, image: Tensor) -> Tensor:
        x = torch.cat([self._large(tile) for tile in image.split(1)])
        for block in self.blocks[LARGE:]:
            x = block(x)
        return self.top(x, RELU6)

    def _large(self, image: Tensor) -> Tensor:
        exact = image[:, :PLACE].float()  # in bf16 the image is there twice
        x = self.blocks[0](self.stem(framed([exact], 1, 0), RELU6)).to(self.dtype)
        for block in self.blocks[1:LARGE]:
            x = block(x)
        return x


class PackedRegressor:
    """R1, f of formula (11) and the prior on PackedGenerator's input and correction -> joined features
    (B, C, H/32, W/32)."""

    def __init__(self, regressor: Regressor, layout: Layout) -> None:
        self.config = regressor.config
        self.trunk = PackedTrunk(regressor.trunk, layout) if self.config.blocks else None
        self.project = packed(regressor.project, layout.shrunk(32)) if self.config.semantic else None
        self.prior = None if regressor.prior is None else PackedEfficientNetLite(regressor.prior.trunk, layout)

    def __call__(self, image: Tensor, correction: Tensor, semantic: Tensor) -> Tensor:
        parts = [] if self.project is None else [self.project(semantic)]
        if self.trunk is not None:
            discrepancy = None
            if self.config.discrepancy:
                # The correction is minus the discrepancy.
                discrepancy = correction.abs() if self.config.absolute_map else -correction
            parts.append(self.trunk(image, discrepancy))
        if self.prior is not None:
            parts.append(self.prior(image))
        return torch.cat(parts, dim=1)


class PackedHiqa(PackedGeneratorHalf):
    """`HiqaNet`, for tiles whose height and width are multiples of G's divisor."""

    def __init__(self, generator: Generator, regressor: Regressor, layout: Layout) -> None:
        super().__init__(generator, layout)
        self.regressor = PackedRegressor(regressor, layout)

    def run_regressor(self, image: Tensor, correction: Tensor, semantic: Tensor) -> Tensor:
        """The results of run_generator() -> joined features (B, C, H/32, W/32)."""
        return self.regressor(image, correction.to(self.dtype), semantic)
