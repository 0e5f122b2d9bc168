"""Prunes channels of R1 in finished weights, to continue training with fewer.

    python -m hiqa_train.experiments.prune_channels --weights WEIGHTS --width 32 --clean-images DIR --out NARROW
    hiqa train ... --init-from NARROW      (with regressor_width = 32 in the recipe)

Every layer keeps the channels with the largest product of their variation over distorted images and the next layers'
weights on them. The means of the others are added to the biases of the next layers. NARROW scores nearly as well as
WEIGHTS and states no uncertainty: use it as initial weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hiqa_cli.engine.tiling.grid import cut_tile
from hiqa_cli.engine.weights import load_weights, save_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.regressor import Regressor
from hiqa_cli.networks.resnet import BasicBlock
from hiqa_train.data.clean_images import load_clean_images
from hiqa_train.data.patches import to_tensor
from hiqa_train.distortions import RANDOM, distort
from hiqa_train.runs.release import UNFITTED

from .script_main import report, run_command

KINDS = tuple(RANDOM)
MOST = 48  # images to record activations on
AT_ONCE = 8


class RecordedActivations:
    """Mean and standard deviation of channels, (C,) each, over all places and images."""

    def __init__(self, module: nn.Module, after: Callable[[Tensor], Tensor]) -> None:
        self._sum, self._squares, self._count = torch.zeros(1), torch.zeros(1), 0
        self._after = after
        self._hook = module.register_forward_hook(self._record)

    def _record(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        values = self._after(output).double()
        self._sum = self._sum + values.sum(dim=(0, 2, 3))
        self._squares = self._squares + values.square().sum(dim=(0, 2, 3))
        self._count += values.shape[0] * values.shape[2] * values.shape[3]

    def stop(self) -> tuple[Tensor, Tensor]:
        """Stop recording. Mean and standard deviation of each channel, (C,) each."""
        self._hook.remove()
        mean = self._sum / self._count
        spread = (self._squares / self._count - mean.square()).clamp(min=0).sqrt()
        return mean.float(), spread.float()


def weight_of(module: nn.Module) -> Tensor:
    """The weight of a convolution made by `regressor.convolution`."""
    assert isinstance(module, nn.Sequential)
    return next(module.parameters()).detach()


def use_of(*weights: Tensor) -> Tensor:
    """(inputs,): the norm of the weights (outputs, inputs, ...) on each input."""
    total = sum(
        weight.flatten(2).square().sum(dim=(0, 2)) if weight.dim() > 2 else weight.square().sum(dim=0)
        for weight in weights
    )
    assert isinstance(total, Tensor)
    return total.sqrt()


class PrunedNetworks:
    """The channels of each layer to keep, and the means of the others."""

    def __init__(self, regressor: Regressor, width: int, run: Callable[[], None]) -> None:
        """run: runs the networks, `regressor` among them, on images."""
        trunk, hidden = regressor.trunk, regressor.head.hidden.weight.detach()
        blocks = [block for stage in trunk.stages for block in stage.children() if isinstance(block, BasicBlock)]
        joined = regressor.project.out_channels
        recorded = {
            "stem": RecordedActivations(trunk.conv, torch.relu),
            "project": RecordedActivations(regressor.project, lambda x: x),
        }
        for number, block in enumerate(blocks):
            recorded[f"in{number}"] = RecordedActivations(block.conv1, torch.relu)
            recorded[f"out{number}"] = RecordedActivations(block, lambda x: x)
        run()
        found = {name: one.stop() for name, one in recorded.items()}
        self.mean = {name: mean for name, (mean, _) in found.items()}
        use = {"project": use_of(hidden[:, :joined]), "out3": use_of(hidden[:, joined:])}
        for number, block in enumerate(blocks):
            use[f"in{number}"] = use_of(weight_of(block.conv2))
            if number:
                use[f"out{number - 1}"] = use_of(weight_of(block.conv1), weight_of(block.shortcut))
        importance = {name: found[name][1] * use[name] for name in use}
        # the first block is residual: its input and output must keep the same channels
        importance["out0"] = importance["out0"] + found["stem"][1] * use_of(weight_of(blocks[0].conv1))
        counts = {"project": 8 * width} | {f"{place}{n}": width * 2**n for place in ("in", "out") for n in range(4)}
        self.kept = {name: importance[name].topk(count).indices.sort().values for name, count in counts.items()}
        self.kept["stem"] = self.kept["out0"]

    def dropped(self, name: str) -> Tensor:
        gone = torch.ones(len(self.mean[name]), dtype=torch.bool)
        gone[self.kept[name]] = False
        return gone

    def convolution(self, weight: Tensor, bias: Tensor, outputs: str, inputs: str | None) -> tuple[Tensor, Tensor]:
        """Weight and bias of a convolution between these layers. inputs: None for the image, whose channels all
        stay."""
        if inputs is not None:
            gone = self.dropped(inputs)
            bias = bias + weight[:, gone].sum(dim=(2, 3)) @ self.mean[inputs][gone]
            weight = weight[:, self.kept[inputs]]
        return weight[self.kept[outputs]], bias[self.kept[outputs]]


@torch.no_grad()
def prune_regressor(generator: Generator, regressor: Regressor, width: int, tiles: Tensor) -> Regressor:
    """A new R whose R1 has `width` channels in its first stage. tiles: (n, 3, 256, 256) in 0..1, as diverse as the
    images to score. UsageError if R1 does not have the structure of the released weights'."""
    config = regressor.config
    if config.blocks != 1 or config.batch_norm or not (config.semantic and config.discrepancy):
        raise UsageError(
            "expected an R1 with one block per stage, without batch norms, with discrepancy map and fusion"
        )
    if not 1 <= width < config.width:
        raise UsageError(f"expected a width from 1 to {config.width - 1}, found {width}")
    network = HiqaNet(generator, regressor).eval()

    def run() -> None:
        for batch in tiles.split(AT_ONCE):
            network(batch)

    plan = PrunedNetworks(regressor, width, run)
    old = regressor.state_dict()
    new = Regressor(replace(config, width=width, doubt=False, doubt_units=0)).eval()
    state = {name: value for name, value in old.items() if name in new.state_dict() and not name.startswith("doubt.")}

    def take(name: str, outputs: str, inputs: str | None) -> None:
        if f"{name}.0.weight" in old:
            both = plan.convolution(old[f"{name}.0.weight"], old[f"{name}.0.bias"], outputs, inputs)
            state[f"{name}.0.weight"], state[f"{name}.0.bias"] = both

    take("trunk.conv", "stem", None)
    before = "stem"
    for number in range(4):
        block = f"trunk.stages.{number}.0"
        take(f"{block}.conv1", f"in{number}", before)
        take(f"{block}.conv2", f"out{number}", f"in{number}")
        take(f"{block}.shortcut", f"out{number}", before)
        before = f"out{number}"
    for part in ("weight", "bias"):
        state[f"project.{part}"] = old[f"project.{part}"][plan.kept["project"]]
    weights = old["head.hidden.weight"].split([regressor.project.out_channels, regressor.trunk.channels[-1]], dim=1)
    bias, kept = old["head.hidden.bias"], []
    for weight, name in zip(weights, ("project", "out3"), strict=True):
        gone = plan.dropped(name)
        bias = bias + weight[:, gone] @ plan.mean[name][gone]
        kept.append(weight[:, plan.kept[name]])
    state["head.hidden.weight"], state["head.hidden.bias"] = torch.cat(kept, dim=1), bias
    new.load_state_dict(state)
    return new


def distorted_tiles(folder: Path) -> Tensor:
    """(n, 3, 256, 256) in 0..1: at most MOST photographs of a folder, every other one distorted at random."""
    images = load_clean_images(folder)
    images = images[:: -(-len(images) // MOST)]
    tiles = []
    for number, image in enumerate(images):
        tile = cut_tile(image.pixels, 0, 0)
        if number % 2:
            tile = distort(tile, KINDS[number // 2 % len(KINDS)], np.random.default_rng(number))
        tiles.append(tile)
    return to_tensor(tiles)


def main() -> None:
    """Run the command; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m hiqa_train.experiments.prune_channels")
    parser.add_argument("--weights", type=Path, required=True, help="a folder of weights")
    parser.add_argument("--width", type=int, required=True, help="channels of R1's first stage")
    parser.add_argument("--clean-images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="NARROW")
    given = parser.parse_args()
    run_command(lambda: prune(given.weights, given.width, given.clean_images, given.out))


def prune(weights: Path, width: int, clean_images: Path, out: Path) -> int:
    """Write the pruned weights. Returns the exit code. UsageError if `out` exists; WeightsError."""
    if out.exists():
        raise UsageError(f"{out} exists", "give another --out")
    loaded = load_weights(weights)
    regressor = prune_regressor(loaded.generator, loaded.regressor, width, distorted_tiles(clean_images))
    facts = loaded.manifest
    save_weights(
        out,
        loaded.generator,
        regressor,
        UNFITTED,
        name=f"{facts.name}, pruned",
        version=facts.version,
        licence=facts.licence,
        training_data=facts.training_data,
        measured={},
        seen_scenes=facts.seen_scenes,
    )
    report(f"R1 of {width} channels in {out}")
    return 0


if __name__ == "__main__":
    main()
