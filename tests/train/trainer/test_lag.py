"""On a GPU the loop reads losses one step late: nothing that it writes or raises may change by that."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path

import pytest
import torch
from support.tiny_mixed import quiet

from hiqa_train.data.batch import Batch
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.trainer import loop
from hiqa_train.trainer.loop import StopSignal, TrainingDivergedError, run_stage
from hiqa_train.trainer.loss_reader import LossReader
from hiqa_train.trainer.metrics_log import ProgressListener
from hiqa_train.trainer.sample_grid import SampleGrid

pytestmark = pytest.mark.usefixtures("signals_as_they_were")
CPU = RunDevice(torch.device("cpu"), "fp32")


class Patches:
    """Grey patches of one number each."""

    epoch_length = 4

    def draw(self, numbers: range) -> Batch:
        images = torch.stack([torch.full((8, 8, 3), n % 256, dtype=torch.uint8) for n in numbers])
        count = torch.zeros(len(numbers), dtype=torch.int64)
        return Batch(images, None, None, count, count, tuple(f"{n}.png" for n in numbers))


class Stage:
    """Its loss is the mean of the batch; at `fails` it is not a number, at `stops` a signal arrives."""

    name = kind = "toy"
    steps, batch, main_loss = 12, 2, "pixel"

    def __init__(self, stop: StopSignal, fails: int = -1, stops: int = -1) -> None:
        self.source, self.trainers = Patches(), {}
        self.stop, self.fails, self.stops = stop, fails, stops

    def describe(self) -> dict:
        return {"kind": "toy"}

    def step(self, step: int, pieces: list[Batch]) -> dict[str, torch.Tensor]:
        if step == self.stops:
            self.stop.signal = 15
        value = pieces[0].distorted.mean()
        return {"pixel": value * float("nan") if step == self.fails else value + 1}

    def validate(self, step: int) -> dict[str, float]:
        return {"error": 1 / step}

    def remarks(self) -> list[str]:
        return []

    def samples(self) -> SampleGrid:
        image = torch.zeros(1, 3, 8, 8)
        return SampleGrid(image, image, image)


def train(folder: Path, monkeypatch: pytest.MonkeyPatch, lag: int, **more: int) -> bool:
    monkeypatch.setattr(loop, "LossReader", functools.partial(LossReader, lag=lag))
    folder.mkdir()
    settings = dataclasses.replace(
        load_recipe("smoke").watch, log_every=3, validate_every=6, checkpoint_every=4, pictures_every=100, workers=0
    )
    stop = StopSignal()
    listener = ProgressListener(folder, None, board=False)
    stage = Stage(stop, **more)
    return run_stage(stage, folder, settings, CPU, listener, resume=False, stop=stop, report=quiet)


def metrics(folder: Path) -> list[dict]:
    """Without what a clock says."""
    clocks = ("patches_a_second", "seconds_a_step", "waiting_share")
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if name not in clocks} for line in lines]


def test_metrics_are_those_of_losses_that_are_read_at_once(tmp_path, monkeypatch):
    assert train(tmp_path / "now", monkeypatch, 0)
    assert train(tmp_path / "late", monkeypatch, 1)
    assert len(metrics(tmp_path / "now")) == 6
    assert metrics(tmp_path / "now") == metrics(tmp_path / "late")


@pytest.mark.parametrize("lag", [0, 1])
def test_a_loss_that_is_not_a_number_names_its_own_step_and_files(tmp_path, monkeypatch, lag):
    with pytest.raises(TrainingDivergedError, match=r"'pixel' is nan at step 6; its batch: 12\.png, 13\.png"):
        train(tmp_path / "run", monkeypatch, lag, fails=6)


@pytest.mark.parametrize("lag", [0, 1])
def test_a_signal_ends_the_run_with_a_checkpoint_of_the_last_step(tmp_path, monkeypatch, lag):
    assert not train(tmp_path / "run", monkeypatch, lag, stops=5)
    saved = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert 6 <= saved["step"] <= 6 + lag
    assert saved["pace"]["seen"] == saved["step"]  # no loss is left out
