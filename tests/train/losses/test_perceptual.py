"""The perceptual loss: which network it compares features of, and that runs and tables never mix two networks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from support.tiny_training import open_table, options, short_recipe

from hiqa_cli.commands.train.setup import choose_vgg
from hiqa_cli.engine.config import Scoring
from hiqa_cli.engine.manifest import read_manifest
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import UsageError
from hiqa_train.evaluation.protocols.methods import Loading, TrainedHiqa
from hiqa_train.losses.perceptual import load_perceptual
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.runs.options import RunOptions
from hiqa_train.runs.run import train_databases
from hiqa_train.trainer.loop import StopSignal

pytestmark = pytest.mark.usefixtures("signals_as_they_were")
RECIPE = (
    short_recipe(2)
    .only("alone", "generator", "final")
    .with_stage("generator", vgg_weight=0.5, vgg_layers=("conv1_2",), features_from=0.0, features_every=1)
)


def quiet(line: str) -> None:
    """Ignore messages."""


def vgg_file(folder: Path, seed: int = 0) -> Path:
    """A file with two of VGG19's convolutions, narrow and random."""
    random = torch.Generator().manual_seed(seed)
    shapes = {"features.0": (4, 3, 3, 3), "features.2": (4, 4, 3, 3)}
    tensors = {f"{name}.weight": torch.randn(shape, generator=random) * 0.3 for name, shape in shapes.items()}
    torch.save(tensors | {f"{name}.bias": torch.zeros(4) for name in shapes}, folder / f"vgg{seed}.pth")
    return folder / f"vgg{seed}.pth"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("perceptual")


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """A finished run without a file of VGG19."""
    part, _ = open_table(folder)
    assert train_databases([part], RECIPE, folder / "run", options(folder / "cache"), StopSignal(), quiet)
    return folder / "run"


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "hiqa").mkdir()
    return tmp_path / "hiqa"


def test_features_are_those_of_the_trunks_blocks_and_zero_distance_for_the_reference():
    trunk = load_weights(None).regressor.trunk
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        x = torch.nn.functional.relu6(trunk.stem(image * 4 - 2))
        expected = []
        for block in trunk.blocks:
            x = block(x)
            expected.append(x)
        found = load_perceptual(None, ())(image)
    assert [tuple(one.shape) for one in found] == [(1, 16, 32, 32), (1, 24, 16, 16), (1, 40, 8, 8)]
    for one, number in zip(found, (0, 2, 4), strict=True):
        assert torch.equal(one, expected[number])


def test_without_vgg19_training_starts_with_the_trunk_and_says_what_counts(empty_cache):
    said: list[str] = []
    best = load_recipe("best")
    assert choose_vgg(best, None, RunOptions(), said.append, has_references=True) == (best, None)
    (line,) = said
    assert line.startswith("perceptual loss: lower layers of the trunk of hiqa's weights, as ImageNet left them; ")
    with pytest.raises(UsageError, match="no such file; expected VGG-19's weights, download, trunk or off"):
        choose_vgg(best, "vgg.pth", RunOptions(), quiet, has_references=True)


@pytest.mark.slow
def test_vgg19_in_the_cache_is_taken_unless_the_resumed_run_took_the_trunk(run, empty_cache):
    best, held = load_recipe("best"), empty_cache / "vgg19-dcbb9e9d.pth"
    held.write_bytes(b"checked when it came")
    assert choose_vgg(best, None, RunOptions(), quiet, has_references=True) == (best, held)
    assert choose_vgg(best, "trunk", RunOptions(), quiet, has_references=True) == (best, None)
    resumed = RunOptions(resume=True)
    assert choose_vgg(best, None, resumed, quiet, has_references=True, out=run) == (best, None)


@pytest.mark.slow
def test_a_run_records_its_network_and_trains_g_with_it(run):
    record = json.loads((run / "run.json").read_text())
    assert record["perceptual"] == load_perceptual(None, ()).identity
    assert record["perceptual"]["network"] == "trunk"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    trained = [line["trunk"] for line in lines if line["stage"] == "generator" and "trunk" in line]
    assert len(trained) == 2
    assert all(value > 0 for value in trained)
    assert not any("vgg" in line for line in lines)
    manifest = read_manifest(run / "weights")
    assert manifest.measured["perceptual"] == record["perceptual"]
    assert set(manifest.seen_scenes or ()) == {"mine/0", "mine/1", "mine/2"}  # none of those of hiqa's weights


@pytest.mark.slow
def test_a_resume_with_another_network_is_refused_and_a_start_from_it_recorded(run, folder):
    part, _ = open_table(folder)
    other = options(folder / "cache", resume=True, vgg=vgg_file(folder))
    with pytest.raises(UsageError, match=r"another run: perceptual\.network is 'trunk', expected 'vgg19'; resume with"):
        train_databases([part], RECIPE, run, other, StopSignal(), quiet)
    begun = options(folder / "cache", vgg=vgg_file(folder), init_generator=run, kinds=("generator",))
    assert train_databases([part], RECIPE, folder / "second", begun, StopSignal(), quiet)
    record = json.loads((folder / "second" / "run.json").read_text())
    assert record["perceptual"] == load_perceptual(vgg_file(folder), ("conv1_2",)).identity
    assert record["record"]["perceptual_of_init_from"]["network"] == "trunk"
    changed = dataclasses.replace(begun, resume=True, vgg=vgg_file(folder, seed=1))
    with pytest.raises(UsageError, match=r"another run: perceptual\.weights is"):
        train_databases([part], RECIPE, folder / "second", changed, StopSignal(), quiet)


@pytest.mark.slow
def test_a_run_of_vgg19_before_networks_were_recorded_resumes_with_vgg19_only(run, folder):
    part, _ = open_table(folder)
    out, vgg = folder / "older", vgg_file(folder)
    with_vgg = options(folder / "cache", vgg=vgg, kinds=("generator",))
    assert train_databases([part], RECIPE, out, with_vgg, StopSignal(), quiet)
    record = json.loads((out / "run.json").read_text())
    del record["perceptual"]
    (out / "run.json").write_text(json.dumps(record))
    resumed = dataclasses.replace(with_vgg, resume=True)
    assert train_databases([part], RECIPE, out, resumed, StopSignal(), quiet)
    with pytest.raises(UsageError, match=r"another run: perceptual\.network is 'vgg19', expected 'trunk'"):
        train_databases([part], RECIPE, out, dataclasses.replace(resumed, vgg=None), StopSignal(), quiet)


def test_results_of_two_networks_are_two_methods(folder):
    loading = Loading("cpu", "fp32", None, 1, Scoring())
    trunk, vgg = (TrainedHiqa(RECIPE, loading, 1, vgg=file) for file in (None, vgg_file(folder)))
    assert (trunk.name, vgg.name) == ("hiqa-smoke-trunk", "hiqa-smoke")
    assert trunk.settings["perceptual"] != vgg.settings["perceptual"]
    assert TrainedHiqa(RECIPE, loading, 1, has_references=False).name == "hiqa-smoke"
