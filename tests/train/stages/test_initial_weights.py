"""The weights that a network starts from: those of another R, and ImageNet's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.photographs import photograph
from support.tiny_training import short_recipe
from support.tiny_weights import write_tiny_weights

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.efficientnet_lite import DepthwiseConvolution, EfficientNetLite
from hiqa_cli.networks.regressor import Regressor, RegressorConfig
from hiqa_cli.networks.tile_regressor import ErrorHead
from hiqa_train.stages import imagenet_init as pretrained
from hiqa_train.stages.initialise import load_regressor
from hiqa_train.stages.regressor import initialise_from
from hiqa_train.uncertainty.error_head import attach_error_head


def test_r_starts_from_a_larger_one_without_its_further_blocks_and_its_error_head():
    torch.manual_seed(0)
    larger = Regressor(RegressorConfig(4, 4, 4, blocks=2, stem=7))
    smaller = Regressor(RegressorConfig(4, 4, 4, blocks=1, stem=5, error_units=2))
    attach_error_head(larger, ErrorHead(4, 2))  # of its own errors: not taken
    before = {name: value.clone() for name, value in smaller.error_head.state_dict().items()}
    initialise_from(smaller, larger.state_dict())
    assert torch.equal(smaller.trunk.conv[0].weight, larger.trunk.conv[0].weight[..., 1:6, 1:6])
    assert torch.equal(smaller.trunk.stages[3][0].conv2[0].weight, larger.trunk.stages[3][0].conv2[0].weight)
    assert torch.equal(smaller.head.hidden.weight, larger.head.hidden.weight)
    assert torch.equal(smaller.head.score.weight, larger.head.score.weight)
    assert all(torch.equal(value, before[name]) for name, value in smaller.error_head.state_dict().items())
    with pytest.raises(UsageError, match="the initial R has other sizes than the recipe's"):
        initialise_from(Regressor(RegressorConfig(8, 4, 4)), larger.state_dict())


def test_a_stage_of_the_papers_r_does_not_start_from_the_released_kind(tmp_path):
    stage = short_recipe().stages["final"]
    assert load_regressor(write_tiny_weights(tmp_path / "paper"), stage).regressor.config.width == 4
    with pytest.raises(UsageError, match="its R is a pair-regressor, the stage's is the paper's"):
        load_regressor(write_tiny_weights(tmp_path / "pair", pair=True), stage)


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_of_a_depthwise_convolution_in_bf16_are_those_of_float32(stride):
    torch.manual_seed(0)
    module = DepthwiseConvolution(8, 5, stride)
    x = torch.randn(2, 8, 12, 12).to(torch.bfloat16)
    found = []
    for image in (x.clone().requires_grad_(), x.float().requires_grad_()):
        module.zero_grad()
        module(image).float().square().sum().backward()
        found.append((image.grad.float(), module.weight.grad.clone(), module.bias.grad.clone()))
    for rounded, exact in zip(*found, strict=True):
        assert float((rounded - exact).norm() / exact.norm()) < 0.02


def test_imagenet_filters_equal_the_network_with_its_batch_norms():
    """Block by block against convolution and batch norm written out, on the values that network was trained on."""
    state = torch.load(pretrained.weights_file(), map_location="cpu", weights_only=True)
    trunk = EfficientNetLite()
    pretrained.load_lite0(trunk)

    def normed(x, convolution, norm, **geometry):
        x = torch.nn.functional.conv2d(x, state[f"{convolution}.weight"], **geometry)
        names = ("running_mean", "running_var", "weight", "bias")
        return torch.nn.functional.batch_norm(x, *(state[f"{norm}.{name}"] for name in names), eps=1e-3)

    values = torch.from_numpy(photograph(3, 320)[:64, :64].copy()).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        x = normed((values - 127) / 128, "_conv_stem", "_bn0", stride=2, padding=1).clamp(0, 6)
        mine = trunk.stem(values / 255 * 4 - 2).clamp(0, 6)
        inside = np.s_[:, :, 1:, 1:]  # at the border zeros stand for grey of 127 or of 127.5
        torch.testing.assert_close(mine[inside], x[inside], atol=2e-4, rtol=1e-4)
        for n, block in enumerate(trunk.blocks[:5]):
            name, mine, inner = f"_blocks.{n}.", block(x), x
            if block.expand is not None:
                inner = normed(inner, f"{name}_expand_conv", f"{name}_bn0").clamp(0, 6)
            convolution = block.filter
            inner = normed(
                inner, f"{name}_depthwise_conv", f"{name}_bn1", stride=convolution.stride, padding=convolution.padding,
                groups=inner.shape[1],
            ).clamp(0, 6)  # fmt: skip
            narrow = normed(inner, f"{name}_project_conv", f"{name}_bn2")
            x = x + narrow if block.is_residual else narrow
            torch.testing.assert_close(mine, x, atol=1e-3, rtol=1e-3)
