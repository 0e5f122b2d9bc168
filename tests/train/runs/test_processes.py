"""Training in processes of its own: killed and resumed, two that train as one, a full disk."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from support.database_trees import write_live, write_table
from support.process import HIQA, TIMEOUT, Finished, environment, obey_signals
from support.tiny_training import SIZE, as_toml, assert_equal, short_recipe

from hiqa_cli.engine.weights import load_weights
from hiqa_train.recipes.schema import OptimiserSettings, Recipe
from hiqa_train.trainer.checkpoint import LAST, read_checkpoint

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


def run(arguments: list[str], **limits: int) -> Finished:
    """hiqa to its end; limits: the largest file in bytes."""

    def limit() -> None:
        obey_signals()
        if limits:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limits["largest"], limits["largest"]))

    done = subprocess.run(
        [*HIQA, *arguments], capture_output=True, env=environment(), timeout=TIMEOUT * 3, check=False, preexec_fn=limit
    )
    return Finished(done.returncode, done.stdout, done.stderr)


# hiqa, but it kills itself with SIGKILL after a given step of a stage
KILLED = """
import os, signal, sys
import hiqa_train.trainer.metrics_log
from hiqa_cli.commands.app import run
from hiqa_cli.console.progress import StageProgress

stage, step = sys.argv[1], int(sys.argv[2])
hiqa_train.trainer.metrics_log.EVERY = -1.0  # report the progress of every step

def watch(self, now):
    if (now.stage, now.step) == (stage, step):
        os.kill(os.getpid(), signal.SIGKILL)

StageProgress.advance = watch
run(sys.argv[3:])
"""


def steps_of(out: Path, stage: str) -> int:
    """The last step of a stage in the metrics."""
    try:
        lines = (out / "metrics.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return 0
    return max((line["step"] for line in map(json.loads, lines[:-1]) if line["stage"] == stage), default=0)


def test_a_run_killed_twice_and_resumed_equals_an_uninterrupted_one(table, tmp_path):
    recipe = short_recipe(steps=8, every=3)
    recipe = dataclasses.replace(recipe, watch=dataclasses.replace(recipe.watch, workers=1))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(command(table, recipe, whole)).code == 0
    resume: list[str] = []
    for stage, step in (("generator", 5), ("joint", 4)):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, stage, str(step), *command(table, recipe, killed, *resume)],
            env=environment(), capture_output=True, timeout=TIMEOUT * 3, check=False,
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        resume = ["--resume"]
    last = run(command(table, recipe, killed, "--resume"))
    assert last.code == 0
    assert "hiqa: joint: resuming at step 3 of 8" in last.messages
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


def test_two_processes_average_the_gradients_of_one_process_with_the_same_halves(table, tmp_path):
    # one step: after it weights differ in their last digits, and the sign of an error may decide about a gradient
    recipe = with_plain_steps(short_recipe(steps=1, every=1, batch_norm=True).only("alone", "generator"))
    halves = dataclasses.replace(recipe, watch=dataclasses.replace(recipe.watch, pieces=2))
    one, two = tmp_path / "one", tmp_path / "two"
    assert run(command(table, halves, one)).code == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()]
    done = subprocess.run(
        [*launch, "-m", "hiqa_cli", *command(table, recipe, two)], capture_output=True, env=environment(),
        timeout=TIMEOUT * 3, check=False,
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


def assert_sums_agree(one: torch.Tensor, other: torch.Tensor, what: str) -> None:
    """Equal but for the order in which float32 adds: within 1e-4 of the tensor's largest value."""
    assert float((one - other).abs().max()) <= 1e-4 * float(one.abs().max()) + 1e-9, what


def free_port() -> str:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return str(held.getsockname()[1])


def test_a_full_disk_gives_one_line_and_the_last_checkpoint_resumes(table, tmp_path):
    recipe, out = short_recipe(steps=4).only("alone", "generator"), tmp_path / "run"
    only = recipe.only("alone")
    assert run(command(table, only, tmp_path / "size")).code == 0
    size = (tmp_path / "size" / "alone" / LAST).stat().st_size
    done = run(command(table, recipe, out), largest=size + 4096)  # G with D and the two-input R needs more
    errors = [line for line in done.messages if "cannot be written" in line]
    assert (done.code, len(errors)) == (1, 1)
    assert f"{out}/generator/{LAST} cannot be written: " in errors[0] or f"{out}/generator/best.ckpt" in errors[0]
    assert errors[0].endswith("checkpoints written before are complete: make room, then continue with --resume")
    assert done.messages[-1] == errors[0]
    assert read_checkpoint(out / "alone" / LAST)["step"] == 4
    assert not list(out.rglob("*.part"))
    assert run(command(table, recipe, out, "--resume")).code == 0
    assert read_checkpoint(out / "generator" / LAST)["step"] == 4


def test_ctrl_c_saves_a_checkpoint_and_says_how_to_resume(table, tmp_path):
    recipe, out = short_recipe(steps=500, every=500).only("alone"), tmp_path / "run"
    child = subprocess.Popen(
        [*HIQA, *command(table, recipe, out)], env=environment(), stderr=subprocess.PIPE, preexec_fn=obey_signals
    )
    deadline = time.monotonic() + 3 * TIMEOUT
    while steps_of(out, "alone") < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=TIMEOUT)
    assert child.returncode == 130
    assert errors.decode().splitlines()[-1] == f"hiqa: stopped; resume from the checkpoint in {out} with --resume"
    assert 3 <= read_checkpoint(out / "alone" / LAST)["step"] < 500
    assert os.listdir(out / "alone")


def test_live_is_trained_on_as_typed_without_a_network_for_the_perceptual_loss(tmp_path):
    root, record = write_live(tmp_path / "live", scenes=6), tmp_path / "run" / "run.json"
    mine = {**environment(), "HIQA_LIVE_ROOT": str(root), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    child = subprocess.Popen(
        [*HIQA, "train", "--dataset", "live", "--out", str(record.parent)], env=mine, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 3 * TIMEOUT
    while not record.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    child.kill()  # the recipe takes hours
    _, errors = child.communicate(timeout=TIMEOUT)
    assert json.loads(record.read_text())["perceptual"]["network"] == "trunk"
    assert b"perceptual loss: lower layers of the trunk of hiqa's weights" in errors


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
