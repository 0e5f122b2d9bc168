"""The networks: shapes, sizes, and that every part of the paper's data flow is really connected."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from support.process import CHECKOUT

from hiqa_cli.engine.weights import load_weights
from hiqa_cli.networks.discriminator import Discriminator, DiscriminatorConfig
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.regressor import Regressor, RegressorConfig
from hiqa_cli.networks.resnet import convolution

SMALL = GeneratorConfig(channels=(8, 8, 8, 8, 8))
TINY_R = RegressorConfig(width=8, semantic_channels=8, hidden=8)


def awake(generator: Generator) -> Generator:
    """G begins near the identity; trained weights do not: give every part something to say."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return generator


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def multiplications(network: torch.nn.Module, *inputs: torch.Tensor) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(*inputs)
    return counter.get_total_flops() / 2


class PairOfTiles(torch.nn.Module):
    """R's work on one tile."""

    def __init__(self, regressor: torch.nn.Module) -> None:
        super().__init__()
        self.regressor = regressor

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.regressor.tile_statistics(*inputs)


@pytest.mark.parametrize("size", [(256, 256), (1, 1), (37, 100), (33, 31)])
def test_g_gives_a_hallucination_of_its_inputs_size_whatever_that_is(size):
    generator = Generator(SMALL).eval()
    with torch.inference_mode():
        out = generator(torch.rand(2, 3, *size))
    assert out.hallucination.shape == (2, 3, *size)
    assert out.correction.shape == (2, 3, *size)
    assert len(out.stacks) == 2
    assert out.hallucination.min() >= 0
    assert out.hallucination.max() <= 1


def test_h_5_2_has_8x8_places_for_a_tile_as_r_has():
    generator, regressor = Generator(SMALL).eval(), Regressor(TINY_R).eval()
    tile = torch.rand(1, 3, 256, 256)
    with torch.inference_mode():
        assert generator(tile).semantic.shape == (1, 8, 8, 8)
        assert regressor.trunk_features(tile, tile)[-1].shape[-2:] == (8, 8)


def test_padding_inside_g_does_not_depend_on_what_is_cropped_away():
    generator = awake(Generator(SMALL)).eval()
    tile = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        whole = generator(tile).correction
        longer = generator(torch.cat([tile, tile[..., -1:, :].expand(-1, -1, 32, -1)], dim=-2)).correction
    # Far from the lower border, rows below that repeat the border change nothing that matters.
    assert torch.allclose(whole[..., :8, :], longer[..., :8, :], atol=0.05)


def test_a_new_g_passes_its_input_through_almost_unchanged():
    generator = Generator(GeneratorConfig()).eval()
    tile = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert (generator(tile).hallucination - tile).abs().mean() < 0.1


@pytest.mark.slow
def test_the_released_networks_have_the_size_and_cost_that_their_card_names():
    weights = load_weights()
    tile = torch.rand(1, 3, 256, 256)
    with torch.inference_mode():
        output = weights.generator(tile)
    pair = PairOfTiles(weights.regressor)
    found = {
        "generator": (parameters(weights.generator), multiplications(weights.generator, tile)),
        "regressor": (
            parameters(weights.regressor),
            multiplications(pair, tile, tile - output.hallucination, output.semantic),
        ),
    }
    card = (CHECKOUT / "weights" / "README.md").read_text("utf-8")
    row = r"^\| `(\w+)\.safetensors` \|.*\| ([\d.]+) M \| ([\d.]+) GMAC \|$"
    named = {name: (float(size), float(cost)) for name, size, cost in re.findall(row, card, re.MULTILINE)}
    assert named == {name: (round(size / 1e6, 1), round(cost / 1e9, 2)) for name, (size, cost) in found.items()}
    assert sum(size for size, _ in found.values()) < 20e6
    together = multiplications(HiqaNet(weights.generator, weights.regressor), tile)
    assert together == pytest.approx(sum(cost for _, cost in found.values()), rel=1e-3)
    assert together < 4e9


def test_at_width_64_r_is_resnet_18_but_for_its_inputs_and_its_head():
    regressor = Regressor(RegressorConfig(width=64, discrepancy=False, semantic=False, batch_norm=True))
    # torchvision's ResNet-18 has 11,689,512 parameters, 513,000 of them in its layer for 1,000 classes.
    assert parameters(regressor.trunk) == 11_689_512 - 513_000


@pytest.mark.parametrize("batch", [1, 3])
def test_r_scores_within_0_and_1_in_float32(batch):
    regressor = Regressor(TINY_R).eval()
    x = torch.rand(batch, 3, 256, 256)
    with torch.inference_mode():
        score = regressor(x, x - 0.5, torch.randn(batch, 8, 8, 8))
    assert score.shape == (batch,)
    assert score.dtype == torch.float32
    assert ((score >= 0) & (score <= 1)).all()


def test_r_says_which_input_is_missing():
    regressor = Regressor(TINY_R)
    x = torch.rand(1, 3, 64, 64)
    with pytest.raises(ValueError, match="discrepancy map"):
        regressor(x)
    with pytest.raises(ValueError, match="semantic"):
        regressor(x, x)


def test_the_scores_gradient_reaches_the_input_directly_and_through_g():
    generator, regressor = awake(Generator(SMALL)).eval(), Regressor(TINY_R).eval()
    tile = torch.rand(1, 3, 64, 64)

    def gradient(direct: bool, through_map: bool, through_features: bool) -> float:
        x = tile.clone().requires_grad_()
        imagined = generator(x)
        discrepancy = x - imagined.hallucination
        score = regressor(
            x if direct else x.detach(),
            discrepancy if through_map else discrepancy.detach(),
            imagined.semantic if through_features else imagined.semantic.detach(),
        )
        (found,) = torch.autograd.grad(score.sum(), x, allow_unused=True)
        return 0.0 if found is None else float(found.abs().sum())

    assert gradient(True, False, False) > 0
    assert gradient(False, True, False) > 0
    assert gradient(False, False, True) > 0
    assert gradient(False, False, False) == 0


def test_the_scores_gradient_reaches_every_parameter_of_both_networks():
    generator, regressor = awake(Generator(SMALL)).train(), Regressor(TINY_R).train()
    x = torch.rand(2, 3, 64, 64)
    imagined = generator(x)
    score = regressor(x, x - imagined.stacks[-1], imagined.semantic)
    (score.sum() + sum(stack.sum() for stack in imagined.stacks)).backward()
    unreached = [
        name
        for network in (generator, regressor)
        for name, p in network.named_parameters()
        if p.grad is None or not p.grad.abs().sum() > 0
    ]
    # A ReLU of R's small hidden layer may be asleep for two patches; its weights are reached all the same.
    assert [name for name in unreached if not name.startswith("head.")] == []


@pytest.mark.parametrize("channels", [1, 4, 8, 12])
def test_a_strided_shortcut_of_few_channels_has_the_gradients_of_float64(channels):
    torch.manual_seed(0)
    shortcut = convolution(channels, 2 * channels, 1, 2, batch_norm=False).to(memory_format=torch.channels_last)
    x = torch.rand(4, channels, 16, 16).to(memory_format=torch.channels_last)
    found = []
    for module, image in ((shortcut, x), (copy.deepcopy(shortcut).double(), x.double())):
        image = image.clone().requires_grad_()
        result = module(image)
        result.square().sum().backward()
        found.append((result, image.grad, module[0].weight.grad, module[0].bias.grad))
        with torch.no_grad():
            torch.testing.assert_close(module(image), result)
    for single, double in zip(*found, strict=True):
        torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-4)


def test_zeroing_the_fused_feature_or_the_map_changes_the_score():
    generator, regressor = awake(Generator(SMALL)).eval(), Regressor(TINY_R).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        imagined = generator(x)
        discrepancy = x - imagined.hallucination
        score = regressor(x, discrepancy, imagined.semantic)
        assert regressor(x, discrepancy, torch.zeros_like(imagined.semantic)) != score
        assert regressor(x, torch.zeros_like(discrepancy), imagined.semantic) != score


def test_the_map_that_r_sees_is_distorted_minus_hallucination():
    generator, regressor = awake(Generator(SMALL)).eval(), Regressor(TINY_R).eval()
    network = HiqaNet(generator, regressor).eval()
    x = torch.rand(1, 3, 64, 64)
    nothing = torch.zeros(1, 0)
    with torch.inference_mode():
        out = network(x)
        imagined = generator(x)
        by_hand = regressor(x, x - imagined.hallucination, imagined.semantic)
        predicted = regressor.predict(out.statistics, nothing)[:, 0]
    assert torch.allclose(predicted, by_hand, atol=1e-6)
    assert torch.allclose(out.correction, imagined.hallucination - x, atol=1e-6)


def test_in_bf16_r_stays_in_float32_and_the_score_stays_near():
    generator, regressor = awake(Generator(SMALL)), Regressor(TINY_R)
    network = HiqaNet(generator, regressor).eval()
    x, nothing = torch.rand(1, 3, 64, 64), torch.zeros(1, 0)
    with torch.inference_mode():
        exact = regressor.predict(network(x).statistics, nothing)
        output = network.in_precision(torch.bfloat16)(x)
        rounded = regressor.predict(output.statistics, nothing)
    assert output.statistics.dtype == output.correction.dtype == torch.float32
    assert {p.dtype for p in regressor.parameters()} == {torch.float32}
    assert abs(float(rounded[0, 0] - exact[0, 0])) < 0.05


def test_d_gives_one_logit_an_image_and_its_gradient_reaches_the_image():
    discriminator = Discriminator(DiscriminatorConfig(channels=(8, 8, 8, 8)))
    x = torch.rand(2, 3, 64, 64, requires_grad=True)
    logits = discriminator(x)
    assert logits.shape == (2,)
    logits.sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_configurations_come_back_from_what_they_are_stored_as():
    generator = GeneratorConfig(channels=(8, 16, 24, 32, 40), stacks=3)
    assert GeneratorConfig.from_dict(generator.to_dict()) == generator
    regressor = RegressorConfig(width=16, semantic=False)
    assert RegressorConfig.from_dict(regressor.to_dict()) == regressor
