"""What is an address, how it reads without its secrets, and what lies at one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.process import picture_bytes, write_picture

from hiqa_cli.errors import DependencyError, UsageError
from hiqa_cli.files.remote.address import is_address, scrubbed, shown, split_member
from hiqa_cli.scoring.inputs import InputOptions, Inputs, find_inputs


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://bucket/a.jpg", "s3://bucket/a.jpg"),
        ("https://me:secret@host/a.jpg", "https://host/a.jpg"),
        ("https://h/a.jpg?X-Amz-Signature=ab&X-Amz-Date=1&id=5", "https://h/a.jpg?id=5"),
        ("https://h/a.jpg?sv=1&sr=b&sig=abc%3D&se=2030", "https://h/a.jpg"),
        ("https://h/s.tar?access_token=t::a/b.jpg", "https://h/s.tar::a/b.jpg"),
        ("https://h/a.jpg?width=5&page=2#x", "https://h/a.jpg?width=5&page=2#x"),
        ("C:\\photos\\a.jpg", "C:\\photos\\a.jpg"),
    ],
)
def test_an_address_reads_without_user_password_and_signature(address: str, expected: str) -> None:
    assert shown(address) == expected
    assert scrubbed(f"Cannot GET\n{address}").endswith(expected)


def test_members_are_told_from_files_of_that_name(tmp_path: Path) -> None:
    name = str(tmp_path / "x.tar::a.png")
    assert split_member("s3://b/x.tar::a/b.jpg") == ("s3://b/x.tar", "a/b.jpg")
    assert split_member("a::b.jpg") == ("a::b.jpg", None)
    assert is_address(name)
    write_picture(name)
    assert not is_address(name)


def find(*paths: str, recursive: bool = False, exclude: tuple[str, ...] = (), files_from: str | None = None) -> Inputs:
    return find_inputs(InputOptions(paths, recursive, files_from, exclude=exclude))


def names(found: Inputs) -> list[str]:
    return [image.name for image in found.images]


@pytest.fixture(scope="module")
def memory() -> str:
    """A folder in fsspec's memory."""
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for name in ("a.png", "b.JPG", "notes.txt", ".hidden.png", "sub/c.png", "sub/raw/d.png"):
        system.pipe(f"/photos/{name}", picture_bytes(1))
    return "memory://photos"


def test_folders_and_patterns_at_a_url(memory: str) -> None:
    assert names(find(memory)) == [f"{memory}/a.png", f"{memory}/b.JPG"]
    everything = [f"{memory}/{name}" for name in ("a.png", "b.JPG", "sub/c.png", "sub/raw/d.png")]
    assert names(find(memory, recursive=True)) == everything
    found = find(memory, recursive=True, exclude=("raw/",))
    assert (names(found), found.excluded) == (everything[:3], 1)
    assert names(find(f"{memory}/*.png")) == [f"{memory}/a.png"]
    assert names(find(f"{memory}/**/*.png")) == [everything[0], *everything[2:]]
    (nothing,) = find(f"{memory}/sub/*.jpg").images
    assert nothing.problem == "no image in this folder"


def test_what_is_not_asked_for_is_not_looked_at(memory: str) -> None:
    (image,) = find("memory://nowhere/a.png").images
    assert (image.path, image.problem) == ("memory://nowhere/a.png", "")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_archives_list_their_images(tmp_path: Path, kind: str, write_archive: Any) -> None:
    archive = tmp_path / f"shard.{kind}"
    write_archive(archive, {"b/1.png": picture_bytes(1), "a.txt": b"text", "a.png": picture_bytes(2)})
    assert names(find(str(archive))) == [f"{archive}::b/1.png", f"{archive}::a.png"]
    assert names(find(f"{archive}::a.png")) == [f"{archive}::a.png"]
    archive.write_bytes(b"no archive")
    (image,) = find(str(archive)).images
    assert image.problem == f"no {kind} archive, or a damaged one: {archive}"


def test_a_column_of_paths(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow.parquet")
    import pyarrow as pa

    write_picture(tmp_path / "a, b.png")
    table = tmp_path / "list.csv"
    table.write_text(f'id,path\n1,"{tmp_path}/a, b.png"\n2,\n3,s3://bucket/c.png\n')
    expected = [f"{tmp_path}/a, b.png", "s3://bucket/c.png"]
    assert names(find(files_from=f"{table}::path")) == expected
    pyarrow.write_table(pa.table({"n": [1, 2, 3], "file": [*expected, None]}), tmp_path / "list.parquet")
    assert names(find(files_from=f"{tmp_path}/list.parquet::file")) == expected
    with pytest.raises(UsageError, match=r"list.parquet has no column path; its columns are n, file"):
        find(files_from=f"{tmp_path}/list.parquet::path")
    with pytest.raises(UsageError, match=r"column n of .* holds int64, expected text"):
        find(files_from=f"{tmp_path}/list.parquet::n")
    with pytest.raises(UsageError, match=r"none.csv cannot be read: no such file or directory"):
        find(files_from="none.csv::path")


def test_a_missing_library_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    with pytest.raises(UsageError, match="nonsense:// is no kind of address that fsspec knows"):
        find("nonsense://a/b.png")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(DependencyError, match=r"s3:// needs fsspec, which is not installed; pip install 'hiqa\[remote"):
        find("s3://bucket/a.png")
