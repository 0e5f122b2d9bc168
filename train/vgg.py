"""phi of formula (4): features of VGG19 (Simonyan and Zisserman, ICLR 2015); needed in training only, not shipped."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.errors import UsageError

# The Oxford network's input: BGR in 0..255 without the mean of its training images.
OXFORD_MEAN_BGR = (103.939, 116.779, 123.68)
LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4")


class Vgg19Features(nn.Module):
    """(B, 3, H, W) RGB in 0..1 -> features after the ReLU of the layers asked for; its weights stay as they are."""

    mean: Tensor

    def __init__(self, file: Path, layers: tuple[str, ...] = ("conv2_2", "conv3_2")) -> None:
        """`file`: safetensors with `convB_L.weight` and `.bias` of the Oxford network, up to the last of `layers`."""
        super().__init__()
        try:
            tensors = load_file(file)
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read VGG19's weights from {file}: {error}") from error
        self.layers = layers
        self.needed = LAYERS[: max(LAYERS.index(layer) for layer in layers) + 1]
        for layer in self.needed:
            if f"{layer}.weight" not in tensors:
                raise UsageError(f"{file} has no {layer}.weight", "give VGG19's convolutions under Oxford's names")
            weight, bias = tensors[f"{layer}.weight"].float(), tensors[f"{layer}.bias"].float()
            convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            convolution.load_state_dict({"weight": weight, "bias": bias})
            self.add_module(layer, convolution)
        self.register_buffer("mean", torch.tensor(OXFORD_MEAN_BGR).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        x = image.flip(1) * 255 - self.mean
        found = []
        for layer in self.needed:
            if layer in ("conv2_1", "conv3_1"):
                x = functional.max_pool2d(x, 2)
            x = functional.relu(self.get_submodule(layer)(x))
            if layer in self.layers:
                found.append(x)
        return found
