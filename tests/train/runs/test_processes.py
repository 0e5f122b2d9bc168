"""Training in processes of its own: killed and resumed, two that train as one, a full disk."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support.database_trees import write_live, write_table
from support.process import TIMEOUT, environment, files_of_at_most, killed_when
from support.tiny_training import SIZE, as_toml, assert_equal, short_recipe

from hiqa_cli.engine.weights import load_weights
from hiqa_train.recipes.schema import Recipe
from hiqa_train.recipes.stages import OptimiserSettings
from hiqa_train.trainer.checkpoint import LAST, read_checkpoint

LONG = 3 * TIMEOUT  # s; a training on a busy machine
STAGES = ("alone", "generator", "final", "joint")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table") / "mine.csv", size=SIZE)


def command(table: Path, recipe: Recipe, out: Path, *more: str) -> list[str]:
    """Arguments of hiqa for a run in `out`, with its recipe and cache beside it."""
    file = out.with_suffix(".toml")
    file.write_text(as_toml(recipe))
    return [
        "train", "--dataset", str(table), "--higher-is-better", "--range", "1", "5", "--recipe", str(file),
        "--out", str(out), "--cache-dir", str(table.parent / "cache"), "--device", "cpu", "--precision", "fp32", *more,
    ]  # fmt: skip


def signalled(number: signal.Signals, stage: str, step: int) -> str:
    """Code for a process that sends itself a signal after a given step of a stage."""
    return f"""
import os
import hiqa_train.trainer.metrics_log
from hiqa_cli.console.progress import StageProgress

hiqa_train.trainer.metrics_log.EVERY = -1.0  # report the progress of every step

def watch(self, now):
    if (now.stage, now.step) == ({stage!r}, {step}):
        os.kill(os.getpid(), {int(number)})

StageProgress.advance = watch
"""


def test_a_run_killed_twice_and_resumed_equals_an_uninterrupted_one(run_hiqa, table, tmp_path):
    recipe = short_recipe(steps=5, every=2)
    recipe = dataclasses.replace(recipe, watch=dataclasses.replace(recipe.watch, workers=1))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run_hiqa(*command(table, recipe, whole), timeout=LONG).code == 0
    resume: list[str] = []
    for stage, step in (("generator", 4), ("joint", 3)):
        kill = signalled(signal.SIGKILL, stage, step)
        done = run_hiqa(*command(table, recipe, killed, *resume), before=kill, timeout=LONG)
        assert done.code == -signal.SIGKILL, done.messages
        resume = ["--resume"]
    last = run_hiqa(*command(table, recipe, killed, "--resume"), timeout=LONG)
    assert last.code == 0
    assert "hiqa: joint: resuming at step 2 of 5" in last.messages
    for stage in STAGES:
        one, other = (read_checkpoint(out / stage / LAST) for out in (whole, killed))
        assert_equal(one["learns"], other["learns"])
        assert_equal(one["random"], other["random"])
    assert losses(whole) == losses(killed)
    one, other = (load_weights(out / "weights") for out in (whole, killed))
    assert one.calibration == other.calibration
    assert_equal(dict(one.generator.state_dict()), dict(other.generator.state_dict()))
    assert_equal(dict(one.regressor.state_dict()), dict(other.regressor.state_dict()))


def losses(out: Path) -> list[dict]:
    """The metrics without what a clock says."""
    clocks = ("patches_a_second", "seconds_a_step", "waiting_share")
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [{key: value for key, value in line.items() if key not in clocks} for line in lines]


def with_plain_steps(recipe: Recipe) -> Recipe:
    """Every loss from the first step on, and SGD without clipping: its momentum after one step is the gradient."""

    def plain(learning: OptimiserSettings) -> OptimiserSettings:
        return dataclasses.replace(learning, optimiser="sgd", weight_decay=0.0, clip=0.0)

    stages = dict(recipe.stages)
    for name, stage in stages.items():
        fields = {field.name: getattr(stage, field.name) for field in dataclasses.fields(stage)}
        changed = {key: plain(value) for key, value in fields.items() if isinstance(value, OptimiserSettings)}
        recipe = recipe.with_stage(name, **changed)
    return recipe.with_stage("generator", features_from=0.0, features_every=1, adversarial_from=0.0)


def test_two_processes_average_the_gradients_of_one_process_with_the_same_halves(run_hiqa, hiqa_words, table, tmp_path):
    # one step: after it weights differ in their last digits, and the sign of an error may decide about a gradient
    recipe = with_plain_steps(short_recipe(steps=1, every=1, batch_norm=True).only("alone", "generator"))
    halves = dataclasses.replace(recipe, watch=dataclasses.replace(recipe.watch, pieces=2))
    one, two = tmp_path / "one", tmp_path / "two"
    assert run_hiqa(*command(table, halves, one), timeout=LONG).code == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()]
    done = subprocess.run(
        [*launch, "--no-python", *hiqa_words, *command(table, recipe, two)], capture_output=True, env=environment(),
        timeout=LONG, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr.decode().count("writing to") == 1  # one of the two prints
    for stage in ("alone", "generator"):
        a, b = (read_checkpoint(out / stage / LAST)["learns"] for out in (one, two))
        for trainer in [name for name in a if name != "threshold"]:
            gradients, others = (
                {number: slot["momentum_buffer"] for number, slot in found[trainer]["optimiser"]["state"].items()}
                for found in (a, b)
            )
            assert gradients.keys() == others.keys()
            assert any(float(gradient.abs().max()) > 0 for gradient in gradients.values())
            for number, gradient in gradients.items():
                assert_sums_agree(gradient, others[number], f"{stage} {trainer}: gradient {number}")
            states = a[trainer]["objective"], b[trainer]["objective"]
            assert any("running_mean" in key for key in states[0]) == (trainer in ("regressor", "judge"))
            for key, value in states[0].items():
                if not key.endswith("num_batches_tracked"):  # counts pieces; nothing is computed from it
                    assert_sums_agree(value, states[1][key], f"{stage} {trainer}: {key}")

    errors = [
        [json.loads(line)["validation"]["error"] for line in (out / "metrics.jsonl").open() if "validation" in line]
        for out in (one, two)
    ]
    assert len(errors[0]) == 2
    assert errors[1] == pytest.approx(errors[0], rel=1e-3)  # the two measured half of the patches each


def assert_sums_agree(one: torch.Tensor, other: torch.Tensor, what: str) -> None:
    """Equal but for the order in which float32 adds: within 1e-4 of the tensor's largest value."""
    assert float((one - other).abs().max()) <= 1e-4 * float(one.abs().max()) + 1e-9, what


def free_port() -> str:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return str(held.getsockname()[1])


def test_a_full_disk_gives_one_line_and_the_last_checkpoint_resumes(run_hiqa, table, tmp_path):
    recipe, out = short_recipe(steps=2, every=1).only("alone", "generator"), tmp_path / "run"
    only = recipe.only("alone")
    assert run_hiqa(*command(table, only, tmp_path / "size"), timeout=LONG).code == 0
    largest = (tmp_path / "size" / "alone" / LAST).stat().st_size + 4096  # G with D and the two-input R needs more
    done = run_hiqa(*command(table, recipe, out), before=files_of_at_most(largest), timeout=LONG)
    errors = [line for line in done.messages if "cannot be written" in line]
    assert (done.code, len(errors)) == (1, 1)
    assert f"{out}/generator/{LAST} cannot be written: " in errors[0] or f"{out}/generator/best.ckpt" in errors[0]
    assert errors[0].endswith("checkpoints written before are complete: make room, then continue with --resume")
    assert done.messages[-1] == errors[0]
    assert read_checkpoint(out / "alone" / LAST)["step"] == 2
    assert not list(out.rglob("*.part"))
    assert run_hiqa(*command(table, recipe, out, "--resume"), timeout=LONG).code == 0
    assert read_checkpoint(out / "generator" / LAST)["step"] == 2


def test_ctrl_c_saves_a_checkpoint_and_says_how_to_resume(run_hiqa, table, tmp_path):
    recipe, out = short_recipe(steps=500, every=500).only("alone"), tmp_path / "run"
    interrupt = signalled(signal.SIGINT, "alone", 3)
    done = run_hiqa(*command(table, recipe, out), before=interrupt, timeout=LONG)
    assert done.code == 130
    assert done.messages[-1] == f"hiqa: stopped; resume from the checkpoint in {out} with --resume"
    assert 3 <= read_checkpoint(out / "alone" / LAST)["step"] < 500
    assert os.listdir(out / "alone")


def test_live_is_trained_on_as_typed_without_a_network_for_the_perceptual_loss(run_hiqa, tmp_path):
    root, record = write_live(tmp_path / "live", scenes=6), tmp_path / "run" / "run.json"
    mine = {"HIQA_LIVE_ROOT": str(root), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    kill = killed_when(str(record))  # the recipe takes hours
    done = run_hiqa("train", "--dataset", "live", "--out", record.parent, env=mine, before=kill, timeout=LONG)
    assert done.code == -signal.SIGKILL
    assert json.loads(record.read_text())["perceptual"]["network"] == "trunk"
    assert b"perceptual loss: lower layers of the trunk of hiqa's weights" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train"], 2, "no training data: give --dataset, --clean-images or both"),
        (["train", "--dataset", "live"], 2, "HIQA_LIVE_ROOT"),
        (["train", "--dataset", "TABLE"], 2, "the direction of the scores is not known; give --higher-is-better"),
        (["train", "--dataset", "TABLE", "--higher-is-better", "--vgg", "/no"], 2, "--vgg /no: no such file"),
        (["train", "--dataset", "TABLE", "--higher-is-better", "--recipe", "bets"], 2, "no such recipe: bets"),
        (["train", "--dataset", "WRONG", "--higher-is-better"], 2, "has no column 'score', found path, mos"),
        (["train", "--dataset", "LOST", "--higher-is-better"], 2, "missing files: 2, the first"),
        (["train", "--dataset", "tid2013", "--root", "ROOT"], 2, "is not TID2013: it has no mos_with_names.txt"),
        (["train", "generators", "--dataset", "live"], 2, "did you mean generator?"),
        (["train", "--dataset", "TABLE", "--higher-is-better", "--recipe", "smoke", "--generator", "ROOT"], 2,
         "neither a folder of weights nor a run with a trained G"),
        (["train", "--dataset", "TABLE", "--higher-is-better", "--resume"], 2, "the run is not known; give its"),
    ],
)  # fmt: skip
def test_training_that_cannot_start_gives_one_line(table, tmp_path, monkeypatch, arguments, code, message):
    from hiqa_cli.commands.app import run as run_here
    from hiqa_cli.errors import HiqaError

    (tmp_path / "wrong.csv").write_text("path,mos\na.png,3\n")
    (tmp_path / "lost.csv").write_text("path,score\na.png,3\nb.png,4\n")
    places = {"TABLE": table, "ROOT": tmp_path, "WRONG": tmp_path / "wrong.csv", "LOST": tmp_path / "lost.csv"}
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(HiqaError) as caught:
            run_here([str(places.get(word, word)) for word in arguments])
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()
