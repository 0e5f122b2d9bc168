"""Finding inputs: paths, folders, patterns, lists, standard input."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from hiqa_cli.engine.outputs.png_writer import PngWriter, own_text
from hiqa_cli.errors import UsageError
from hiqa_cli.scoring.inputs import InputOptions, Inputs, find_inputs


def find(*paths: str, recursive: bool = False, files_from: str | None = None, nul: bool = False) -> Inputs:
    return find_inputs(InputOptions(paths, recursive, files_from, nul))


def names(found: Inputs) -> list[str]:
    return [entry.path for entry in found.images if not entry.problem]


def problems(found: Inputs) -> dict[str, str]:
    return {entry.path: entry.problem for entry in found.images if entry.problem}


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of empty files: finding inputs reads no image."""
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "sub/c.webp", "sub/deep/d.tif"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_hiqa_output(path: Path) -> None:
    import numpy as np

    png = PngWriter(path, 2, 2, 3, own_text("hallucination", "00000000"))
    png.write(np.zeros((2, 2, 3), np.uint8))
    png.finish()
    png.commit()


def test_a_folder_gives_its_visible_images_by_name(photos: Path) -> None:
    assert names(find("photos")) == ["photos/a.png", "photos/b.JPG"]


def test_subfolders_are_read_when_asked_for(photos: Path) -> None:
    expected = ["photos/a.png", "photos/b.JPG", "photos/sub/c.webp", "photos/sub/deep/d.tif"]
    assert names(find("photos", recursive=True)) == expected


def test_links_to_folders_are_skipped_and_links_to_files_are_not(photos: Path) -> None:
    (photos / "photos/loop").symlink_to(photos / "photos")
    (photos / "photos/z.png").symlink_to(photos / "photos/a.png")
    (photos / "photos/folder.png").symlink_to(photos / "photos/sub")
    found = names(find("photos", recursive=True))
    assert "photos/z.png" in found
    assert not [name for name in found if "loop" in name or "folder" in name]


def test_a_circular_link_becomes_an_input(photos: Path) -> None:
    (photos / "photos/circle.png").symlink_to("circle.png")
    assert "photos/circle.png" in names(find("photos"))


def test_hiqas_output_in_folders_is_skipped_and_counted(photos: Path) -> None:
    write_hiqa_output(photos / "photos/a.hallucination.png")
    found = find("photos")
    assert found.outputs_skipped == 1
    assert names(found) == ["photos/a.png", "photos/b.JPG"]


def test_hiqas_output_is_scored_if_it_is_named(photos: Path) -> None:
    write_hiqa_output(photos / "own.png")
    assert names(find("own.png")) == ["own.png"]


def test_a_folder_without_images_is_an_error_with_the_reason(photos: Path) -> None:
    (photos / "empty/sub").mkdir(parents=True)
    write_hiqa_output(photos / "empty/own.png")
    (problem,) = problems(find("empty")).values()
    assert problem.startswith("no image in this folder")
    assert "1 picture written by hiqa skipped" in problem
    assert "-r" in problem


def test_a_pattern_that_the_shell_did_not_expand_is_expanded(photos: Path) -> None:
    assert names(find("photos/*.[pJ]*")) == ["photos/a.png", "photos/b.JPG"]
    assert names(find("photos/**/*.tif")) == ["photos/sub/deep/d.tif"]


def test_a_path_that_exists_is_taken_literally_before_it_is_a_pattern(photos: Path) -> None:
    (photos / "[a].png").touch()
    (photos / "a.png").touch()
    assert names(find("[a].png")) == ["[a].png"]


def test_a_pattern_without_a_match_is_an_error_row_in_its_place(photos: Path) -> None:
    found = find("nope.png", "photos/a.png", "*.gif", "")
    assert [entry.path for entry in found.images] == ["nope.png", "photos/a.png", "*.gif", ""]
    assert set(problems(found)) == {"nope.png", "*.gif", ""}


def test_a_broken_link_is_distinguished_from_a_missing_file(photos: Path) -> None:
    (photos / "dead.png").symlink_to("gone.png")
    assert "link" in problems(find("dead.png"))["dead.png"]


def test_a_list_is_read_line_by_line_with_any_line_ends(photos: Path) -> None:
    (photos / "list.txt").write_bytes(b"\xef\xbb\xbfphotos/a.png\r\n\nphotos/b.JPG")
    assert names(find(files_from="list.txt")) == ["photos/a.png", "photos/b.JPG"]


def test_a_list_of_nul_separated_names_keeps_line_ends_and_any_bytes(photos: Path) -> None:
    odd = [b"new\nline.png", b"caf\xe9.png", b" space .png"]
    for name in odd:
        Path(os.fsdecode(name)).touch()
    (photos / "list").write_bytes(b"\0".join(odd) + b"\0")
    assert [os.fsencode(name) for name in names(find(files_from="list", nul=True))] == odd


def test_a_list_takes_patterns_and_dashes_literally(photos: Path) -> None:
    (photos / "-").touch()
    (photos / "list").write_text("-\nphotos/*.png\n")
    found = find(files_from="list")
    assert names(found) == ["-"]
    assert not found.images[0].is_standard_input
    assert problems(found) == {"photos/*.png": "no such file or folder"}


def test_a_nul_separated_list_without_its_option_is_refused(photos: Path) -> None:
    (photos / "list").write_bytes(b"a.png\0b.png\0")
    with pytest.raises(UsageError, match="-0"):
        find(files_from="list")


def test_a_list_can_come_from_standard_input(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"photos/a.png\n"), encoding="cp1252")
    monkeypatch.setattr(sys, "stdin", stream)
    assert names(find("photos/b.JPG", files_from="-")) == ["photos/b.JPG", "photos/a.png"]


@pytest.mark.parametrize(
    ("paths", "options"),
    [
        ((), {}),
        (("-", "-"), {}),
        (("-",), {"files_from": "-"}),
        (("a.png",), {"nul": True}),
        ((), {"files_from": "missing-list"}),
        ((), {"files_from": "."}),
    ],
)
def test_contradictory_inputs_are_refused(paths: tuple[str, ...], options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        find(*paths, **options)  # type: ignore[arg-type]


def test_very_deep_folders_are_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    limit = sys.getrecursionlimit()
    deep = os.path.join(*["d"] * 300)
    os.makedirs(deep)
    Path(deep, "x.png").touch()
    sys.setrecursionlimit(200)
    try:
        found = find("d", recursive=True)
    finally:
        sys.setrecursionlimit(limit)
    assert len(names(found)) == 1
