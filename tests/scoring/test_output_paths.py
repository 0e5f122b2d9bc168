"""Output paths: no collisions, nothing outside the folder, no input overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hiqa_cli.errors import UsageError
from hiqa_cli.scoring.inputs import Input, InputOptions, find_inputs
from hiqa_cli.scoring.output_paths import check_output_paths, plan_output_paths

KIND = "hallucination"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inputs(*paths: str, recursive: bool = False) -> list[Input]:
    for path in paths:
        if not path.endswith("/") and path != "-" and not os.path.lexists(path):
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            Path(path).touch()
    found = find_inputs(InputOptions(tuple(paths), recursive))
    return found.images


def planned(images: list[Input]) -> list[str]:
    plans = plan_output_paths(images, Path("out"), [KIND])
    return [os.path.relpath(plan.pictures[KIND], "out").removesuffix(f".{KIND}.png") if plan else "" for plan in plans]


def check(images: list[Input], folder: Path = Path("out"), may_exist: bool = False) -> None:
    plans = plan_output_paths(images, folder, [KIND])
    check_output_paths(plans, images, folder, may_exist=may_exist, hint="go elsewhere")


def test_a_picture_is_named_after_the_stem_of_its_input() -> None:
    assert planned(inputs("photos/deep/a.jpg")) == ["a"]


def test_folders_are_mirrored_below_the_common_root() -> None:
    assert planned(inputs("p/x/a.jpg", "p/y/a.jpg", "p/b.jpg")) == ["x/a", "y/a", "b"]


def places(*paths: str) -> list[str]:
    """Where images are mirrored that need not exist."""
    return planned([Input(path, os.path.dirname(path)) for path in paths])


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (("/mnt/photos/a.jpg", "/home/me/b.jpg"), ["photos/a", "me/b"]),
        (("/mnt/photos/a.jpg", "/home/photos/a.jpg"), ["mnt/photos/a", "home/photos/a"]),
        (("/mnt/photos/x/a.jpg", "/mnt/photos/b.jpg", "/home/me/c.jpg"), ["photos/x/a", "photos/b", "me/c"]),
        (("/q/b/x/a.jpg", "/q/b/c.jpg", "/p/b/x/a.jpg"), ["b/x/a", "b/c", "x/a"]),
        (("/mnt/b/a.jpg", "/home/b/x/a.jpg", "/tmp/x/a.jpg"), ["b/a", "home/b/x/a", "tmp/x/a"]),
        (("/a.jpg", "/home/me/b.jpg"), ["a", "home/me/b"]),
    ],
)
def test_folders_without_a_common_root_are_told_apart_by_their_last_names(
    paths: tuple[str, ...], expected: list[str]
) -> None:
    assert places(*paths) == expected


def test_an_absolute_path_beside_a_relative_one_makes_no_path_of_the_system(tmp_path: Path) -> None:
    Path("mine").mkdir()
    assert places("/etc/a.jpg", "mine/b.jpg") == ["etc/a", "mine/b"]


def test_a_given_folder_is_the_root_whatever_it_contains() -> None:
    os.makedirs("p/one")
    Path("p/one/a.jpg").touch()
    assert planned(inputs("p/", recursive=True)) == ["one/a"]


def test_a_missing_file_that_reappears_does_not_move_the_others() -> None:
    images = inputs("p/a.jpg")
    found = find_inputs(InputOptions(("p/a.jpg", "q/b.jpg", "q/*.gif")))
    assert planned(found.images) == ["p/a", "", ""]
    assert planned([*images, *inputs("q/b.jpg")]) == ["p/a", "q/b"]


def test_files_with_the_same_folder_and_stem_use_their_full_names() -> None:
    assert planned(inputs("a.jpg", "a.png", "b.png")) == ["a.jpg", "a.png", "b"]


def test_a_full_name_that_is_another_files_stem_does_not_collide() -> None:
    names = planned(inputs("a.png", "a.jpg", "a.png.tif"))
    assert names == ["a.png", "a.jpg", "a.png.tif"]


def test_names_that_differ_only_in_case_or_composition_do_not_share_a_stem() -> None:
    assert planned(inputs("A.jpg", "a.png")) == ["A.jpg", "a.png"]
    assert planned(inputs("é.jpg", "e\u0301.png")) == ["é.jpg", "e\u0301.png"]


def test_a_file_given_twice_has_one_target() -> None:
    assert planned(inputs("a.jpg", "./a.jpg", "a.jpg")) == ["a", "a", "a"]


def test_parent_folders_never_lead_out() -> None:
    os.makedirs("w")
    os.chdir("w")
    for name in planned(inputs("../a.jpg", "b.jpg", "../x/../c.jpg")):
        assert ".." not in name.split("/")


def test_the_parent_of_a_link_is_resolved_by_the_file_system() -> None:
    os.makedirs("far/deep")
    Path("link").symlink_to("far/deep")
    Path("far/a.jpg").touch()
    assert planned(inputs("link/../a.jpg", "a.jpg")) == ["far/a", "a"]


def test_standard_input_has_a_unique_name() -> None:
    assert planned(inputs("-", "stdin.png")) == ["stdin", "stdin.png"]
    assert planned(inputs("-", "stdin")) == ["-", "stdin"]


def test_an_existing_picture_is_refused_by_name_before_work() -> None:
    images = inputs("a.jpg", "b.jpg")
    os.makedirs("out")
    Path("out/b.hallucination.png").touch()
    with pytest.raises(UsageError, match=r"out/b\.hallucination\.png exists already; go elsewhere"):
        check(images)
    check(images, may_exist=True)


def test_an_input_is_never_overwritten() -> None:
    images = inputs("a.jpg", "a.hallucination.png")
    with pytest.raises(UsageError, match="one of the input images"):
        check(images, Path("."), may_exist=True)


def test_a_link_that_leads_out_of_the_output_folder_is_refused() -> None:
    images = inputs("p/x/a.jpg", "p/b.jpg")
    os.makedirs("out")
    os.makedirs("elsewhere")
    Path("out/x").symlink_to("../elsewhere")
    with pytest.raises(UsageError, match="leads out"):
        check(images)


def test_a_folder_that_cannot_be_created_is_refused() -> None:
    images = inputs("a.jpg")
    Path("file").touch()
    with pytest.raises(UsageError, match="not a folder"):
        check(images, Path("file/out"))
    with pytest.raises(UsageError, match=r"\./-"):
        check(images, Path("-"))
