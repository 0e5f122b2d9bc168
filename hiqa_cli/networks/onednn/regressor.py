"""G and R for scoring on a CPU: computes the same as `HiqaNet`, with packed convolutions (packing.py)."""

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
    concat_padded,
    high_low_split,
    packed,
    round_with_error_feedback,
    space_to_depth_filter,
)

IMAGE_GAIN = 2 / LEVELS  # R's image input is in -2..2
DEPTH_CHANNELS = 12  # of an image in space-to-depth form
EARLY = 8  # blocks, down to 1/16 of the resolution, whose weights are rounded with error feedback
LARGE = 4  # blocks whose features of a whole batch exceed a processor's cache
SMOOTH = 64  # px, side of the image that typical_means() uses


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
    """The convolution of a Sequential(convolution, Identity). TypeError if its batch norm is not folded."""
    assert isinstance(module, nn.Sequential)
    convolution, after = module
    if not isinstance(convolution, nn.Conv2d) or not isinstance(after, nn.Identity):
        raise TypeError("only convolutions without a norm after them can be packed: fold batch norms first")
    return convolution


class PackedTrunk:
    """`Trunk` -> its last features (B, 8w, H/32, W/32).

    Inputs in space-to-depth form: the image in LEVELS, (B, 12, H/2, W/2), in bf16 the same channels twice; and the
    discrepancy map (B, 12, H/2, W/2), or None.
    """

    def __init__(self, trunk: Trunk, layout: Layout) -> None:
        conv = _only_convolution(trunk.conv)
        weight = space_to_depth_filter(conv.weight.detach()[:, :3] * IMAGE_GAIN)
        of_map = space_to_depth_filter(conv.weight.detach()[:, 3:] * DISCREPANCY_GAIN)
        half = layout.shrunk(2)
        weight = torch.cat([high_low_split(weight, layout.dtype), of_map], dim=1)
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
        frame = concat_padded([image] if discrepancy is None else [image, discrepancy], *self.frame)
        x = functional.max_pool2d(self.conv(frame, RELU), 3, stride=2, padding=1)
        for block in self.blocks:
            x = block(x)
        return x


class TypicalMeans(NamedTuple):
    """Means (channels,) of the inputs of a block's `filter` and of its `project`."""

    filter: Tensor
    project: Tensor


class PackedInvertedBlock:
    """`InvertedBlock`. means: for rounding with error feedback below float32; None rounds each weight by itself."""

    def __init__(self, block: InvertedBlock, layout: Layout, means: TypicalMeans | None) -> None:
        after = layout.shrunk(block.filter.stride[0])
        self.expand = None if block.expand is None else packed(block.expand, layout)
        if means is None or layout.dtype == torch.float32:
            self.filter, self.project = packed(block.filter, layout), packed(block.project, after)
        else:
            self.filter = packed_with_feedback(block.filter, layout, means.filter.unsqueeze(1))  # one channel a row
            self.project = packed_with_feedback(block.project, after, means.project)
        self.is_residual = block.is_residual

    def __call__(self, x: Tensor) -> Tensor:
        """Overwrites `x` if the block is residual."""
        inner = self.filter(x if self.expand is None else self.expand(x, RELU6), RELU6)
        return self.project.add_to(x, inner) if self.is_residual else self.project(inner)


def packed_with_feedback(module: nn.Conv2d, layout: Layout, means: Tensor) -> PackedConvolution:
    """Pack a convolution, rounded by round_with_error_feedback(). means: of its inputs."""
    weight, bias = module.weight.detach(), bias_of(module)
    assert bias is not None
    rows, bias = round_with_error_feedback(weight.flatten(1), bias, means, layout.dtype)
    return packed(module, layout, weight=rows.view_as(weight), bias=bias)


@torch.no_grad()
def typical_means(trunk: EfficientNetLite) -> list[TypicalMeans | None]:
    """Means of each block on a smooth image; None for later blocks, whose rounding changes scores by hundredths only.

    Computed on one thread: the last digits of a convolution depend on the number of threads, and with them the rounded
    weights. (float64 would also be stable, but takes a second.)
    """
    with one_thread():
        return _means_on_smooth_image(trunk)


def _means_on_smooth_image(trunk: EfficientNetLite) -> list[TypicalMeans | None]:
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
    """`EfficientNetLite`, on the same image input as `PackedTrunk`.

    Stem and first block always run in float32: their few channels carry faint detail on top of the brightness, and
    rounding them to bf16 would change scores by points. The first LARGE blocks run tile by tile, so that their features
    stay in the processor's cache; in later blocks, reading the weights more often would cost more than that saves.
    """

    def __init__(self, trunk: EfficientNetLite, layout: Layout) -> None:
        half = replace(layout, batch=1).shrunk(2)
        finest = replace(half, dtype=torch.float32)
        stem = space_to_depth_filter(trunk.stem.weight.detach() * IMAGE_GAIN)
        self.stem = PackedConvolution(stem, bias_of(trunk.stem), replace(finest, side=half.side + 1))
        self.dtype = layout.dtype
        self.blocks = []
        for number, (block, means) in enumerate(zip(trunk.blocks, typical_means(trunk), strict=True)):
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
        exact = image[:, :DEPTH_CHANNELS].float()  # bf16 inputs hold the image twice
        x = self.blocks[0](self.stem(concat_padded([exact], 1, 0), RELU6)).to(self.dtype)
        for block in self.blocks[1:LARGE]:
            x = block(x)
        return x


class PackedRegressor:
    """R1, f of formula (11) and the prior: PackedGenerator's input and outputs -> joined features
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
                # The discrepancy is the negative correction.
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
