"""What a search leaves out: what is no file to read, folders of devices and systems, and what --exclude names."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hiqa_cli.errors import UsageError
from hiqa_cli.scoring.exclusion import SYSTEM_FOLDERS
from hiqa_cli.scoring.inputs import InputOptions, Inputs, find_inputs

FILES = (
    "photos/a.png",
    "photos/a_small.png",
    "photos/raw/b.png",
    "photos/raw/keep/c.png",
    "photos/trip/raw/d.png",
    "photos/@eaDir/SYNOPHOTO_THUMB_M.jpg",
    "photos/trip/#recycle/e.png",
)


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of empty files: finding inputs reads no image."""
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def find(*paths: str, exclude: tuple[str, ...] = (), files_from: str | None = None) -> Inputs:
    return find_inputs(InputOptions(paths, recursive=True, files_from=files_from, exclude=exclude))


def names(found: Inputs) -> list[str]:
    return [image.path for image in found.images if not image.problem]


VISIBLE = sorted(name for name in FILES if "@" not in name and "#" not in name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_only_regular_files_are_read_from_a_folder_or_a_pattern(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo("photos/pipe.png")
    os.symlink("pipe.png", "photos/link.png")
    monkeypatch.chdir(photos / "photos")  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")
        monkeypatch.chdir(photos)
        assert names(find("photos")) == VISIBLE
        assert names(find("photos/*.png")) == ["photos/a.png", "photos/a_small.png"]
        assert names(find("photos/pipe.png")) == ["photos/pipe.png"]  # named: read, once its writer comes


def test_folders_of_devices_and_systems_are_not_searched(photos: Path) -> None:
    for name in SYSTEM_FOLDERS:
        (photos / "photos/trip" / name).mkdir(exist_ok=True)
        (photos / "photos/trip" / name / "x.png").touch()
    found = find("photos")
    assert names(found) == VISIBLE
    assert found.excluded == len(SYSTEM_FOLDERS) + 1
    assert names(find("photos/**/*.png")) == VISIBLE


def test_such_a_folder_is_searched_if_it_is_named_or_taken_back() -> None:
    assert names(find("photos/@eaDir")) == ["photos/@eaDir/SYNOPHOTO_THUMB_M.jpg"]
    assert names(find("photos/@eaDir/*.jpg")) == ["photos/@eaDir/SYNOPHOTO_THUMB_M.jpg"]
    found = names(find("photos", exclude=("!@eaDir/",)))
    assert "photos/@eaDir/SYNOPHOTO_THUMB_M.jpg" in found
    assert "photos/trip/#recycle/e.png" not in found


@pytest.mark.parametrize(
    ("exclude", "left_out"),
    [
        (("*_small.png",), ["photos/a_small.png"]),
        (("raw/",), ["photos/raw/b.png", "photos/raw/keep/c.png", "photos/trip/raw/d.png"]),
        (("/raw/",), ["photos/raw/b.png", "photos/raw/keep/c.png"]),
        (("photos/raw/",), ["photos/raw/b.png", "photos/raw/keep/c.png"]),
        (("./photos/raw/",), ["photos/raw/b.png", "photos/raw/keep/c.png"]),
        (("trip/raw",), ["photos/trip/raw/d.png"]),
        (("raw/*", "!raw/keep/"), ["photos/raw/b.png"]),
        (("photos/raw/*", "!photos/raw/keep/"), ["photos/raw/b.png"]),
        (("**/raw/*.png", "a?small*"), ["photos/raw/b.png", "photos/trip/raw/d.png", "photos/a_small.png"]),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("folder", ["photos", "./photos/", "photos/**/*.png"])
def test_patterns_follow_the_rules_of_gitignore_from_the_folder(
    exclude: tuple[str, ...], left_out: set[str], folder: str
) -> None:
    found = {os.path.normpath(name) for name in names(find(folder, exclude=exclude))}
    assert found == set(VISIBLE) - set(left_out)


def test_a_pattern_may_begin_with_the_sign_of_a_comment(photos: Path) -> None:
    (photos / "photos/#old.png").touch()
    assert "photos/#old.png" in names(find("photos"))
    assert "photos/#old.png" not in names(find("photos", exclude=("#old.png",)))


def test_files_and_folders_that_are_named_are_left_out_too() -> None:
    Path("list").write_text("photos/a.png\nphotos/a_small.png\nphotos/raw\n")
    found = find("photos/a_small.png", "photos/trip", files_from="list", exclude=("*_small.png", "raw/"))
    assert names(found) == ["photos/a.png"]
    assert [image.problem for image in found.images if image.problem] == ["no image in this folder; 2 excluded"]
    assert names(find("photos/*.png", exclude=("photos",))) == ["photos/a.png", "photos/a_small.png"]  # not named
    nothing = find("photos/a_small.png", exclude=("*_small.png",))
    assert (nothing.images, nothing.why_empty) == ([], "--exclude leaves out all 1 named")


def test_a_line_end_in_a_name_does_not_hide_what_is_left_out(photos: Path) -> None:
    (photos / "photos/new\nline/raw").mkdir(parents=True)
    (photos / "photos/new\nline/raw/x.png").touch()
    assert names(find("photos", exclude=("raw/", "@eaDir/"))) == ["photos/a.png", "photos/a_small.png"]


@pytest.mark.parametrize("pattern", ["", "!", "/", "a\\", "[z-a]"])
def test_a_pattern_that_makes_no_sense_is_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="--exclude: expected a pattern such as"):
        find("photos", exclude=(pattern,))
