"""Databases and clean images together, the initial weights of a run, and the scale of scores."""

from __future__ import annotations

import copy
import dataclasses
import json
from functools import partial

import numpy as np
import pytest
import torch
from support.tiny_mixed import quiet, recipe, slowest, write_mixed
from support.tiny_training import options, short_recipe
from support.tiny_weights import tiny_networks, tiny_pair_networks, write_tiny_weights

from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import UsageError
from hiqa_cli.networks.generator import Generator, GeneratorConfig
from hiqa_cli.networks.hiqa import HiqaNet
from hiqa_cli.networks.regressor import Regressor, RegressorConfig
from hiqa_train.data.training_split import split_databases
from hiqa_train.datasets import open_dataset
from hiqa_train.distortions import KINDS, MILD, expand_shares
from hiqa_train.distributed import RunDevice
from hiqa_train.losses.frozen import FrozenGenerator
from hiqa_train.runs.run import train_mixed
from hiqa_train.runs.sources import open_mixed
from hiqa_train.stages.initialise import TrainedNetworks
from hiqa_train.trainer.loop import StopSignal
from hiqa_train.uncertainty.activations import observe_activations
from hiqa_train.uncertainty.scale_anchor import ScaleAnchor, fit_anchor

CPU = RunDevice(torch.device("cpu"), "fp32")


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
    weights = write_tiny_weights(tmp_path / "w")
    look = observe_activations(Scorer.load(weights, backend="torch", device="cpu", precision="fp32"))
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


def test_g_gets_pairs_of_clean_images_and_a_stage_of_the_papers_r_is_refused(material):
    parts, tested, folders, _ = material
    cache = options(folders[0].parent / "cache")
    mixed = open_mixed(parts, tested, folders, recipe(), cache, StopSignal(), quiet)
    stage = recipe().stages["generator"]
    for some in (
        mixed.training_patches("generator", stage, with_references=True).draw(range(8)),
        mixed.validation("generator", stage, CPU, with_references=True).source.draw(range(8)),
    ):
        assert some.quality is None  # not of the database
        assert some.reference is not None
        assert set(some.files) <= {image.name for image in (*mixed.photographs.training, *mixed.photographs.validating)}
    said: list[str] = []
    with pytest.raises(UsageError, match="stage alone, of kind regressor, trains on databases or on clean images, not"):
        open_mixed(parts, tested, folders, short_recipe(), cache, StopSignal(), said.append)
    assert said == []  # before anything is read
    without = recipe().with_stage("generator", shares={})
    with pytest.raises(UsageError, match="stage generator has no shares of distortions; give --recipe release"):
        open_mixed(parts, tested, folders, without, cache, StopSignal(), quiet)


@pytest.mark.slow
@pytest.mark.usefixtures("brief_fit")
def test_g_of_databases_and_clean_images_is_trained_and_may_go_on_from_a_run(material, tmp_path):
    parts, tested, folders, _ = material
    cache = folders[0].parent / "cache"
    first = recipe().only("generator")
    out = tmp_path / "run"
    found = train_mixed(parts, tested, folders, first, out, options(cache), StopSignal(), quiet)
    assert found == out / "generator"
    seen = json.loads((out / "run.json").read_text())["seen_scenes"]
    assert not tested & set(seen)
    assert {sample.scene for sample in parts[0].training} <= set(seen)
    more = options(cache, init_generator=out)
    slow = first.with_stage("generator", learning=slowest(recipe()))
    train_mixed(parts, tested, folders, slow, tmp_path / "more", more, StopSignal(), quiet)
    before, after = (
        TrainedNetworks(folder, None).generator("generator").state_dict() for folder in (out, tmp_path / "more")
    )
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=1e-5, rtol=1e-4)
    larger = dataclasses.replace(first.networks, generator_channels=(8, 4, 4, 4, 4))
    with pytest.raises(UsageError, match="--init-from: its G is GeneratorConfig"):
        train_mixed(
            parts, tested, folders, dataclasses.replace(slow, networks=larger), tmp_path / "no", more, StopSignal(),
            quiet,
        )  # fmt: skip


def test_an_anchor_gives_scores_the_level_and_the_spread_of_their_targets():
    random = np.random.default_rng(1)
    right = ScaleAnchor(1.7, 0.6)
    scores = np.clip(random.normal(random.uniform(0.1, 0.8, 300), 0.05), 0.02, 0.98)
    found = fit_anchor(scores, right(scores))
    assert found.gain == pytest.approx(1.7, abs=0.05)
    assert found.shift == pytest.approx(0.6, abs=0.02)
    truth = random.uniform(0.1, 0.9, 300)
    weak = np.clip(0.5 + 0.4 * (truth - 0.5) + random.normal(0, 0.08, 300), 0.02, 0.98)  # a weak R says little
    anchored = fit_anchor(weak, truth)(weak)
    assert anchored.mean() == pytest.approx(truth.mean(), abs=3e-3)
    assert anchored.std() == pytest.approx(truth.std(), abs=3e-3)
    assert (np.argsort(anchored) == np.argsort(weak)).all()


@pytest.mark.parametrize("make", [tiny_networks, tiny_pair_networks, partial(tiny_pair_networks, compares=False)])
def test_an_anchor_is_applied_to_either_kind_of_r(make):
    _, regressor = make()
    anchor = ScaleAnchor(1.7, 0.6)
    torch.manual_seed(0)
    statistics = torch.rand(6, regressor.statistics_count)
    whole = torch.rand(1, regressor.view_statistics(torch.rand(1, 3, 64, 64)).shape[1])
    with torch.no_grad():
        before = regressor.predict(statistics, whole)[:, 0].numpy()
        anchor.apply(regressor)
        after = regressor.predict(statistics, whole)[:, 0].numpy()
    assert before.std() > 1e-4
    assert after == pytest.approx(anchor(before), abs=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_uses_the_discrepancy_map_of_scoring(precision):
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig((8, 8, 16, 16, 16), 2)).eval()
    frozen = FrozenGenerator(generator, RunDevice(torch.device("cpu"), precision))
    scoring = HiqaNet(copy.deepcopy(generator), Regressor(RegressorConfig(4, 16, 4))).eval()
    scoring.in_precision(torch.bfloat16 if precision == "bf16" else torch.float32)
    for side in (64, 72):  # 72 px: no multiple of what G divides by
        images = torch.rand(2, 3, side, side).to(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            shown = frozen(images)
        with torch.no_grad():
            correction, plain = scoring(images).correction, generator(images)
        assert shown.hallucination.dtype == torch.float32
        torch.testing.assert_close(shown.hallucination - images, correction, atol=1e-6, rtol=0)
        assert float((shown.semantic.float() - plain.semantic).norm() / plain.semantic.norm()) < 0.03
        assert float(correction.abs().max()) > 0.01  # G does something


def test_the_share_of_all_is_divided_among_all_kinds():
    shares = expand_shares({"all": 0.5, "noise": 0.5})
    assert set(shares) == set(KINDS) - set(MILD)  # which are for the order of the heads
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["noise"] > 0.5
