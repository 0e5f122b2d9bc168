"""Splits by scene: shares, seeds, the file, and no scene in two parts, whichever databases show it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.database_trees import LIVE_REFERENCES
from support.database_trees.without_files import reading

from hiqa_cli.errors import OutputError, UsageError
from hiqa_train.data.leakage import exclude_scenes
from hiqa_train.data.splits import PARTS, draw_splits, read_splits, split_samples, write_splits
from hiqa_train.datasets import Dataset
from hiqa_train.datasets.scenes import AMBIGUOUS_SCENES, live_scene, tid_scene


@pytest.fixture
def tid() -> Dataset:
    return reading("tid2013", [tid_scene(number) for number in range(1, 26)])


@pytest.fixture
def live() -> Dataset:
    return reading("live", [live_scene(name) for name in LIVE_REFERENCES])


def test_ten_splits_of_80_and_20_percent_with_validation_from_the_80(tid: Dataset):
    splits = draw_splits([tid], seed=1)
    assert len(splits.splits) == 10
    for split in splits.splits:
        assert (len(split.test), len(split.validation), len(split.training)) == (5, 2, 18)
        assert len({*split.test, *split.validation, *split.training}) == 25
    assert len({split.test for split in splits.splits}) == 10


def test_a_split_depends_on_the_seed_and_not_on_the_order_of_files(tid: Dataset):
    assert draw_splits([tid], seed=1) == draw_splits([tid], seed=1)
    assert draw_splits([tid], seed=1).splits != draw_splits([tid], seed=2).splits
    turned = reading("tid2013", [tid_scene(number) for number in range(25, 0, -1)])
    assert draw_splits([turned], seed=1) == draw_splits([tid], seed=1)


def test_a_split_is_the_same_on_every_machine(tid: Dataset):
    expected = ("kodim02", "kodim07", "kodim10", "kodim15", "kodim20")  # by sha256, as drawn once
    assert draw_splits([tid], seed=0).splits[0].test == expected


def test_scenes_that_databases_share_or_may_share_are_in_one_part(live: Dataset, tid: Dataset):
    older = reading("tid2008", [tid_scene(number) for number in range(1, 26)])
    for split in draw_splits([live, tid, older], seed=3).splits:
        parts = split_samples(split, (*live.samples, *tid.samples, *older.samples))
        sides = [{sample.scene for sample in getattr(parts, part)} for part in PARTS]
        for a, b in ((0, 1), (0, 2), (1, 2)):
            assert not sides[a] & sides[b]
            for names, photographs in AMBIGUOUS_SCENES:
                assert not (sides[a] & names and sides[b] & photographs)
                assert not (sides[b] & names and sides[a] & photographs)
        assert all(sides)


def test_every_database_gets_its_share_of_the_test_part():
    many = reading("koniq10k", [f"koniq10k/{number}" for number in range(200)], each=1)
    few = reading("csiq", [f"csiq/{number}" for number in range(20)])
    for split in draw_splits([many, few]).splits:
        assert sum(scene.startswith("csiq/") for scene in split.test) == 4
        assert len(split.test) == 44


def test_three_scenes_give_one_to_each_part_and_two_are_too_few():
    split = draw_splits([reading("mine", ["a", "b", "c"])]).splits[0]
    assert [len(getattr(split, part)) for part in PARTS] == [1, 1, 1]
    with pytest.raises(UsageError, match="2 scenes cannot be split"):
        draw_splits([reading("mine", ["a", "b"])])


def test_samples_of_a_scene_outside_the_split_are_an_error(tid: Dataset, live: Dataset):
    with pytest.raises(UsageError, match="is in no part of this split"):
        split_samples(draw_splits([tid]).splits[0], live.samples)


def test_excluding_scenes_also_excludes_those_that_may_be_the_same(live: Dataset, tid: Dataset):
    kept = {sample.scene for sample in exclude_scenes(live.samples, (s.scene for s in tid.samples))}
    assert len(kept) == 10  # 29 less 11 that are Kodak's and 8 that may be which
    assert "kodim05" not in kept
    assert "live/sailing1" not in kept
    assert "live/monarch" in kept
    some = [sample for sample in tid.samples if sample.scene == "kodim06"]
    assert {"live/sailing1", "live/sailing4"}.isdisjoint(
        s.scene for s in exclude_scenes(live.samples, (s.scene for s in some))
    )
    assert len({sample.scene for sample in exclude_scenes(live.samples, (s.scene for s in some))}) == 25


def test_a_file_of_splits_round_trips_and_names_the_images(tid: Dataset, tmp_path: Path):
    splits = draw_splits([tid], seed=4)
    path = tmp_path / "new" / "splits.json"
    write_splits(path, splits, [tid])
    assert read_splits(path) == splits
    data = json.loads(path.read_text())
    assert data["images"]["kodim01"] == ["tid2013/0_0.png", "tid2013/0_1.png", "tid2013/0_2.png"]
    assert [file.name for file in path.parent.iterdir()] == ["splits.json"]


def test_a_file_is_never_replaced_by_other_splits(tid: Dataset, tmp_path: Path):
    path = tmp_path / "splits.json"
    write_splits(path, draw_splits([tid], seed=4), [tid])
    before = path.read_bytes()
    write_splits(path, draw_splits([tid], seed=4), [tid])
    with pytest.raises(UsageError, match="holds other splits"):
        write_splits(path, draw_splits([tid], seed=5), [tid])
    assert path.read_bytes() == before


def test_a_file_with_a_scene_in_two_parts_is_refused(tid: Dataset, live: Dataset, tmp_path: Path):
    path = tmp_path / "splits.json"
    write_splits(path, draw_splits([tid], count=2), [tid])
    data = json.loads(path.read_text())
    data["splits"][1]["training"].append(data["splits"][1]["test"][0])
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError, match=r"in split 1 the scene kodim.* is in the test part"):
        read_splits(path)
    data["splits"] = [{"training": ["live/ocean"], "validation": ["kodim01"], "test": ["kodim12"]}]
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError, match="in split 0 the scene kodim12 is in the test part"):
        read_splits(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a JSON file"),
        ("[]", "found list"),
        ('{"format": 9}', "found 9"),
        ('{"format": 1, "seed": 1}', "KeyError"),
    ],
)
def test_any_other_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str):
    path = tmp_path / "splits.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        read_splits(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_written_is_an_error(tid: Dataset, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_splits(tmp_path / "file" / "splits.json", draw_splits([tid]), [tid])
