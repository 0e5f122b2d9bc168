"""One name for one scene in every database, and groups of scenes that may be the same."""

from __future__ import annotations

from support.database_trees import LIVE_REFERENCES

from hiqa_train.datasets.scenes import AMBIGUOUS_SCENES, LIVE_TO_KODAK, live_scene, scene_groups, table_scene, tid_scene


def test_a_kodak_photograph_has_one_name_in_live_tid_and_tables():
    assert live_scene("bikes") == live_scene("Bikes") == tid_scene(5) == table_scene("mine", "KODIM05") == "kodim05"
    assert tid_scene(25) == "tid/i25"
    assert table_scene("mine", "bikes") == "mine/bikes"


def test_19_of_lives_29_references_are_kodaks_11_of_them_unambiguous():
    unsure = {name for names, _ in AMBIGUOUS_SCENES for name in names}
    scenes = [live_scene(name) for name in LIVE_REFERENCES]
    assert len(set(scenes)) == 29
    assert sum(scene.startswith("kodim") for scene in scenes) == len(LIVE_TO_KODAK) == 11
    assert len(unsure & set(scenes)) == 8


def test_no_photograph_is_both_unambiguous_and_ambiguous():
    sure = {tid_scene(number) for number in LIVE_TO_KODAK.values()}
    perhaps = [photograph for _, photographs in AMBIGUOUS_SCENES for photograph in photographs]
    assert len(perhaps) == len(set(perhaps))
    assert not sure & set(perhaps)


def test_scenes_that_may_be_the_same_form_a_group_if_both_databases_are_given():
    groups = scene_groups(["live/ocean", "kodim12", "kodim16", "kodim05", "live/house"])
    assert groups["live/ocean"] == groups["kodim12"] == groups["kodim16"]
    assert groups["kodim05"] == "kodim05"
    assert groups["live/house"] == "live/house"  # neither of its photographs is given


def test_within_one_database_every_scene_is_a_group_of_its_own():
    live = [live_scene(name) for name in LIVE_REFERENCES]
    tid = [tid_scene(number) for number in range(1, 26)]
    assert len(set(scene_groups(live).values())) == 29
    assert len(set(scene_groups(tid).values())) == 25
