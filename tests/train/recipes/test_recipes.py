"""Recipes: complete files, read strictly; the ablation's variants, each of which changes one idea."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from support.tiny_training import as_toml, open_table, short_recipe

from hiqa_cli.errors import UsageError
from hiqa_train.distributed import RunDevice
from hiqa_train.evaluation.protocols.ablation import VARIANTS, variant
from hiqa_train.recipes.loader import load_recipe, recipe_names
from hiqa_train.recipes.stages import GeneratorStage, HeadsStage, JointStage, RegressorStage, TrunkStage
from hiqa_train.sources.database import DatabaseSource
from hiqa_train.stages.factory import StageFactory
from hiqa_train.stages.initialise import UntrainedNetworks

CPU = RunDevice(torch.device("cpu"), "fp32")


def test_every_recipe_of_the_package_loads():
    assert recipe_names() == ["best", "paper", "release", "smoke", "synthetic"]
    for name in recipe_names():
        recipe = load_recipe(name)
        kinds = {type(stage) for stage in recipe.stages.values()}
        of_r = (TrunkStage, HeadsStage) if name == "release" else (RegressorStage,)
        assert kinds - {JointStage} == {GeneratorStage, *of_r}
        on_photographs = name in ("synthetic", "release")
        assert {bool(stage.shares) for stage in recipe.stages.values()} == {on_photographs}
        assert (JointStage in kinds) != on_photographs


def test_the_recipe_paper_has_the_papers_numbers():
    recipe = load_recipe("paper")
    alone, generator, final = (recipe.stages[name] for name in ("alone", "generator", "final"))
    assert isinstance(alone, RegressorStage)
    assert isinstance(generator, GeneratorStage)
    assert isinstance(final, RegressorStage)
    assert (alone.learning.rate, generator.learning.rate, final.learning.rate) == (1e-2, 1e-5, 1e-2)
    assert {s.learning.optimiser for s in (alone, generator, final)} == {"sgd"}
    assert {s.learning.drop_every for s in (alone, generator, final)} == {20000}
    assert {s.learning.weight_decay for s in (alone, generator, final)} == {0.0005}
    assert {(s.patch, s.batch) for s in (alone, generator, final)} == {(256, 32)}
    assert (final.begin, generator.pixel, generator.adversarial, generator.saturating) == ("", "mse", "quality", True)
    assert (recipe.networks.regressor_width, recipe.networks.batch_norm) == (64, True)


def test_a_users_recipe_changes_its_own_keys_only(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('base = "best"\n[final.learning]\nrate = 1e-3\n')
    mine, best = load_recipe(str(file)), load_recipe("best")
    final = best.stages["final"]
    assert isinstance(final, RegressorStage)
    expected = best.with_stage("final", learning=dataclasses.replace(final.learning, rate=1e-3))
    assert mine.to_dict() == {**expected.to_dict(), "name": "mine"}


def test_a_recipe_round_trips_through_toml(tmp_path):
    file = tmp_path / "smoke.toml"
    file.write_text(as_toml(short_recipe()))
    assert load_recipe(str(file)) == short_recipe()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('base = "best"\n[final]\nstep = 3\n', r"\[final\] has the unknown key 'step'; did you mean steps\?"),
        ('base = "best"\n[final]\nsteps = "3"\n', r"\[final\] steps: expected a whole number, found '3'"),
        ('base = "best"\n[final]\nsees = "map"\n', "sees: expected image, hallucination, reference, found 'map'"),
        ('base = "best"\n[finale]\nsteps = 3\n', "has the unknown entry 'finale'; add it to order"),
        ('base = "best"\n[final]\nbegin = "joint"\n', r"\[final\] builds on 'joint', expected a regressor stage"),
        ('base = "better"\n', "no such recipe: better; one of best, paper, release, smoke, synthetic"),
        ("order = [\n", "is not valid TOML"),
        (
            'order = ["a"]\n[a]\nkind = "regressor"\n',
            r"\[networks\]: the key generator_channels is missing; .* base = \"best\"",
        ),
    ],
)
def test_errors_in_a_recipe_are_named(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_recipe(str(file))


def differences(one: dict, other: dict, where: str = "") -> set[str]:
    """Keys, dotted, at which two trees differ."""
    found = set()
    for key in one.keys() | other.keys():
        a, b = one.get(key), other.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found |= differences(a, b, f"{where}{key}.")
        elif a != b:
            found.add(f"{where}{key}")
    return found


def test_each_variant_of_the_ablation_changes_one_idea():
    recipe = load_recipe("best")
    made = {name: variant(recipe, name).to_dict()["stages"] for name in VARIANTS}
    assert list(made["BL"]) == ["alone"]
    assert made["BL"]["alone"] == made["HSF"]["alone"] == recipe.to_dict()["stages"]["alone"]
    assert differences(made["HCM"], made["QPL"]) == {"generator.psi_weight"}
    assert differences(made["QPL"], made["ADV"]) == {"generator.adversarial"}
    assert differences(made["ADV"], made["QADV"]) == {"generator.adversarial"}
    assert differences(made["QADV"], made["HSF"]) == {"final.fusion"}
    assert differences(made["HSF"], made["oracle"]) == {"final.sees"}
    assert made["HSF"] == {name: stage for name, stage in recipe.to_dict()["stages"].items() if name != "joint"}


@pytest.mark.slow
def test_the_stages_of_variants_have_their_networks_and_the_same_initial_weights(tmp_path):
    part, _ = open_table(tmp_path)
    recipe = short_recipe()
    material = DatabaseSource([part], recipe.watch, 1, tmp_path / "cache", lambda: None)

    def stage(name: str, which: str):
        changed = variant(recipe, name)
        return StageFactory(changed, material, CPU, 1, None).build(which, UntrainedNetworks(changed, 1, None))

    learned = {name: set(stage(name, "generator").trainers) for name in VARIANTS[1:]}
    assert learned["HCM"] == learned["QPL"] == {"generator"}
    assert learned["ADV"] == {"generator", "discriminator"}
    assert learned["QADV"] == learned["HSF"] == learned["oracle"] == {*learned["ADV"], "judge", "threshold"}
    first, *others = (stage(name, "generator").trainers["generator"].network.state_dict() for name in VARIANTS[1:])
    assert all(torch.equal(first[key], other[key]) for other in others for key in first)
    config = {name: stage(name, "final").network.regressor.config for name in VARIANTS[1:]}
    assert [config[name].semantic for name in VARIANTS[1:]] == [False, False, False, False, True, True]
    assert all(one.discrepancy for one in config.values())


def test_the_oracle_uses_the_reference_and_the_method_uses_the_hallucination(tmp_path):
    part, _ = open_table(tmp_path)
    recipe = short_recipe()
    material = DatabaseSource([part], recipe.watch, 1, tmp_path / "cache", lambda: None)
    views = {}
    for name in ("HSF", "oracle"):
        changed = variant(recipe, name)
        stage = StageFactory(changed, material, CPU, 1, None).build("final", UntrainedNetworks(changed, 1, None))
        batch = stage.source.draw(range(4)).to(CPU.device)
        views[name] = stage.inputs(batch)
    assert torch.equal(views["oracle"].discrepancy, batch.distorted - batch.reference)
    assert not torch.equal(views["HSF"].discrepancy, views["oracle"].discrepancy)
    assert torch.equal(views["HSF"].semantic, views["oracle"].semantic)


def test_an_absolute_map_and_a_signed_one_are_the_same_but_for_the_sign():
    from hiqa_cli.networks.regressor import Regressor, RegressorConfig

    torch.manual_seed(0)
    signed = Regressor(RegressorConfig(4, 4, 4, semantic=False)).eval()
    absolute = Regressor(dataclasses.replace(signed.config, absolute_map=True)).eval()
    absolute.load_state_dict(signed.state_dict())
    image, discrepancy = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64) - 0.5
    with torch.inference_mode():
        assert torch.equal(absolute(image, discrepancy), signed(image, discrepancy.abs()))
        assert torch.equal(absolute(image, discrepancy), absolute(image, -discrepancy))
        assert not torch.equal(signed(image, discrepancy), signed(image, -discrepancy))
