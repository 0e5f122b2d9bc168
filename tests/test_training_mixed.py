"""Databases and photographs learned together, R with a prior, and what a run begins with."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from database_trees import write_table
from test_training_material import photograph
from tiny_training import SIZE, options, short_recipe

from hiqa_cli.engine.opencv import cv2
from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.lite import DepthwiseConvolution
from hiqa_cli.networks.regressor import LITE, NO_PRIOR, Prior, Regressor, RegressorConfig
from hiqa_train import pretrained
from hiqa_train.anchor import Anchor, fit_anchor
from hiqa_train.batch import Batch
from hiqa_train.datasets import open_dataset
from hiqa_train.distortions import KINDS, spread_shares
from hiqa_train.frozen_generator import FrozenGenerator
from hiqa_train.frozen_prior import FrozenPrior
from hiqa_train.loop import StopSignal
from hiqa_train.losses import order_loss, relative_score_loss
from hiqa_train.machine import Machine
from hiqa_train.material_mixed import PHOTOGRAPHS, MixedPatches
from hiqa_train.mixed import open_mixed, train_mixed
from hiqa_train.objectives import RegressorObjective, View
from hiqa_train.parts import divide
from hiqa_train.recipe_file import load_recipe
from hiqa_train.run import train_databases
from hiqa_train.scales import MappedRegressor
from hiqa_train.splits import take
from hiqa_train.stage_regressor import begin_from
from hiqa_train.trained import Finished
from hiqa_train.uncertainty import Case

ALONE = RegressorConfig(4, 4, 4, discrepancy=False, semantic=False)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A table of four scenes, one for tests and one kept out, and 14 photographs, four of them of these scenes."""
    folder = tmp_path_factory.mktemp("mixed")
    photographs = folder / "mine"
    photographs.mkdir()
    write_table(folder / "mine.csv", size=SIZE, references=True)
    reading = open_dataset(str(folder / "mine.csv"), direction="high", nominal=(1, 5))
    scenes = sorted({sample.scene for sample in reading.samples})
    names = [*(scene.split("/")[1] for scene in scenes), *map(str, range(10))]
    for n, name in enumerate(names):
        cv2.imwrite(str(photographs / f"{name}.png"), photograph(n, 320))
    parts, readings, splits = divide([reading], 1, scenes[:1])
    tested = {sample.scene for sample in take(splits.divisions[0], readings[0].samples).test}
    return parts, tested, [photographs], scenes


def recipe(**networks):
    tiny, release = short_recipe(steps=2, **networks), load_recipe("release")
    found = dataclasses.replace(release, networks=tiny.networks, watch=tiny.watch)
    found = found.with_stage("generator", steps=2, batch=4, patch=64)
    found = found.with_stage("prior", steps=2, batch=6, patch=64, mix={"mine": 6})
    found = found.with_stage("final", steps=2, batch=6, patch=64, mix={PHOTOGRAPHS: 4, "mine": 2}, local_weight=1.0)
    if found.networks.regressor_prior == NO_PRIOR:
        return found.only("generator", "final").with_stage("final", learns="all", begin="")
    return found


def with_prior():
    return recipe(regressor_prior=LITE, regressor_blocks=1, regressor_stem=5, batch_norm=False)


def quiet(line: str) -> None:
    pass


def test_a_scene_that_is_kept_out_is_in_no_part_and_in_no_folder(material):
    parts, tested, folders, scenes = material
    assert tested == {scenes[0], scenes[3]}
    assert not tested & {sample.scene for sample in (*parts[0].training, *parts[0].validation)}
    said: list[str] = []
    cache = options(folders[0].parent / "cache")
    mixed = open_mixed(parts, tested, folders, recipe(), cache, StopSignal(), said.append)
    assert said[0].endswith("; 2 are kept for tests")
    training = {image.name.split(".")[0] for image in mixed.photographs.training}
    validation = {image.name.split(".")[0] for image in mixed.photographs.validating}
    assert not training & validation
    assert not {scene.split("/")[1] for scene in tested} & (training | validation)
    for sample in parts[0].training:  # a photograph is on the side that it is on in the database
        assert sample.scene.split("/")[1] not in validation
    for sample in parts[0].validation:
        assert sample.scene.split("/")[1] not in training


def test_a_scene_that_no_database_shows_cannot_be_kept_out(material):
    reading = open_dataset(str(material[2][0].parent / "mine.csv"), direction="high", nominal=(1, 5))
    with pytest.raises(UsageError, match="no database shows the scene kodim99; scenes are named as mine/0"):
        divide([reading], 1, ["kodim99"])


def test_a_batch_holds_each_material_by_its_share_and_the_same_numbers_are_the_same_patches(material):
    parts, tested, folders, _ = material
    mixed = open_mixed(parts, tested, folders, recipe(), options(folders[0].parent / "cache"), StopSignal(), quiet)
    stage = recipe().stages["final"]
    source = mixed.source("final", stage, with_references=False)
    assert isinstance(source, MixedPatches)
    batch = source.draw(range(6, 18))
    assert batch.database.tolist() == [0, 0, 0, 0, 1, 1] * 2
    assert batch.reference is None
    assert batch.quality is not None
    assert batch.group.tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3]  # databases of two blocks are not ranked
    again = source.draw(range(12, 18))
    assert torch.equal(again.distorted, batch.distorted[6:])
    assert torch.equal(again.quality, batch.quality[6:])
    wrong = dataclasses.replace(stage, mix={"yours": 2})
    with pytest.raises(UsageError, match="stage final names 'yours'; expected a mix of photographs, mine"):
        mixed.source("final", wrong, with_references=False)
    torn = dataclasses.replace(stage, mix={PHOTOGRAPHS: 6, "mine": 2})
    with pytest.raises(UsageError, match="stage final mixes 6 photographs; expected whole groups of 4 versions"):
        mixed.source("final", torn, with_references=False)


def test_patches_whose_reference_is_known_are_marked_and_they_alone_tell_what_is_lost_place_by_place(material):
    parts, tested, folders, _ = material
    bare = [dataclasses.replace(parts[0], training=[dataclasses.replace(s, reference=None) for s in parts[0].training])]
    cache = options(folders[0].parent / "cache")
    stage = recipe().stages["final"]
    batches = []
    for some in (parts, bare):
        mixed = open_mixed(some, tested, folders, recipe(), cache, StopSignal(), quiet)
        assert not mixed.source("final", stage, with_references=False).draw(range(6)).reference
        batches.append(mixed.source("final", stage, with_references=True).draw(range(12)).on(torch.device("cpu")))
    every, some = batches
    assert every.known.all()
    assert some.known.tolist() == [True, True, True, True, False, False] * 2
    assert torch.equal(some.distorted, every.distorted)
    torch.manual_seed(0)
    network = MappedRegressor(Regressor(RegressorConfig(4, 4, 4, discrepancy=False, semantic=False)), 2)
    objective = RegressorObjective(network, relative_share=0.0, ranking_weight=0.5, local_weight=1.0)
    losses = [objective(batch, View()).parts["local"] for batch in batches]
    first = dataclasses.replace(some, reference=torch.where(some.known[:, None, None, None], some.reference, 0.5))
    assert losses[0] != losses[1]  # the database's patches have a say where theirs is known
    assert objective(first, View()).parts["local"] == losses[1]  # and none where it is not, whatever stands there


def test_how_good_a_photograph_itself_is_costs_nothing_where_only_its_versions_are_told_apart():
    target = torch.tensor([1.0, 0.6, 0.5, 0.9, 0.2, 0.7])
    group = torch.tensor([0, 0, 1, 1, 2, 2])
    photographs = torch.tensor([True, True, True, True, False, False])
    lifted = target + torch.tensor([-0.3, -0.3, 0.2, 0.2, 0.1, 0.1])  # each group by as much
    torn = target + torch.tensor([-0.3, 0.3, 0.0, 0.0, 0.0, 0.0])

    def loss(predicted, share):
        return float(relative_score_loss(predicted, target, group, photographs, share))

    assert loss(lifted, 1.0) == pytest.approx(0.1 * 2 / 6)  # people's scores are taken as they are
    assert loss(lifted, 0.0) == pytest.approx(1.2 / 6)
    assert loss(lifted, 0.75) == pytest.approx((0.25 * 1.0 + 0.2) / 6)
    assert loss(torn, 1.0) == loss(torn, 0.0) == pytest.approx(0.1)


def test_of_versions_in_the_right_order_nothing_is_asked_and_people_are_asked_as_ever():
    target = torch.tensor([1.0, 0.6, 0.61, 0.2, 0.9, 0.1])
    group = torch.tensor([0, 0, 0, 0, 1, 1])
    photographs = torch.tensor([True, True, True, True, False, False])

    def loss(*predicted):
        return float(order_loss(torch.tensor(predicted), target, group, photographs))

    assert loss(0.5, 0.4, 0.39, 0.3, 0.0, 0.0) == 0  # 0.6 and 0.61 are in no order, and people's are not looked at
    assert loss(0.5, 0.4, 0.39, 0.45, 0.0, 0.0) == pytest.approx((0.05 + 0.06) / 5)
    torch.manual_seed(0)
    network = MappedRegressor(Regressor(ALONE), 2)
    images = torch.rand(6, 3, 64, 64)
    batch = Batch(images, None, target, 1 - photographs.long(), group, ("",) * 6)
    given = {"relative_share": 0.0, "ranking_weight": 0.5, "local_weight": 0.0, "order_weight": 2.0}
    found = RegressorObjective(network, **given)(batch, View())
    scores = found.made
    assert float(found.parts["score"]) == pytest.approx(float((scores[4:] - target[4:]).abs().mean()))
    expected = found.parts["score"] + 0.5 * found.parts["ranking"] + 2 * order_loss(scores, target, group, photographs)
    assert float(found.total.detach()) == pytest.approx(float(expected))


def test_from_photographs_and_a_database_to_weights_with_a_map_for_it(material, tmp_path):
    parts, tested, folders, _ = material
    out = tmp_path / "run"
    said: list[str] = []
    cache = options(folders[0].parent / "cache")
    weights = train_mixed(parts, tested, folders, recipe(), out, cache, StopSignal(), said.append)
    assert weights == out / "weights"
    assert any(line.startswith("the scale is set: logits times ") for line in said)
    manifest = json.loads((weights / "manifest.json").read_text())
    assert list(manifest["measured"]["maps"]) == [PHOTOGRAPHS, "mine"]
    assert manifest["measured"]["maps"][PHOTOGRAPHS][0] == 0
    assert not tested & set(manifest["seen_scenes"])
    assert {sample.scene for sample in parts[0].training} <= set(manifest["seen_scenes"])
    # G may go on from there
    more = options(folders[0].parent / "cache", first_generator=weights)
    other = recipe().only("generator").with_stage("generator", learning=slowest(recipe()))
    train_mixed(parts, tested, folders, other, tmp_path / "more", more, StopSignal(), quiet)
    before, after = (Finished(folder, None).generator("generator").state_dict() for folder in (out, tmp_path / "more"))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=2e-3, rtol=1e-2)  # released in float16
    larger = dataclasses.replace(other.networks, generator_channels=(8, 4, 4, 4, 4))
    with pytest.raises(UsageError, match="--begin: its G is GeneratorConfig"):
        train_mixed(
            parts, tested, folders, dataclasses.replace(other, networks=larger), tmp_path / "no", more, StopSignal(),
            quiet,
        )  # fmt: skip


def test_the_scale_is_set_to_what_the_reference_tells_without_changing_an_order_or_what_people_said():
    random = np.random.default_rng(1)
    right = Anchor(1.7, 0.6)
    cases = []
    for n in range(60):
        tiles = np.clip(random.normal(random.uniform(0.1, 0.8), 0.05, 4), 0.02, 0.98)
        target = 100 * float(right(tiles).mean())
        cases.append(Case(100 * float(tiles.mean()), tuple(100 * tiles), 0.0, target, of_people=n % 4 == 0))
    found = fit_anchor(cases)
    assert found.gain == pytest.approx(1.7, abs=0.02)
    assert found.shift == pytest.approx(0.6, abs=0.02)
    told, people = cases[1], cases[0]
    assert found.moved(told).score == pytest.approx(told.target, abs=0.3)
    assert found.moved(told).target == told.target
    assert found.moved(people).target == pytest.approx(100 * right(np.array(people.target / 100)), abs=0.3)
    images = torch.rand(3, 3, 64, 64)
    for prior in (NO_PRIOR, LITE):
        regressor = Regressor(dataclasses.replace(ALONE, prior=prior)).eval()
        with torch.no_grad():
            before = regressor(images).numpy()
            found.move(regressor)
            assert regressor(images).numpy() == pytest.approx(found(before), abs=1e-5)
    knots = [0.1, 0.2, 0.4, 0.5, 0.7, 0.8, 0.9]  # a map says of a picture what it said before
    score = float(found(np.array(0.5)))
    assert np.interp(score, np.linspace(0, 1, 7), found.moved_knots(knots)) == pytest.approx(0.5, abs=0.03)


def test_only_photographs_are_told_apart_from_their_mean(material, tmp_path):
    parts = material[0]
    for field in ("relative_share", "order_weight"):
        found = short_recipe(steps=2).only("alone").with_stage("alone", **{field: 0.5})
        with pytest.raises(UsageError, match=rf"alone has {field}, .* give --pristine too"):
            train_databases(parts, found, tmp_path / "run", options(tmp_path / "cache"), StopSignal(), quiet)
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("precision", "levels"), [("fp32", 1e-3), ("bf16", 1.0)])
def test_r_is_shown_in_training_what_g_imagines(precision, levels):
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig((8, 8, 16, 16, 16), 2)).eval()
    frozen = FrozenGenerator(generator, Machine(torch.device("cpu"), precision), 2, 64)
    for side in (64, 72):  # 72 px: no multiple of what G divides by
        images = torch.rand(2, 3, side, side).to(memory_format=torch.channels_last)
        with torch.no_grad():
            plain, shown = generator(images), frozen(images)
        assert shown.hallucination.dtype == torch.float32
        assert float((shown.hallucination - plain.hallucination).abs().max()) < levels / 255
        assert float((shown.semantic.float() - plain.semantic).norm() / plain.semantic.norm()) < 0.03
        assert float((shown.hallucination - images).abs().max()) > 0.01  # G does something


def slowest(found):
    return dataclasses.replace(found.stages["generator"].learning, rate=1e-9, averaging=0.0)


def test_a_prior_is_learned_from_people_alone_and_stays_while_the_rest_learns_what_to_add(material, tmp_path):
    parts, tested, folders, _ = material
    cache = options(folders[0].parent / "cache")
    said: list[str] = []
    weights = train_mixed(parts, tested, folders, with_prior(), tmp_path / "run", cache, StopSignal(), said.append)
    scorer = Scorer.load(weights, device="cpu", precision="fp32")
    assert 0 < scorer.score(photograph(99, 256)).score < 100
    prior, final = (Finished(tmp_path / "run", None).regressor(name).regressor for name in ("prior", "final"))
    assert prior.config.blocks == 0
    assert final.config.prior == LITE
    begun, trained = prior.state_dict(), final.state_dict()
    moved = ("prior.head.score.weight", "prior.head.score.bias")  # the scale is set at the end, in the released R alone
    assert all(torch.equal(trained[name], value) for name, value in begun.items() if name not in moved)
    untrained = Regressor(prior.config)
    pretrained.load_lite0(untrained.prior.trunk)
    assert not torch.equal(untrained.state_dict()["prior.trunk.top.weight"], begun["prior.trunk.top.weight"])
    assert float(final.head.score.weight.abs().sum()) > 0  # it adds something by now
    validated = [line for line in said if line.startswith("prior: step 2 of 2")]
    assert len(validated) == 1


def test_the_rest_begins_with_another_r_as_far_as_that_is_larger_and_adds_nothing(material, tmp_path):
    torch.manual_seed(0)
    larger = Regressor(RegressorConfig(4, 4, 4, blocks=2, stem=7))
    prior = Regressor(RegressorConfig(4, 4, 4, False, False, blocks=0, prior=LITE)).eval()
    whole = Regressor(RegressorConfig(4, 4, 4, blocks=1, stem=5, prior=LITE)).eval()
    begin_from(whole, larger.state_dict())
    begin_from(whole, prior.state_dict())
    assert torch.equal(whole.trunk.conv[0].weight, larger.trunk.conv[0].weight[..., 1:6, 1:6])
    assert torch.equal(whole.trunk.stages[3][0].conv2[0].weight, larger.trunk.stages[3][0].conv2[0].weight)
    assert torch.equal(whole.head.hidden.weight, larger.head.hidden.weight)
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(whole(x, torch.rand_like(x), torch.rand(2, 4, 2, 2)), prior(x), atol=1e-6)
    again = Regressor(prior.config).eval()
    begin_from(again, whole.state_dict())
    with torch.inference_mode():
        assert torch.equal(again(x), prior(x))


def test_both_parts_of_r_begin_with_weights_that_have_both(material, tmp_path):
    parts, tested, folders, _ = material
    cache = options(folders[0].parent / "cache")
    weights = train_mixed(parts, tested, folders, with_prior(), tmp_path / "first", cache, StopSignal(), quiet)
    slow = dataclasses.replace(slowest(recipe()), optimiser="sgd")
    still = with_prior()
    for name in still.stages:
        still = still.with_stage(name, learning=slow)
    more = options(folders[0].parent / "cache", first_generator=weights, begin=weights)
    train_mixed(parts, tested, folders, still, tmp_path / "second", more, StopSignal(), quiet)
    given = load_weights(weights).regressor.state_dict()
    second = Finished(tmp_path / "second", None)
    begun = {name: second.regressor(name).regressor.state_dict() for name in ("prior", "final")}
    for name, value in given.items():
        if ".score." not in name:  # the scale is set anew
            torch.testing.assert_close(begun["final"][name], value, atol=1e-6, rtol=0)
            if name.startswith("prior."):
                torch.testing.assert_close(begun["prior"][name], value, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"networks": {"regressor_prior": NO_PRIOR}}, "prior: learns 'prior', but the recipe's R has no prior"),
        ({"prior": {"fusion": True}}, "prior: a prior looks at the image alone"),
        ({"final": {"begin": ""}}, "final: learns distortions beside a prior that no stage has left"),
    ],
)
def test_a_stage_that_learns_a_part_of_r_that_is_not_there_is_refused(material, tmp_path, changes, problem):
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
def test_r1_learns_beside_what_the_prior_says_in_scoring(precision, most):
    torch.manual_seed(0)
    prior = Prior(4).eval()
    pretrained.load_lite0(prior.trunk)
    frozen = FrozenPrior(prior, Machine(torch.device("cpu"), precision), 2, 64)
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


def test_pretrained_filters_are_those_of_the_network_with_its_batch_norms():
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


def test_a_share_of_all_is_divided_among_all_kinds():
    shares = spread_shares({"all": 0.5, "noise": 0.5})
    assert set(shares) == set(KINDS)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["noise"] > 0.5
