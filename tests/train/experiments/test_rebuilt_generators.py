"""The four Gs of the ablation: what they share, what differs, and that a stopped one resumes."""

from __future__ import annotations

import dataclasses
import itertools
import json
import signal
from pathlib import Path

import pytest
import torch
from support.photographs import write_photographs
from support.tiny_training import short_recipe
from support.tiny_weights import write_tiny_weights

from hiqa_cli.errors import UsageError
from hiqa_train.data.leakage import trained_scenes
from hiqa_train.distributed import RunDevice
from hiqa_train.evaluation.protocols.ablation import variant
from hiqa_train.experiments.rebuilt import generators
from hiqa_train.experiments.rebuilt.generators import GENERATORS, RECIPE, fake_shares, train_generators
from hiqa_train.experiments.rebuilt.pretraining import pretrain
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.recipes.schema import Recipe
from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.sources import open_photographs
from hiqa_train.stages.factory import StageFactory
from hiqa_train.stages.generator import GeneratorTraining
from hiqa_train.stages.initialise import TrainedNetworks, load_generator
from hiqa_train.trainer.checkpoint import LAST, read_checkpoint
from hiqa_train.trainer.loop import StopSignal

CPU = RunDevice(torch.device("cpu"), "fp32")

pytestmark = pytest.mark.usefixtures("signals_as_they_were")


def test_the_recipe_gives_all_four_the_same_budget():
    recipe = load_recipe(str(RECIPE))
    stages = [variant(recipe, name).stages["generator"] for name in GENERATORS]
    assert [(stage.psi_weight > 0, stage.adversarial) for stage in stages] == [
        (False, "none"), (True, "none"), (True, "plain"), (True, "quality")
    ]  # fmt: skip
    same = [dataclasses.replace(stage, psi_weight=0.0, adversarial="none") for stage in stages]
    assert all(stage == same[0] for stage in same)


@dataclasses.dataclass(frozen=True)
class Grounds:
    """What four tiny Gs are trained on."""

    recipe: Recipe
    folder: Path
    pretrained: Path
    options: RunOptions

    def train(self, out: Path, *names: str) -> bool:
        return train_generators([self.folder], self.recipe, self.pretrained, out, self.options, names or GENERATORS)


@pytest.fixture(scope="module")
def grounds(tmp_path_factory) -> Grounds:
    where = tmp_path_factory.mktemp("generators")
    folder = write_photographs(where / "photographs")
    tiny = dataclasses.replace(short_recipe(steps=4), name="tiny")
    networks = dataclasses.replace(tiny.networks, generator_channels=(4, 4, 8, 8, 8), generator_stacks=2)
    recipe = dataclasses.replace(load_recipe(str(RECIPE)), networks=networks, watch=tiny.watch)
    shares = {"noise": 0.5, "blur": 0.5}
    recipe = recipe.with_stage("generator", steps=4, batch=8, patch=64, features_patch=64, shares=shares)
    recipe = recipe.with_stage("generator", adversarial_from=0.0)  # so that d_fake has its say within four steps
    recipe = recipe.with_stage("alone", steps=2, batch=4, patch=64, shares=shares)
    options = RunOptions(device="cpu", precision="fp32", generator=write_tiny_weights(where / "weights"))
    assert pretrain([folder], recipe.only("alone"), where / "pre", options)
    return Grounds(recipe, folder, where / "pre", options)


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return load_generator(run).state_dict()


@pytest.mark.slow
def test_each_g_trains_with_its_own_losses_and_the_table_measures_all_alike(grounds, tmp_path: Path, capsys):
    assert grounds.train(tmp_path)
    learned = {name: set(read_checkpoint(tmp_path / name / "generator" / LAST)["learns"]) for name in GENERATORS}
    assert learned["HCM"] == learned["QPL"] == {"generator"}
    assert learned["ADV"] == {"generator", "discriminator"}
    assert learned["QADV"] == {"generator", "discriminator", "judge", "threshold"}
    lines = capsys.readouterr().out.splitlines()[-5:]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == ["initial", *GENERATORS]
    assert all(len(line.split("|")) == 7 and float(line.split("|")[3]) > 0 for line in lines)
    assert fake_shares(tmp_path / "HCM") is None
    assert fake_shares(tmp_path / "ADV") == (0.0, 0.0, 0.0)
    share = fake_shares(tmp_path / "QADV")
    assert share is not None
    assert 0 <= share[1] <= share[0] <= share[2] <= 1
    seen = trained_scenes(tmp_path / "QADV").scenes
    assert seen == trained_scenes(grounds.pretrained).scenes
    whole = [torch.cat([value.flatten() for value in weights_of(tmp_path / name).values()]) for name in GENERATORS]
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(whole, 2))


@pytest.mark.slow
def test_a_stopped_g_resumes_to_the_same_weights(grounds, tmp_path: Path, monkeypatch):
    assert grounds.train(tmp_path / "whole", "QADV")

    class Impatient(StopSignal):
        """Asks to stop within the first G."""

        def __init__(self) -> None:
            super().__init__()
            self.signal = signal.SIGTERM

    with monkeypatch.context() as patch:
        patch.setattr(generators, "StopSignal", Impatient)
        assert not grounds.train(tmp_path / "parts", "QADV", "HCM")
    assert read_checkpoint(tmp_path / "parts" / "QADV" / "generator" / LAST)["step"] == 1
    assert not (tmp_path / "parts" / "HCM").exists()
    assert grounds.train(tmp_path / "parts", "QADV")
    one, other = weights_of(tmp_path / "whole" / "QADV"), weights_of(tmp_path / "parts" / "QADV")
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.slow
def test_a_folder_is_not_resumed_as_another_training(grounds, tmp_path: Path):
    assert grounds.train(tmp_path, "HCM")
    record = json.loads((tmp_path / "HCM" / "run.json").read_text())
    assert record["begin"] == trained_scenes(grounds.options.generator).weights_id
    other = dataclasses.replace(grounds, options=dataclasses.replace(grounds.options, seed=2))
    with pytest.raises(UsageError, match="is of another run: seed is 1, expected 2"):
        other.train(tmp_path, "HCM")
    with pytest.raises(UsageError, match="no such G among HSF"):
        grounds.train(tmp_path, "HSF")


def test_the_r_of_formula_7_starts_as_the_pretrained_one_with_weight_zero_on_the_map(grounds, tmp_path: Path):
    recipe = grounds.recipe.with_stage("generator", steps=0)
    begun = TrainedNetworks(grounds.pretrained, None)
    material = open_photographs([grounds.folder], recipe, grounds.options, lambda line: None)
    alone = begun.regressor("alone")
    builder = StageFactory(
        recipe, material, CPU, 1, None, load_generator(grounds.options.generator), init_two_input=alone
    )
    stage = builder.build("generator", begun)
    assert isinstance(stage, GeneratorTraining)
    image, discrepancy = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        judged = stage.two_input_trainer.network.eval().regressor(image, discrepancy)
        assert torch.allclose(judged, alone.regressor(image), atol=1e-6)
