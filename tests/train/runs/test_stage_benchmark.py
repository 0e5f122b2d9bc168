"""What `hiqa train --profile` counts and times."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from support.tiny_training import open_table, short_recipe

from hiqa_train.distributed import RunDevice
from hiqa_train.runs.stage_benchmark import PIECES, StageProfile, profile_stage, table
from hiqa_train.sources.database import DatabaseSource
from hiqa_train.stages.factory import StageFactory
from hiqa_train.stages.initialise import UntrainedNetworks

CPU = RunDevice(torch.device("cpu"), "fp32")


def profile_generator(folder: Path, validation_pictures: int) -> StageProfile:
    """The profile of a G with the adversarial loss of formula (7), whose epsilon is measured on the validation part."""
    part, _ = open_table(folder)
    recipe = short_recipe(40)
    watch = dataclasses.replace(recipe.watch, validation_pictures=validation_pictures, validation_patches=4)
    recipe = dataclasses.replace(recipe, watch=watch)
    data = DatabaseSource([part], watch, 1, folder / "cache", lambda: None)
    stage = StageFactory(recipe, data, CPU, 1, None).build("generator", UntrainedNetworks(recipe, 1, None))
    return profile_stage(stage, recipe, CPU)


@pytest.mark.slow
def test_a_step_is_counted_without_the_validation_that_the_first_one_causes(tmp_path):
    few, many = (profile_generator(tmp_path, pictures) for pictures in (1, 9))
    assert many.gmac == pytest.approx(few.gmac, rel=1e-6)
    assert 0 < few.gmac < 1


@pytest.mark.slow
def test_shares_of_the_time_are_at_least_zero_and_sum_to_all_of_it(tmp_path):
    found = profile_generator(tmp_path, 2)
    assert list(found.shares) == list(PIECES)
    assert all(share >= 0 for share in found.shares.values())
    assert sum(found.shares.values()) == pytest.approx(1)
    assert 0 < found.share < 1  # of the plain convolution's rate, which these small networks do not reach
    assert "torch's operators" in table([found])[1]
