"""Training on photographs without human scores, and the measures of weights."""

from __future__ import annotations

import dataclasses
import json
import signal

import cv2
import numpy as np
import pytest
from support.photographs import photograph
from support.tiny_training import options, short_recipe

from hiqa_cli.engine.scorer import Scorer
from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import claimed_folder
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.distortions import psnr
from hiqa_train.evaluation.clean.ladders import measure_ladders
from hiqa_train.evaluation.clean.psnr_gain import measure_gains
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.runs.run import train_synthetic
from hiqa_train.trainer.loop import StopSignal


@pytest.mark.slow
@pytest.mark.usefixtures("brief_fit")
def test_from_photographs_to_weights_that_score(tmp_path):
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    folders = [tmp_path / "one", tmp_path / "two"]
    for n in range(14):
        folders[n % 2].mkdir(exist_ok=True)
        cv2.imwrite(str(folders[n % 2] / f"{n}.png"), photograph(n, 320))
    tiny, synthetic = short_recipe(steps=3), load_recipe("synthetic")
    recipe = dataclasses.replace(synthetic, networks=tiny.networks, watch=tiny.watch)
    for name in recipe.stages:
        recipe = recipe.with_stage(name, steps=3, batch=4, patch=64)
    recipe = recipe.with_stage("generator", vgg_weight=0.0)
    said: list[str] = []
    out = tmp_path / "run"

    def train():
        return train_synthetic(folders, recipe, out, options(tmp_path / "cache"), StopSignal(), said.append)

    weights = train()
    assert weights == out / "weights"
    assert "14 photographs" not in said[0]
    training, validation = (int(word.split()[0]) for word in said[0].split(", "))
    assert training + validation == 14
    result = Scorer.load(weights, device="cpu", precision="fp32").score(photograph(99, 256))
    assert 0 <= result.score <= 100
    assert result.uncertainty > 0
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert list(dict.fromkeys(line["stage"] for line in lines)) == ["alone", "generator", "joined", "final"]
    assert [row["name"] for row in json.loads((weights / "manifest.json").read_text())["training_data"]] == [
        "undistorted photographs: one", "undistorted photographs: two"
    ]  # fmt: skip
    with pytest.raises(UsageError, match="is not empty"):
        train()
    with pytest.raises(UsageError, match="has no shares of distortions; give --recipe synthetic"):
        train_synthetic(folders, tiny, tmp_path / "other", options(tmp_path / "cache"), StopSignal(), said.append)
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_a_second_run_with_the_folder_of_a_running_one_is_refused(tmp_path):
    run = (short_recipe(), tmp_path / "runs" / "mine", options(tmp_path / "cache"), StopSignal(), print)
    with claimed_folder("--out", run[1]):
        for again in (False, True):
            run[1].mkdir(exist_ok=True)
            if again:
                (run[1] / "run.json").touch()
            resumed = dataclasses.replace(run[2], resume=again)
            with pytest.raises(UsageError, match=r"--out .*mine: another run is writing it; wait until it has ended"):
                train_synthetic([tmp_path], *run[:2], resumed, *run[3:])
    with pytest.raises(UsageError, match="no shares of distortions"):  # the claim has ended with the run
        train_synthetic([tmp_path], *run[:2], resumed, *run[3:])


@pytest.mark.slow
def test_measurements_of_random_weights_have_the_right_shape(tmp_path):
    from support.tiny_weights import write_tiny_weights

    scorer = Scorer.load(write_tiny_weights(tmp_path / "w"), device="cpu", precision="fp32")
    images = [CleanImage("a.png", photograph(1, 320)[:256, :256].copy())]
    ladders = measure_ladders(scorer, images, stride=256, report=lambda line: None)
    assert set(ladders.mean_srocc) == {"noise", "blur", "jpeg", "jpeg2000", "down", "motion", "exposure"}
    assert all(-1 <= value <= 1 for value in ladders.mean_srocc.values())
    assert 0 <= ladders.share_above <= 1
    gains, clean = measure_gains(scorer, images, stride=256, with_filters=False, report=lambda line: None)
    assert 20 < gains["noise 25"].before < 21.5
    assert clean > 10


def test_psnr_by_hand():
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black) == float("inf")
    assert psnr(black + 1, black) == pytest.approx(48.1308, abs=1e-3)


def test_speed_is_measured_relative_to_a_plain_convolution(tmp_path):
    from support.tiny_weights import write_tiny_weights

    from hiqa_train.trainer.convolution_rate import measure_speed

    found = measure_speed(write_tiny_weights(tmp_path / "w"), "fp32", rounds=1)
    assert 0.001 < found.gmac < 1
    assert found.seconds > 0
    assert found.ratio == pytest.approx(found.seconds / found.convolution_seconds)
