"""Single stages: their losses, and the loop when a run diverges or is stopped."""

from __future__ import annotations

import dataclasses
import json
import signal

import pytest
import torch
from support.tiny_training import assert_equal, open_table, options, short_recipe

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.regressor import Regressor, RegressorConfig
from hiqa_train.distributed import RunDevice
from hiqa_train.losses.score_maps import MappedRegressor, ScaleMaps, to_common_scale
from hiqa_train.recipes.stages import OptimiserSettings
from hiqa_train.runs.run import train_databases
from hiqa_train.sources.database import DatabaseSource
from hiqa_train.stages.factory import StageFactory
from hiqa_train.stages.generator import GeneratorTraining
from hiqa_train.stages.initialise import TrainedNetworks, UntrainedNetworks
from hiqa_train.stages.regressor import initialise_from
from hiqa_train.trainer.checkpoint import BEST, LAST, load_checkpoint, read_checkpoint, save_checkpoint
from hiqa_train.trainer.loop import StopSignal, TrainingDivergedError
from hiqa_train.trainer.metrics_log import Progress

CPU = RunDevice(torch.device("cpu"), "fp32")
SGD = OptimiserSettings("sgd", 1.0, 10, 0.4, 0, 0.0, 0.0, 0.0)

pytestmark = pytest.mark.usefixtures("signals_as_they_were", "brief_fit")


def quiet(line: str) -> None:
    """Ignore messages."""


def test_d_fake_changes_when_only_g_changes(tmp_path):
    part, _ = open_table(tmp_path)
    recipe = short_recipe()
    material = DatabaseSource([part], recipe.watch, 1, tmp_path / "cache", lambda: None)
    stage = StageFactory(recipe, material, CPU, 1, None).build("generator", UntrainedNetworks(recipe, 1, None))
    assert isinstance(stage, GeneratorTraining)
    batch = stage.source.draw(range(8)).to(CPU.device)
    judge = stage.two_input_trainer.averaged_network.regressor

    def errors(hallucination):
        said = judge(batch.distorted, batch.distorted - hallucination.clamp(0, 1))
        return (said - batch.quality).abs()

    with torch.no_grad():
        judge.head.score.weight.mul_(20)  # a random R hardly looks at anything: let it
        one = stage.network(batch.distorted).hallucination
        for head in stage.network.heads:
            head.weight.add_(torch.randn(head.weight.shape, generator=torch.Generator().manual_seed(0)) * 0.2)
        other = stage.network(batch.distorted).hallucination
        # an epsilon between one hallucination's error and the other's, for the patch where they differ most
        most = int((errors(one) - errors(other)).abs().argmax())
        stage.threshold.epsilon = float((errors(one)[most] + errors(other)[most]) / 2)
        before, after = stage.d_fake_of(batch, one), stage.d_fake_of(batch, other)
        assert before[most] != after[most]
        assert before.tolist() == (errors(one) <= stage.threshold.epsilon).float().tolist()
        plain = dataclasses.replace(stage.recipe, adversarial="plain")
        stage.recipe = plain
        assert stage.d_fake_of(batch, one).tolist() == stage.d_fake_of(batch, other).tolist() == [0.0] * 8


def test_epsilon_is_the_median_validation_error_of_the_two_input_r(tmp_path):
    part, _ = open_table(tmp_path)
    recipe = short_recipe()
    material = DatabaseSource([part], recipe.watch, 1, tmp_path / "cache", lambda: None)
    stage = StageFactory(recipe, material, CPU, 1, None).build("generator", UntrainedNetworks(recipe, 1, None))
    measures = stage.validate(0)
    generator, judge = stage.trainer.averaged_network, stage.two_input_trainer.averaged_network.regressor
    errors = []
    with torch.no_grad():
        for number in range(3):
            batch = stage.validation.source.draw(range(number, number + 1)).to(CPU.device)
            shown = batch.distorted - generator(batch.distorted).hallucination
            errors.append(float((judge(batch.distorted, shown) - batch.quality).abs()))
    assert measures["epsilon"] == pytest.approx(sorted(errors)[1], abs=1e-5)
    assert measures["judge_error"] == pytest.approx(sum(errors) / 3, abs=1e-5)


def test_a_remark_reports_a_d_that_rejects_nothing_or_everything(tmp_path):
    part, _ = open_table(tmp_path)
    recipe = short_recipe()
    material = DatabaseSource([part], recipe.watch, 1, tmp_path / "cache", lambda: None)
    stage = StageFactory(recipe, material, CPU, 1, None).build("generator", UntrainedNetworks(recipe, 1, None))
    stage.threshold.shares = [1.0, 0.98]
    assert "d_fake = 1 for 0.990 of the hallucinations" in stage.remarks()[0]
    stage.threshold.shares = [0.0, 0.02]
    assert "in effect D is a plain GAN" in stage.remarks()[0]
    stage.threshold.shares = [0.5]
    assert stage.remarks() == []


def test_r_starts_with_the_scores_of_the_r_on_images_alone():
    torch.manual_seed(0)
    alone = Regressor(RegressorConfig(8, 8, 8, discrepancy=False, semantic=False)).eval()
    full = Regressor(RegressorConfig(8, 8, 8))
    initialise_from(full, alone.state_dict())
    full.eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(full(x, torch.rand_like(x), torch.rand(2, 8, 2, 2)), alone(x), atol=1e-6)


def test_maps_start_as_the_identity_stay_monotone_and_fit_a_databases_scale():
    torch.manual_seed(0)
    maps = ScaleMaps(3)
    score = torch.rand(64)
    assert torch.allclose(maps(score, torch.randint(0, 3, (64,))), score, atol=1e-6)
    wanted = 0.3 + 0.4 * score**2
    optimiser = torch.optim.Adam(maps.parameters(), 0.0025)
    for _ in range(200):
        optimiser.zero_grad()
        (maps(score, torch.full((64,), 2)) - wanted).abs().mean().backward()
        optimiser.step()
    network = MappedRegressor(Regressor(RegressorConfig(8, 4, 4)), 3)
    network.maps = maps
    knots = network.knots(3)
    assert knots[0] == knots[1] == pytest.approx([n / 6 for n in range(7)], abs=1e-5)
    assert knots[2] == pytest.approx([0.3 + 0.4 * (n / 6) ** 2 for n in range(7)], abs=0.03)
    assert all(low < high for low, high in zip(knots[2], knots[2][1:], strict=False))
    assert to_common_scale(knots[2][3], knots[2]) == pytest.approx(0.5)


@pytest.mark.slow
def test_a_run_leaves_checkpoints_metrics_pictures_and_weights(tmp_path):
    part, test = open_table(tmp_path)
    out = tmp_path / "run"
    said: list[str] = []
    weights = train_databases([part], short_recipe(), out, options(tmp_path / "cache"), StopSignal(), said.append)
    assert weights == out / "weights"
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines if line["step"] == 1] == ["alone", "generator", "final", "joint"]
    assert {"patches_a_second", "waiting_share", "epoch", "score", "gradient"} <= lines[0].keys()
    assert {"pixel", "judge_score", "d_fake"} <= {key for line in lines if line["stage"] == "generator" for key in line}
    for stage in ("alone", "generator", "final", "joint"):
        assert read_checkpoint(out / stage / LAST)["step"] == 4
        assert (out / stage / BEST).exists()
        assert (out / stage / "pictures" / "0000004.png").stat().st_size > 1000
    assert any("writing to" in line for line in said)
    assert any("4 steps of 4 patches of 64 px, 16 patches" in line for line in said)
    # no image that is kept for tests is anywhere in the run's record of what it cut patches from
    assert json.loads((out / "run.json").read_text())["material"]["databases"][0]["training"] == len(part.training)
    assert not {sample.path for sample in test} & {s.path for s in (*part.training, *part.validation)}


@pytest.mark.slow
def test_a_stopped_run_resumes_bit_for_bit(tmp_path, monkeypatch):
    part, _ = open_table(tmp_path)
    recipe = short_recipe(steps=4, every=4).only("alone", "generator")
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    train_databases([part], recipe, whole, options(tmp_path / "cache"), StopSignal(), quiet)
    monkeypatch.setattr("hiqa_train.trainer.metrics_log.EVERY", -1.0)  # report the progress of every step
    stop = StopSignal()

    def watch(now: Progress) -> None:
        if (now.stage, now.step) == ("generator", 2):
            signal.raise_signal(signal.SIGTERM)

    assert train_databases([part], recipe, halted, options(tmp_path / "cache", on_progress=watch), stop, quiet) is None
    assert stop.signal == signal.SIGTERM
    assert read_checkpoint(halted / "generator" / LAST)["step"] == 3
    assert train_databases([part], recipe, halted, options(tmp_path / "cache", resume=True), StopSignal(), quiet)
    for stage in ("alone", "generator"):
        one, other = (read_checkpoint(out / stage / LAST) for out in (whole, halted))
        assert torch.equal(one["random"], other["random"])
        assert_equal(one["learns"], other["learns"])


def test_a_loss_of_nan_names_step_and_files_and_keeps_the_checkpoints(tmp_path):
    part, _ = open_table(tmp_path)
    recipe = short_recipe(steps=6, every=1).only("alone")
    wild = dataclasses.replace(SGD, rate=1e18, warmup=0)
    with pytest.raises(TrainingDivergedError) as caught:
        train_databases(
            [part], recipe.with_stage("alone", learning=wild), tmp_path / "run", options(tmp_path / "cache"),
            StopSignal(), quiet,
        )  # fmt: skip
    text = str(caught.value)
    assert "alone: the loss 'score' is nan at step" in text
    assert "/images/" in text
    named = text.split("its batch: ")[1].split("; ")[0].split(", ")
    assert set(named) <= {str(sample.path) for sample in part.training}
    assert read_checkpoint(tmp_path / "run" / "alone" / LAST)["step"] >= 1


def test_a_checkpoint_is_refused_where_it_is_missing_broken_or_of_another_architecture(tmp_path):
    with pytest.raises(UsageError, match="no checkpoint at"):
        read_checkpoint(tmp_path / "none")
    (tmp_path / "broken").write_bytes(b"PK\x03\x04 half of one")
    with pytest.raises(UsageError, match="cannot read the checkpoint"):
        read_checkpoint(tmp_path / "broken")
    save_checkpoint(tmp_path / "other", {"describe": {"regressor": {"width": 48}}})
    with pytest.raises(UsageError, match=r"of another run: regressor\.width is 48, expected 64; resume with what"):
        load_checkpoint(tmp_path / "other", {"regressor": {"width": 64}})
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
def test_a_run_resumes_with_the_same_recipe_seed_and_images_only(tmp_path):
    part, _ = open_table(tmp_path)
    recipe, out, cache = short_recipe(steps=2).only("alone"), tmp_path / "run", tmp_path / "cache"
    train_databases([part], recipe, out, options(cache), StopSignal(), quiet)
    with pytest.raises(UsageError, match="is not empty; give --resume"):
        train_databases([part], recipe, out, options(cache), StopSignal(), quiet)
    wider = dataclasses.replace(recipe, networks=dataclasses.replace(recipe.networks, regressor_width=12))
    fewer = dataclasses.replace(part, training=part.training[1:])
    for changed, images, more, message in (
        (wider, part, {}, r"networks\.regressor_width is 8, expected 12"),
        (recipe, part, {"seed": 2}, "seed is 1, expected 2"),
        (recipe, fewer, {}, "databases"),
    ):
        with pytest.raises(UsageError, match=f"is of another run: .*{message}"):
            train_databases([images], changed, out, options(cache, resume=True, **more), StopSignal(), quiet)
    with pytest.raises(UsageError, match="no run in"):
        train_databases([part], recipe, tmp_path / "none", options(cache, resume=True), StopSignal(), quiet)


@pytest.mark.slow
def test_without_references_g_is_given_and_skipped_stages_are_reported(tmp_path, tiny_weights):
    part, _ = open_table(tmp_path, references=False)
    said: list[str] = []
    out = tmp_path / "run"
    ready = options(tmp_path / "cache", generator=tiny_weights)
    assert train_databases([part], short_recipe(steps=2), out, ready, StopSignal(), said.append) == out / "weights"
    assert sorted(path.parent.name for path in out.glob(f"*/{LAST}")) == ["final"]
    assert {line.split(": ")[0] for line in said if line.startswith("skipping stage ")} == {
        "skipping stage alone", "skipping stage generator", "skipping stage joint"
    }  # fmt: skip


@pytest.mark.slow
def test_a_single_stage_needs_the_stages_it_builds_on(tmp_path):
    part, _ = open_table(tmp_path)
    out, cache = tmp_path / "run", tmp_path / "cache"
    recipe = short_recipe(steps=2)
    with pytest.raises(UsageError, match="no finished stage generator; train it first, or give --generator"):
        train_databases([part], recipe, out, options(cache, kinds=("regressor",)), StopSignal(), quiet)
    only_g = options(cache, kinds=("generator",), resume=False)
    out = tmp_path / "other"
    assert train_databases([part], recipe, out, only_g, StopSignal(), quiet) == out / "generator"
    assert not (out / "final").exists()
    rest = options(cache, kinds=("regressor",), resume=True)
    assert train_databases([part], recipe, out, rest, StopSignal(), quiet) == out / "weights"
    assert TrainedNetworks(out, None).generator("generator").config.channels == (4, 4, 4, 4, 4)


@pytest.mark.slow
def test_two_databases_each_have_a_map_kept_with_the_weights(tmp_path):
    one, _ = open_table(tmp_path / "one", name="one")
    two, _ = open_table(tmp_path / "two", name="two")
    recipe = short_recipe(steps=3).only("alone", "generator", "final")
    weights = train_databases([one, two], recipe, tmp_path / "run", options(tmp_path / "cache"), StopSignal(), quiet)
    assert weights is not None
    maps = json.loads((weights / "manifest.json").read_text())["measured"]["maps"]
    assert list(maps) == ["one", "two"]
    assert maps["one"] == pytest.approx([n / 6 for n in range(7)], abs=1e-5)
    assert maps["two"] != pytest.approx(maps["one"], abs=1e-6)
    assert maps["two"] == sorted(maps["two"])
