"""R with a prior: the data, initial weights and inputs of each part."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from support.photographs import photograph
from support.tiny_mixed import quiet, recipe, slowest, with_prior, write_mixed
from support.tiny_training import options

from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.efficientnet_lite import DepthwiseConvolution
from hiqa_cli.networks.regressor import LITE, NO_PRIOR, ErrorHead, Prior, Regressor, RegressorConfig
from hiqa_train.distributed import RunDevice
from hiqa_train.losses.frozen import FrozenPrior
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.recipes.schema import Recipe
from hiqa_train.runs.run import train_mixed
from hiqa_train.stages import imagenet_init as pretrained
from hiqa_train.stages.initialise import TrainedNetworks
from hiqa_train.stages.plan import continues_from_regressor
from hiqa_train.stages.regressor import initialise_from
from hiqa_train.trainer.loop import StopSignal


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return write_mixed(tmp_path_factory.mktemp("mixed"))


pytestmark = pytest.mark.usefixtures("brief_fit")


def every_kind_of_stage() -> Recipe:
    """`release` without stages that differ from `ordered` in numbers only."""
    found = with_prior().only("generator", "prior", "ordered", "ladders", "final")
    return found.with_stage("ladders", begin="ordered")


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A run of every kind of stage: its folder, its weights, what it printed."""

    folder: Path
    weights: Path
    said: list[str]


@pytest.fixture(scope="module")
def finished_run(material, tmp_path_factory) -> FinishedRun:
    parts, tested, folders, _ = material
    folder, said = tmp_path_factory.mktemp("finished") / "run", []
    cache = options(folders[0].parent / "cache")
    weights = train_mixed(parts, tested, folders, every_kind_of_stage(), folder, cache, StopSignal(), said.append)
    return FinishedRun(folder, weights, said)


@pytest.mark.slow
def test_a_prior_trains_on_scores_then_on_order_and_stays_frozen_while_the_rest_trains(finished_run):
    weights, said = finished_run.weights, finished_run.said
    scorer = Scorer.load(weights, device="cpu", precision="fp32")
    assert 0 < scorer.score(photograph(99, 256)).score < 100
    finished = TrainedNetworks(finished_run.folder, None)
    finished_stages = ("prior", "ordered", "ladders", "final")
    first, ordered, prior, final = (finished.regressor(name).regressor for name in finished_stages)
    assert first.config.blocks == ordered.config.blocks == prior.config.blocks == 0
    assert final.config.prior == LITE
    begun, trained = prior.state_dict(), final.state_dict()
    moved = ("prior.head.score.weight", "prior.head.score.bias")  # the scale is set at the end, in the released R alone
    assert all(torch.equal(trained[name], value) for name, value in begun.items() if name not in moved)
    untrained = Regressor(prior.config)
    pretrained.load_lite0(untrained.prior.trunk)
    tops = [network.state_dict()["prior.trunk.top.weight"] for network in (untrained, first, ordered)]
    assert not torch.equal(tops[0], tops[1])
    assert not torch.equal(tops[1], tops[2])
    assert float(final.head.score.weight.abs().sum()) > 0  # it adds something by now
    moved = finished.state("ordered")["learns"]["regressor"]["averaged"]["regressor.prior.trunk.top.weight"]
    assert torch.allclose(tops[2], (tops[1] + moved) / 2, atol=1e-6)  # mean_with
    share = with_prior().stages["final"].kept_share
    kept = finished.state("final")["learns"]["regressor"]["averaged"]["regressor.head.score.weight"]
    assert 0 < share < 1
    assert torch.allclose(final.head.score.weight, share * kept)
    validated = [line for line in said if line.startswith("prior: step 2 of 2")]
    assert len(validated) == 1


def test_the_rest_starts_from_a_cropped_larger_r_and_adds_nothing(material, tmp_path):
    torch.manual_seed(0)
    larger = Regressor(RegressorConfig(4, 4, 4, blocks=2, stem=7))
    prior = Regressor(RegressorConfig(4, 4, 4, False, False, blocks=0, prior=LITE)).eval()
    whole = Regressor(RegressorConfig(4, 4, 4, blocks=1, stem=5, prior=LITE)).eval()
    larger.set_error_head(ErrorHead(4, 2))  # of its own errors: not taken
    initialise_from(whole, larger.state_dict())
    initialise_from(whole, prior.state_dict())
    assert torch.equal(whole.trunk.conv[0].weight, larger.trunk.conv[0].weight[..., 1:6, 1:6])
    assert torch.equal(whole.trunk.stages[3][0].conv2[0].weight, larger.trunk.stages[3][0].conv2[0].weight)
    assert torch.equal(whole.head.hidden.weight, larger.head.hidden.weight)
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(whole(x, torch.rand_like(x), torch.rand(2, 4, 2, 2)), prior(x), atol=1e-6)
    again = Regressor(prior.config).eval()
    initialise_from(again, whole.state_dict())
    with torch.inference_mode():
        assert torch.equal(again(x), prior(x))


def test_a_recipe_that_trains_a_part_of_r_continues_from_a_whole_one():
    release = load_recipe("release")
    assert all(map(continues_from_regressor, (release, release.only("prior"), release.only("prior", "ordered"))))
    assert not any(map(continues_from_regressor, (load_recipe("best"), release.only("generator"))))


@pytest.mark.slow
def test_both_parts_of_r_start_from_weights_that_have_both(material, finished_run, tmp_path):
    parts, tested, folders, _ = material
    weights = finished_run.weights
    slow = dataclasses.replace(slowest(recipe()), optimiser="sgd")
    still = with_prior().only("generator", "prior", "final").with_stage("final", begin="prior")
    for name in still.stages:
        still = still.with_stage(name, learning=slow)
    more = options(folders[0].parent / "cache", init_generator=weights, init_regressor=weights)
    train_mixed(parts, tested, folders, still, tmp_path / "second", more, StopSignal(), quiet)
    given = load_weights(weights).regressor.state_dict()
    second = TrainedNetworks(tmp_path / "second", None)
    begun = {name: second.regressor(name).regressor.state_dict() for name in ("prior", "final")}
    for name, value in given.items():
        if ".score." not in name and not name.startswith("doubt."):  # both are set anew
            torch.testing.assert_close(begun["final"][name], value, atol=1e-6, rtol=0)
            if name.startswith("prior."):
                torch.testing.assert_close(begun["prior"][name], value, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"networks": {"regressor_prior": NO_PRIOR}},
            "prior: learns = 'prior' needs a prior, and the recipe's R has none",
        ),
        ({"prior": {"fusion": True}}, "prior: the input of a prior is the image only"),
        ({"final": {"order_weight": 1.0}}, "final: order_weight excludes other losses on clean images"),
        ({"final": {"mean_with": "ordered"}}, "final: mean_with = 'ordered'; expected an earlier stage of the same"),
        ({"prior": {"mean_with": "ordered"}}, "prior: mean_with = 'ordered'; expected an earlier stage"),
        ({"prior": {"kept_share": 0.5}}, "prior: kept_share = 0.5; expected 1.0, or a value from 0 to 1 with learns"),
        ({"final": {"kept_share": 0.0}}, "final: kept_share = 0.0; expected 1.0, or a value from 0 to 1 with learns"),
        ({"ordered": {"mean_with": "first"}}, "ordered: mean_with = 'first'; expected an earlier stage"),
        ({"final": {"begin": ""}}, 'final: learns = "distortions" needs a trained prior'),
    ],
)
def test_a_stage_that_trains_a_missing_part_of_r_is_refused(material, tmp_path, changes, problem):
    parts, tested, folders, _ = material
    found = with_prior()
    for name, fields in changes.items():
        if name == "networks":
            found = dataclasses.replace(found, networks=dataclasses.replace(found.networks, **fields))
        else:
            found = found.with_stage(name, **fields)
    cache = options(folders[0].parent / "cache")
    with pytest.raises(UsageError, match=problem):
        train_mixed(parts, tested, folders, found, tmp_path / "no", cache, StopSignal(), quiet)


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-4), ("bf16", 0.1)])
def test_the_frozen_prior_gives_the_same_features_as_in_scoring(precision, most):
    torch.manual_seed(0)
    prior = Prior(4).eval()
    pretrained.load_lite0(prior.trunk)
    frozen = FrozenPrior(prior, RunDevice(torch.device("cpu"), precision), 2, 64)
    image = torch.from_numpy(photograph(3, 320)[:64, :64].copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        plain = prior(image)
    shown = frozen(image.to(memory_format=torch.channels_last)).float()
    assert float((shown - plain).norm() / plain.norm()) < most
    assert not shown.requires_grad


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
    trunk = Prior(4).trunk
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
