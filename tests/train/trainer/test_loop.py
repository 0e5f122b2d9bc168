"""The loop's batches: the same patches in the same order, whoever cuts them."""

from __future__ import annotations

import dataclasses
import signal

import pytest
import torch
from support.tiny_mixed import quiet, recipe, write_mixed
from support.tiny_training import assert_equal, options

from hiqa_cli.errors import UsageError
from hiqa_train.recipes.schema import Recipe
from hiqa_train.runs.run import train_mixed
from hiqa_train.trainer.checkpoint import LAST, read_checkpoint
from hiqa_train.trainer.loop import StopSignal
from hiqa_train.trainer.metrics_log import Progress

pytestmark = pytest.mark.usefixtures("signals_as_they_were", "brief_fit")


def with_settings(found: Recipe, **changes: int) -> Recipe:
    return dataclasses.replace(found, watch=dataclasses.replace(found.watch, **changes))


@pytest.mark.slow
def test_a_run_resumes_with_more_workers_bit_for_bit(tmp_path, monkeypatch):
    parts, tested, photographs, _ = write_mixed(tmp_path)
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    found = recipe().only("generator").with_stage("generator", steps=4)

    def train(recipe: Recipe, out, **more) -> object:
        given = options(tmp_path / "cache", **more)
        return train_mixed(parts, tested, photographs, recipe, out, given, StopSignal(), quiet)

    def stop_within_the_stage(now: Progress) -> None:
        if (now.stage, now.step) == ("generator", 2):
            signal.raise_signal(signal.SIGTERM)

    assert train(with_settings(found, workers=0), whole)
    monkeypatch.setattr("hiqa_train.trainer.metrics_log.EVERY", -1.0)  # report the progress of every step
    assert train(with_settings(found, workers=0), halted, on_progress=stop_within_the_stage) is None
    assert 0 < read_checkpoint(halted / "generator" / LAST)["step"] < 4
    more = with_settings(found, workers=2, log_every=2, checkpoint_every=3, pictures_every=4)
    assert train(more, halted, resume=True)
    one, other = (read_checkpoint(out / "generator" / LAST) for out in (whole, halted))
    assert torch.equal(one["random"], other["random"])
    assert_equal(one["learns"], other["learns"])
    with pytest.raises(UsageError, match=r"watch\.validate_every is 2, expected 3"):
        train(with_settings(found, validate_every=3), halted, resume=True)
