"""Training on databases and clean images together, and the initial weights of a run."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from support.tiny_mixed import quiet, recipe, slowest, write_mixed
from support.tiny_training import options, short_recipe
from support.tiny_weights import write_tiny_weights

from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.regressor import LITE, NO_PRIOR, Regressor, RegressorConfig
from hiqa_train.data.batch import Batch, RegressorInputs
from hiqa_train.data.training_split import split_databases
from hiqa_train.datasets import open_dataset
from hiqa_train.distortions import KINDS, expand_shares
from hiqa_train.distributed import RunDevice
from hiqa_train.losses.frozen import FrozenGenerator
from hiqa_train.losses.objectives import RegressorObjective
from hiqa_train.losses.score_maps import MappedRegressor
from hiqa_train.losses.terms import order_loss, relative_score_loss
from hiqa_train.runs.run import train_databases, train_mixed
from hiqa_train.runs.sources import open_mixed
from hiqa_train.sources.mixed import PHOTOGRAPHS, MixedPatches
from hiqa_train.stages.initialise import TrainedNetworks
from hiqa_train.trainer.loop import StopSignal
from hiqa_train.uncertainty.activations import observe_activations
from hiqa_train.uncertainty.coverage import IntervalCase
from hiqa_train.uncertainty.scale_anchor import ScaleAnchor, fit_anchor

ALONE = RegressorConfig(8, 4, 4, discrepancy=False, semantic=False)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return write_mixed(tmp_path_factory.mktemp("mixed"))


def test_a_test_scene_is_in_no_training_or_validation_part_and_in_no_folder(material):
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


def test_interval_cases_include_training_images_of_databases_with_a_known_growth_of_errors(material, tmp_path):
    parts, tested, folders, _ = material
    look = observe_activations(Scorer.load(write_tiny_weights(tmp_path / "w"), device="cpu", precision="fp32"))
    cache = options(folders[0].parent / "cache")

    def growths(**growth: float) -> dict[float, set[str]]:
        """Of the cases that the half-width would be fitted on: growth -> scenes."""
        watch = dataclasses.replace(recipe().watch, half_width_growth=growth, half_width_trained_on=2)
        mixed = open_mixed(
            parts, tested, folders, dataclasses.replace(recipe(), watch=watch), cache, StopSignal(), quiet
        )
        found: dict[float, set[str]] = {}
        for case in mixed.databases.interval_cases(look, [[0.0, 0.5, 1.0]], quiet):
            assert case.activations is not None
            found.setdefault(case.growth, set()).add(case.scene)
        return found

    training, validation = ({sample.scene for sample in some} for some in (parts[0].training, parts[0].validation))
    assert growths() == growths(another=2.0) == {1.0: validation}
    assert growths(mine=1.5) == {1.0: validation, 1.5: training}


def test_an_unknown_test_scene_is_refused(material):
    reading = open_dataset(str(material[2][0].parent / "mine.csv"), direction="high", nominal=(1, 5))
    with pytest.raises(UsageError, match="no database shows the scene kodim99; scenes have names such as mine/0"):
        split_databases([reading], 1, ["kodim99"])


def test_a_batch_has_the_share_of_each_source_and_is_reproducible(material):
    parts, tested, folders, _ = material
    mixed = open_mixed(parts, tested, folders, recipe(), options(folders[0].parent / "cache"), StopSignal(), quiet)
    stage = recipe().stages["final"]
    source = mixed.training_patches("final", stage, with_references=False)
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
    with pytest.raises(UsageError, match="stage final: its mix names 'yours'; expected a mix of photographs, mine"):
        mixed.training_patches("final", wrong, with_references=False)
    torn = dataclasses.replace(stage, mix={PHOTOGRAPHS: 6, "mine": 2})
    with pytest.raises(
        UsageError, match="final mixes 6 photographs; expected a multiple of 4, the versions of a group"
    ):
        mixed.training_patches("final", torn, with_references=False)


def test_patches_with_a_true_reference_are_marked_and_only_they_enter_the_local_loss(material):
    parts, tested, folders, _ = material
    bare = [dataclasses.replace(parts[0], training=[dataclasses.replace(s, reference=None) for s in parts[0].training])]
    cache = options(folders[0].parent / "cache")
    stage = recipe().stages["final"]
    batches = []
    for some in (parts, bare):
        mixed = open_mixed(some, tested, folders, recipe(), cache, StopSignal(), quiet)
        assert not mixed.training_patches("final", stage, with_references=False).draw(range(6)).reference
        batches.append(
            mixed.training_patches("final", stage, with_references=True).draw(range(12)).to(torch.device("cpu"))
        )
    every, some = batches
    assert every.has_reference.all()
    assert some.has_reference.tolist() == [True, True, True, True, False, False] * 2
    assert torch.equal(some.distorted, every.distorted)
    torch.manual_seed(0)
    network = MappedRegressor(Regressor(RegressorConfig(8, 4, 4, discrepancy=False, semantic=False)), 2)
    objective = RegressorObjective(network, relative_share=0.0, ranking_weight=0.5, local_weight=1.0)
    losses = [objective(batch, RegressorInputs()).parts["local"] for batch in batches]
    first = dataclasses.replace(
        some, reference=torch.where(some.has_reference[:, None, None, None], some.reference, 0.5)
    )
    assert losses[0] != losses[1]  # the database's patches have a say where theirs is known
    assert (
        objective(first, RegressorInputs()).parts["local"] == losses[1]
    )  # and none where it is not, whatever stands there


def test_a_relative_loss_ignores_the_common_error_of_a_group():
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


def test_the_order_loss_is_zero_for_versions_in_order_and_does_not_affect_human_scores():
    target = torch.tensor([1.0, 0.6, 0.61, 0.2, 0.9, 0.1])
    group = torch.tensor([0, 0, 0, 0, 1, 1])
    photographs = torch.tensor([True, True, True, True, False, False])

    def loss(*predicted, margin=0.0):
        return float(order_loss(torch.tensor(predicted), target, group, photographs, margin))

    assert loss(0.5, 0.4, 0.39, 0.3, 0.0, 0.0) == 0  # 0.6 and 0.61 are in no order, and people's are not looked at
    assert loss(0.5, 0.4, 0.39, 0.45, 0.0, 0.0) == pytest.approx((0.05 + 0.06) / 5)
    # with a margin they are to be a quarter of what is asked apart
    assert loss(0.5, 0.4, 0.3, 0.35, 0.0, 0.0, margin=0.25) == pytest.approx((0.05 + 0.05 + 0.1525) / 5)
    torch.manual_seed(0)
    network = MappedRegressor(Regressor(ALONE), 2)
    images = torch.rand(6, 3, 64, 64)
    batch = Batch(images, None, target, 1 - photographs.long(), group, ("",) * 6)
    given = {"relative_share": 0.0, "ranking_weight": 0.5, "local_weight": 0.0}
    found = RegressorObjective(network, **given, order_weight=2.0, order_margin=0.1)(batch, RegressorInputs())
    scores = found.made
    assert float(found.parts["score"]) == pytest.approx(float((scores[4:] - target[4:]).abs().mean()))
    order = order_loss(scores, target, group, photographs, 0.1)
    expected = found.parts["score"] + 0.5 * found.parts["ranking"] + 2 * order
    assert float(found.total.detach()) == pytest.approx(float(expected))


@pytest.mark.slow
@pytest.mark.usefixtures("brief_fit")
def test_a_mixed_run_ends_with_weights_that_have_a_map_for_the_database(material, tmp_path):
    parts, tested, folders, _ = material
    out = tmp_path / "run"
    said: list[str] = []
    cache = options(folders[0].parent / "cache")
    weights = train_mixed(parts, tested, folders, recipe(), out, cache, StopSignal(), said.append)
    assert weights == out / "weights"
    assert any(line.startswith("anchored the scale: logits times ") for line in said)
    manifest = json.loads((weights / "manifest.json").read_text())
    assert list(manifest["measured"]["maps"]) == [PHOTOGRAPHS, "mine"]
    assert manifest["measured"]["maps"][PHOTOGRAPHS][0] == 0
    assert not tested & set(manifest["seen_scenes"])
    assert {sample.scene for sample in parts[0].training} <= set(manifest["seen_scenes"])
    # G may go on from there
    more = options(folders[0].parent / "cache", init_generator=weights)
    other = recipe().only("generator").with_stage("generator", learning=slowest(recipe()))
    train_mixed(parts, tested, folders, other, tmp_path / "more", more, StopSignal(), quiet)
    before, after = (
        TrainedNetworks(folder, None).generator("generator").state_dict() for folder in (out, tmp_path / "more")
    )
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=2e-3, rtol=1e-2)  # released in float16
    larger = dataclasses.replace(other.networks, generator_channels=(8, 4, 4, 4, 4))
    with pytest.raises(UsageError, match="--init-from: its G is GeneratorConfig"):
        train_mixed(
            parts, tested, folders, dataclasses.replace(other, networks=larger), tmp_path / "no", more, StopSignal(),
            quiet,
        )  # fmt: skip


def test_setting_the_scale_keeps_the_order_of_scores_and_the_predicted_human_scores():
    random = np.random.default_rng(1)
    right = ScaleAnchor(1.7, 0.6)
    cases = []
    for n in range(60):
        tiles = np.clip(random.normal(random.uniform(0.1, 0.8), 0.05, 4), 0.02, 0.98)
        target = 100 * float(right(tiles).mean())
        cases.append(
            IntervalCase(100 * float(tiles.mean()), tuple(100 * tiles), 0.0, target, 0 if n % 4 == 0 else None)
        )
    found = fit_anchor(cases)
    assert found.gain == pytest.approx(1.7, abs=0.05)
    assert found.shift == pytest.approx(0.6, abs=0.02)
    synthetic, people = cases[1], cases[0]
    assert found.moved(synthetic).score == pytest.approx(synthetic.target, abs=0.3)
    assert found.moved(synthetic).target == synthetic.target
    assert found.moved(people).target == pytest.approx(100 * right(np.array(people.target / 100)), abs=0.3)
    images = torch.rand(3, 3, 64, 64)
    for prior in (NO_PRIOR, LITE):
        regressor = Regressor(dataclasses.replace(ALONE, prior=prior)).eval()
        with torch.no_grad():
            before = regressor(images).numpy()
            found.apply(regressor)
            assert regressor(images).numpy() == pytest.approx(found(before), abs=1e-5)
    knots = [0.1, 0.2, 0.4, 0.5, 0.7, 0.8, 0.9]  # a map says of a picture what it said before
    score = float(found(np.array(0.5)))
    assert np.interp(score, np.linspace(0, 1, 7), found.moved_knots(knots)) == pytest.approx(0.5, abs=0.03)


def test_the_scale_has_the_spread_of_the_targets_even_for_a_weak_r():
    random = np.random.default_rng(1)
    cases = []
    for _ in range(200):
        truth = random.uniform(0.1, 0.9)
        score = np.clip(0.5 + 0.4 * (truth - 0.5) + random.normal(0, 0.08), 0.02, 0.98)
        cases.append(IntervalCase(100 * float(score), (100 * float(score),) * 4, 0.0, 100 * truth))
    anchor = fit_anchor(cases)
    moved = [anchor.moved(case) for case in cases]
    scores, targets = (np.array([getattr(case, name) for case in moved]) for name in ("score", "target"))
    assert scores.mean() == pytest.approx(targets.mean(), abs=0.3)
    assert scores.std() == pytest.approx(targets.std(), abs=0.3)


def test_the_relative_loss_applies_to_clean_images_only(material, tmp_path):
    parts = material[0]
    for field, others in (("relative_share", {}), ("order_weight", {"local_weight": 0.0})):
        found = short_recipe(steps=2).only("alone").with_stage("alone", **{field: 0.5}, **others)
        with pytest.raises(UsageError, match=rf"alone has {field}, .* give --clean-images too"):
            train_databases(parts, found, tmp_path / "run", options(tmp_path / "cache"), StopSignal(), quiet)
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("precision", "levels"), [("fp32", 1e-3), ("bf16", 1.0)])
def test_training_uses_the_discrepancy_map_of_scoring(precision, levels):
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig((8, 8, 16, 16, 16), 2)).eval()
    frozen = FrozenGenerator(generator, RunDevice(torch.device("cpu"), precision), 2, 64)
    for side in (64, 72):  # 72 px: no multiple of what G divides by
        images = torch.rand(2, 3, side, side).to(memory_format=torch.channels_last)
        with torch.no_grad():
            plain, shown = generator(images), frozen(images)
        assert shown.hallucination.dtype == torch.float32
        assert float((shown.hallucination - plain.hallucination).abs().max()) < levels / 255
        assert float((shown.semantic.float() - plain.semantic).norm() / plain.semantic.norm()) < 0.03
        assert float((shown.hallucination - images).abs().max()) > 0.01  # G does something


def test_the_share_of_all_is_divided_among_all_kinds():
    shares = expand_shares({"all": 0.5, "noise": 0.5})
    assert set(shares) == set(KINDS)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["noise"] > 0.5
