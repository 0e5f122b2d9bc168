"""phi of formula (4): features of VGG19 (Simonyan and Zisserman, ICLR 2015), used in training only and not shipped.

Two sets of weights have that name, with different inputs: the Oxford authors' (BGR in 0..255 minus the mean of their
training images) and torchvision's (RGB in 0..1, ImageNet's mean and deviation). A file's tensor names decide which it
is: `conv1_1.weight` or `features.0.weight`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from hiqa_cli.errors import UsageError

VGG19 = "vgg19"
OXFORD_MEAN_BGR = (103.939, 116.779, 123.68)
TORCHVISION_MEAN, TORCHVISION_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The 16 convolutions in order; a 2x2 maximum pooling follows the last of each block.
BLOCKS = (2, 2, 4, 4, 4)
LAYERS = tuple(f"conv{block}_{n}" for block, count in enumerate(BLOCKS, start=1) for n in range(1, count + 1))
TORCHVISION_NUMBERS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
EXPECTED = "expected VGG19's convolutions: torchvision's state dict (.pth), or safetensors under its names or Oxford's"


class Vgg19Features(nn.Module):
    """(B, 3, H, W) RGB in 0..1 -> features of `layers`, after their ReLU. The weights are frozen."""

    mean: Tensor
    factor: Tensor
    term = "vgg"  # the loss's name in metrics

    def __init__(self, file: Path, layers: tuple[str, ...]) -> None:
        """layers: names in LAYERS. Raises UsageError for other names, for a file that cannot be read, and for one that
        lacks a convolution up to the last layer."""
        super().__init__()
        unknown = [layer for layer in layers if layer not in LAYERS]
        if unknown or not layers:
            raise UsageError(f"vgg_layers: expected some of {', '.join(LAYERS)}, found {', '.join(unknown) or 'none'}")
        tensors = read_tensors(file)
        self.oxford = "conv1_1.weight" in tensors
        self.layers = layers
        self.needed = LAYERS[: max(LAYERS.index(layer) for layer in layers) + 1]
        for layer, number in zip(self.needed, TORCHVISION_NUMBERS, strict=False):
            name = layer if self.oxford else f"features.{number}"
            if f"{name}.weight" not in tensors or f"{name}.bias" not in tensors:
                raise UsageError(f"{file} has no {name}.weight and .bias", EXPECTED)
            weight, bias = tensors[f"{name}.weight"].float(), tensors[f"{name}.bias"].float()
            convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            try:
                convolution.load_state_dict({"weight": weight, "bias": bias})
            except RuntimeError:
                raise UsageError(f"{file}: {name} has the shape {tuple(weight.shape)}", EXPECTED) from None
            self.add_module(layer, convolution)
        mean = OXFORD_MEAN_BGR if self.oxford else TORCHVISION_MEAN
        factor = (1.0, 1.0, 1.0) if self.oxford else tuple(1 / d for d in TORCHVISION_DEVIATION)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("factor", torch.tensor(factor).view(1, 3, 1, 1))
        self.requires_grad_(False)
        origin = "oxford" if self.oxford else "torchvision"
        self.identity = {"network": VGG19, "origin": origin, "layers": list(layers), "weights": weights_digest(self)}

    def forward(self, image: Tensor) -> list[Tensor]:
        x = image.flip(1) * 255 if self.oxford else image
        x = (x - self.mean) * self.factor
        features = []
        for layer in self.needed:
            if layer.endswith("_1") and layer != "conv1_1":  # a block begins
                x = functional.max_pool2d(x, 2)
            x = functional.relu(self.get_submodule(layer)(x))
            if layer in self.layers:
                features.append(x)
        return features


def weights_digest(network: nn.Module) -> str:
    """16 hex digits of the sha256 of a network's parameters, as float32."""
    digest = hashlib.sha256()
    for parameter in network.parameters():
        digest.update(parameter.detach().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def read_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a saved state dict. No code in the file is run."""
    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file))
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, ValueError, RuntimeError, SafetensorError, UnpicklingError, EOFError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UsageError(f"cannot read VGG19's weights from {file}: {reason}", EXPECTED) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UsageError(f"{file} is not a state dict", EXPECTED)
    return state
