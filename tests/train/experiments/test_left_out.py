"""The trunk trained without a source of photographs, and measured on it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.photographs import photograph
from support.tiny_training import short_recipe

from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.scored_images import ScoredImage
from hiqa_train.distributed import RunDevice
from hiqa_train.experiments import left_out
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.recipes.stages import TrunkStage
from hiqa_train.stages.trunk import stage as trunk_stage


@pytest.mark.slow
def test_each_subset_is_left_out_in_turn_and_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trunk_stage, "load_lite0", lambda trunk: None)
    monkeypatch.setattr(trunk_stage, "FITTED", 1)
    images = []
    for number in range(6):
        np.save(tmp_path / f"{number}.npy", photograph(number, 256)[:, :, ::-1])
        subset = "ab"[number % 2]
        images.append(
            ScoredImage(f"{number}.png", tmp_path / f"{number}.npy", None, number / 6, 0, str(number), subset)
        )
    clean = [CleanImage("c.png", photograph(9, 300))]
    data = SimpleNamespace(
        databases=SimpleNamespace(training=images, validating=images[:2], names=("mine",)),
        photographs=SimpleNamespace(training=clean, validating=clean),
    )
    stage = load_recipe("release").stages["trunk"]
    assert isinstance(stage, TrunkStage)
    stage = dataclasses.replace(stage, steps=1, batch=6, patch=256, photographs=1, image_units=4)
    watched = short_recipe(steps=1)
    arguments = (data, watched, stage, (), tmp_path / "out", 1, RunDevice(torch.device("cpu"), "fp32"))
    assert left_out.measure(*arguments) == 0  # type: ignore[arg-type]
    told = capsys.readouterr().out
    for line in ("left out: a, 3 photographs: SROCC", "left out: b, 3 photographs: SROCC", "mean"):
        assert line in told
    assert (tmp_path / "out" / "a" / "last.ckpt").exists()
    assert left_out.measure(*arguments) == 0  # type: ignore[arg-type]
    again = capsys.readouterr().out
    assert [line for line in again.splitlines() if line.startswith(("left", "mean"))] == [
        line for line in told.splitlines() if line.startswith(("left", "mean"))
    ]
