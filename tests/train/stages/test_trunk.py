"""The trunk of the released R: views of photographs and versions, blocks that train."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from support.photographs import photograph

from hiqa_cli.networks.efficientnet_lite import EfficientNetLite
from hiqa_train.data.clean_images import CleanImage
from hiqa_train.data.scored_images import ScoredImage
from hiqa_train.distributed import RunDevice
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.recipes.stages import TrunkStage
from hiqa_train.stages.trunk import stage as trunk_stage
from hiqa_train.stages.trunk.stage import TrunkTraining, ordered_share, trained_image_part
from hiqa_train.stages.trunk.views import VERSIONS, VIEWS, TrunkViews

CPU = RunDevice(torch.device("cpu"), "fp32")


@pytest.fixture(autouse=True)
def random_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """ImageNet's filters come with a package that tests do not need: the same random ones each time."""

    def load(trunk: EfficientNetLite) -> None:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(3)
            trunk.load_state_dict(EfficientNetLite().state_dict())

    monkeypatch.setattr(trunk_stage, "load_lite0", load)
    monkeypatch.setattr(trunk_stage, "FITTED", 1)


def stage(**changes: object) -> TrunkStage:
    found = load_recipe("release").stages["trunk"]
    assert isinstance(found, TrunkStage)
    small = {"steps": 2, "batch": 7, "patch": 256, "photographs": 2, "image_units": 4}
    return dataclasses.replace(found, **{**small, **changes})


def write_photographs(folder: Path) -> list[ScoredImage]:
    images = []
    for number in range(4):
        file = folder / f"{number}.npy"
        np.save(file, photograph(number, 300)[:, :, ::-1])
        images.append(ScoredImage(f"{number}.png", file, None, number / 4, 0, str(number), "ab"[number % 2]))
    return images


def clean_images() -> list[CleanImage]:
    return [CleanImage(f"clean {number}", photograph(10 + number, 300)) for number in range(3)]


def test_photographs_and_the_versions_of_one_image_follow_one_another_in_two_views_each(tmp_path: Path) -> None:
    views = TrunkViews(write_photographs(tmp_path), clean_images(), stage(photograph_share=0.0), 1)
    assert views.cycle == 2 + VERSIONS
    batch = views.draw(range(2 * views.cycle))
    assert batch.distorted.shape == (VIEWS * 2 * views.cycle, 256, 256, 3)
    assert batch.database[::VIEWS].tolist() == [1, 1, 0, 0, 0, 0, 0] * 2
    assert batch.quality is not None
    assert torch.equal(batch.quality[::VIEWS], batch.quality[1::VIEWS])
    of_group = batch.quality[::VIEWS][2:7]
    assert of_group[-1] == 1  # the reference
    assert of_group.min() < 0.99
    assert len({batch.files[VIEWS * place] for place in range(2, 7)}) == 1
    again = torch.cat([views.draw(range(n, n + 1)).distorted for n in range(views.cycle, 2 * views.cycle)])
    assert torch.equal(batch.distorted[VIEWS * views.cycle :], again)


def test_an_epoch_shows_every_photograph_once_and_groups_may_be_of_photographs(tmp_path: Path) -> None:
    views = TrunkViews(write_photographs(tmp_path), clean_images(), stage(photograph_share=1.0), 1)
    batch = views.draw(range(views.epoch_length))
    shown = [name for name, source in zip(batch.files[::VIEWS], batch.database[::VIEWS], strict=True) if source]
    assert sorted(shown) == ["0.png", "1.png", "2.png", "3.png"]
    assert all(name.endswith(".png") for name in batch.files)
    assert TrunkViews([], clean_images(), stage(), 1).draw(range(VERSIONS)).database.unique().tolist() == [0]


def test_the_blocks_after_the_compared_ones_train_and_the_trunk_is_left_to_other_stages(tmp_path: Path) -> None:
    photographs, clean = write_photographs(tmp_path), clean_images()
    recipe = stage(learning=dataclasses.replace(stage().learning, warmup=0, averaging=0.0))
    views = TrunkViews(photographs, clean, recipe, 1), TrunkViews(photographs[:2], clean[:1], recipe, 2)
    training = TrunkTraining("trunk", recipe, *views, CPU, databases=1, seed=1)
    before = {name: value.clone() for name, value in training.trainer.network.state_dict().items()}
    for step in range(2):
        losses = training.step(step, [training.source.draw(range(7 * step, 7 * step + 7)).to(CPU.device)])
        assert all(torch.isfinite(loss) for loss in losses.values())
    after = training.trainer.network.state_dict()
    changed = [name for name in after if ".trunk." in name and not torch.equal(before[name], after[name])]
    moved = {name.split(".")[3] for name in changed}
    assert moved == {str(number) for number in range(5, 16)}
    assert set(training.validate(2)) == {"error", "srocc", "ordered"}
    state = {"learns": {"trunk": training.trainer.state()}, "describe": training.describe()}
    left = trained_image_part(state).state_dict()
    assert all(torch.equal(value, after[f"regressor.{name}"]) for name, value in left.items())


def test_the_share_of_ordered_pairs_counts_pairs_of_one_image() -> None:
    quality, group = np.array([1.0, 0.5, 0.2, 0.9]), np.array([1, 1, 1, 2])
    assert ordered_share(np.array([3.0, 2.0, 1.0, 0.0]), quality, group) == 1
    assert ordered_share(np.array([3.0, 1.0, 2.0, 9.0]), quality, group) == pytest.approx(2 / 3)
