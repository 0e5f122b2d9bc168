"""No split of a protocol tests a scene that it trains on."""

from __future__ import annotations

import pytest
from support.database_trees import LIVE_REFERENCES
from support.database_trees.without_files import reading

from hiqa_cli.errors import UsageError
from hiqa_train.data.splits import draw_splits
from hiqa_train.data.training_split import DatabaseSplit
from hiqa_train.datasets import Dataset
from hiqa_train.datasets.scenes import live_scene, scene_groups, tid_scene
from hiqa_train.evaluation.protocols.eval_splits import (
    EvaluationSplit,
    Study,
    Test,
    cross_database_split,
    evaluation_splits,
)


@pytest.fixture
def live() -> Dataset:
    return reading("live", [live_scene(name) for name in LIVE_REFERENCES], each=6)


@pytest.fixture
def tid() -> Dataset:
    return reading("tid2008", [tid_scene(number) for number in range(1, 26)], each=6)


@pytest.fixture
def newer() -> Dataset:
    return reading("tid2013", [tid_scene(number) for number in range(1, 26)], each=6)


def groups_of(eval_split: EvaluationSplit) -> tuple[set[str], set[str]]:
    """The groups of scenes that may be one picture: known, tested."""
    groups = scene_groups(eval_split.known_scenes | eval_split.tested_scenes)
    return {groups[scene] for scene in eval_split.known_scenes}, {groups[scene] for scene in eval_split.tested_scenes}


def test_no_split_trains_or_validates_on_a_scene_that_it_tests_in_any_database(
    live: Dataset, tid: Dataset, newer: Dataset
):
    study = Study((live, tid, newer), (live, tid, newer))
    eval_splits = evaluation_splits(study, draw_splits(study.datasets, seed=1))
    assert len(eval_splits) == 10
    for eval_split in eval_splits:
        known, tested = groups_of(eval_split)
        assert known
        assert tested
        assert not known & tested
        assert not {s.path for part in eval_split.parts for s in (*part.training, *part.validation)} & {
            s.path for test in eval_split.tests for s in test.samples
        }
        assert all(part.training and part.validation for part in eval_split.parts)


def test_splits_across_two_databases_share_no_scene_either(live: Dataset, tid: Dataset):
    study = Study((live,), (tid,))
    for eval_split in evaluation_splits(study, draw_splits(study.datasets, seed=2, count=4)):
        known, tested = groups_of(eval_split)
        assert not known & tested
        assert [part.name for part in eval_split.parts] == ["live"]
        assert [test.dataset.name for test in eval_split.tests] == ["tid2008"]


def test_scenes_that_both_databases_may_show_are_not_tested(live: Dataset, tid: Dataset):
    eval_split = cross_database_split(Study((live,), (tid,)), seed=0)
    assert sum(len(part.training) + len(part.validation) for part in eval_split.parts) == len(live.samples)
    assert eval_split.parts[0].validation
    known, tested = groups_of(eval_split)
    assert not known & tested
    assert eval_split.tested_scenes == {"kodim02", "kodim07", "kodim15", "tid/i25"}  # in none of LIVE's 19 of Kodak
    assert len(eval_split.tests[0].left_out) == 21
    with pytest.raises(UsageError, match=r"tid2008 has 0 images to test, without the 25 scenes that are trained on"):
        cross_database_split(Study((reading("tid2013", [tid_scene(n) for n in range(1, 26)]),), (tid,)), seed=0)
    with pytest.raises(UsageError, match="tid2008 is trained on and tested"):
        cross_database_split(Study((tid, live), (tid,)), seed=0)


def test_a_split_that_tests_what_it_trains_on_cannot_be_created(live: Dataset, tid: Dataset):
    sailing = tuple(sample for sample in live.samples if sample.scene == "live/sailing2")
    boats = tuple(sample for sample in tid.samples if sample.scene == "kodim10")  # one of those that it may be
    others = tuple(sample for sample in live.samples if sample.scene == "live/monarch")
    for part in (DatabaseSplit("live", sailing, others), DatabaseSplit("live", others, sailing)):
        with pytest.raises(UsageError, match="split 3: the scene kodim10 is trained on and tested"):
            EvaluationSplit(3, (part,), (Test(tid, boats),))
