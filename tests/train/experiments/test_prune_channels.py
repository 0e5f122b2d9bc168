"""R1 of finished weights is pruned, to continue training with fewer channels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from support.sample_images import photograph
from support.tiny_weights import tiny_networks

from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.weights import load_weights, save_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.regressor import LITE, ErrorHead
from hiqa_train.experiments.prune_channels import prune_regressor


def tiles() -> torch.Tensor:
    """Unlike pictures: photographs dark and bright, noise, stripes."""
    dark, bright = photograph(256, 256, 0) // 4, 255 - photograph(256, 256, 1) // 4
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    stripes = np.broadcast_to((np.arange(256) // 4 % 2 * 255).astype(np.uint8)[:, None], (256, 256, 3))
    pictures = np.stack([dark, bright, noise, stripes])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


@torch.no_grad()
def with_idle_channels(width: int, useful: int):
    """Networks whose R1 has channels beyond `useful` times 1, 2, 4, 8 that say the same of every picture."""
    generator, regressor = tiny_networks(prior=LITE, blocks=1, stem=5, width=width)
    trunk = regressor.trunk
    layers = [(trunk.conv, 1)]
    for number, stage in enumerate(trunk.stages):
        layers += [(part, 2**number) for part in (stage[0].conv1, stage[0].conv2, stage[0].shortcut)]
    for layer, factor in layers:
        if len(list(layer.parameters())):
            layer[0].weight[useful * factor :] = 0
            layer[0].bias[useful * factor :] = 0.3
    regressor.project.weight[useful * 8 :] = 0
    return generator, regressor


@pytest.mark.slow
def test_channels_that_are_constant_over_images_are_pruned():
    generator, regressor = with_idle_channels(6, 4)
    regressor.set_error_head(ErrorHead(16, 2))
    narrow = prune_regressor(generator, regressor, 4, tiles())
    assert (narrow.config.width, narrow.trunk.channels) == (4, (4, 8, 16, 32))
    assert not narrow.config.doubt  # it was fitted on the errors of the wide one
    with torch.inference_mode():
        before, after = (HiqaNet(generator, r).eval()(tiles()).score for r in (regressor, narrow))
    assert float(before.std()) > 0.001
    # zeros beyond the border stand for the idle channels too, which a bias cannot say: not to the last digit
    torch.testing.assert_close(after, before, atol=0.002, rtol=0)


def test_what_cannot_be_pruned_is_refused():
    generator, regressor = tiny_networks(prior=LITE, blocks=1, stem=5)
    with pytest.raises(UsageError, match="expected a width from 1 to 3, found 4"):
        prune_regressor(generator, regressor, 4, tiles())
    with pytest.raises(UsageError, match="one block per stage"):
        prune_regressor(*tiny_networks(), 2, tiles())


@pytest.mark.slow
def test_the_command_writes_weights_that_load(tmp_path: Path):
    about = {"name": "tiny", "version": "3", "licence": "Apache-2.0", "training_data": [], "measured": {}}
    generator, regressor = tiny_networks(prior=LITE, blocks=1, stem=5)
    save_weights(tmp_path / "wide", generator, regressor, Calibration((0.0,) * 5), **about, seen_scenes=["a"])
    (tmp_path / "photographs").mkdir()
    for seed in range(3):
        cv2.imwrite(str(tmp_path / "photographs" / f"{seed}.png"), photograph(320, 320, seed))
    command = [
        sys.executable,
        "-m",
        "hiqa_train.experiments.prune_channels",
        "--weights",
        str(tmp_path / "wide"),
        "--width",
        "2",
    ]
    command += ["--clean-images", str(tmp_path / "photographs"), "--out", str(tmp_path / "narrow")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    loaded = load_weights(tmp_path / "narrow")
    assert loaded.regressor.config.width == 2
    assert (loaded.manifest.name, loaded.manifest.seen_scenes) == ("tiny, pruned", ("a",))
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "exists; give another --out" in again.stdout
