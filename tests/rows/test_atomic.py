"""Atomic writes: the old file or the new one, never half of one, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hiqa_cli.errors import OutputError, UsageError
from hiqa_cli.files import atomic
from hiqa_cli.files.atomic import (
    atomic_file,
    atomic_folder,
    make_temporary_folder,
    open_temporary,
    remove_leftovers,
    resumable_file,
    write_bytes,
    write_json,
)
from hiqa_cli.files.output_checks import (
    check_new_file,
    check_output_file,
    check_output_folder,
    claimed_outputs,
    file_id,
    is_same_target,
)

posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")


def test_an_error_in_the_block_keeps_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"old")
    with pytest.raises(TypeError), atomic_file(target) as file:
        file.writelines([b"new", "text"])  # type: ignore[list-item]
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_missing_folders_are_created_and_the_file_replaced(tmp_path: Path) -> None:
    target = tmp_path / "b" / "c" / "a.json"
    for value in (1, [2]):
        write_json(target, value)
    assert target.read_bytes() == b"[\n 2\n]\n"
    assert list(target.parent.iterdir()) == [target]


@posix_only
def test_preserve_keeps_permissions_and_writes_through_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "private", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    with atomic_file(link, preserve=True) as file:
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob(".hiqa-*")} == {0o600}
        file.write(b"new")
    assert link.is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new", 0o640)


def test_a_fixed_temporary_name_reuses_what_a_killed_process_left(tmp_path: Path) -> None:
    target, temporary = tmp_path / "last.ckpt", tmp_path / "last.ckpt.part"
    temporary.write_bytes(b"left behind, and longer than the new file")
    with atomic_file(target, temporary=temporary) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_the_old_one_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "models"
    for name in ("old", "new"):
        with atomic_folder(target) as folder:
            (folder / name).write_bytes(b"")
            assert folder != target
    with pytest.raises(ValueError, match="stop"), atomic_folder(target):
        raise ValueError("stop")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_what_cannot_be_written_is_one_line_with_its_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"file/a cannot be written: .*; make room$"):
        write_bytes(tmp_path / "file" / "a", b"data", "make room")


def test_unfinished_files_are_removed_when_the_process_ends(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from hiqa_cli.files.atomic import temporary_path\n"
        "temporary_path(Path(sys.argv[1]) / 'a').write_bytes(b'x'); temporary_path(Path(sys.argv[1]) / 'b').mkdir()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []


def test_an_output_file_is_checked_before_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"")
    check_output_file(tmp_path / "new", "--csv")
    for path, reason in (
        ("", "is a folder, expected a file"),
        ("no/x", "no such folder"),
        ("there/x", "not a directory"),
    ):
        with pytest.raises(UsageError, match=rf"--csv .*: {reason}"):
            check_output_file(tmp_path / path, "--csv")
    with pytest.raises(UsageError, match="exists already; replace it by --overwrite"):
        check_new_file(tmp_path / "there", "--json", overwrite=False)
    check_new_file(tmp_path / "there", "--json", overwrite=True)
    check_new_file(None, "--json", overwrite=False)


def test_an_output_folder_is_checked_by_its_nearest_existing_parent(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    check_output_folder(tmp_path / "a" / "b")
    with pytest.raises(UsageError, match=r"file is not a folder; .*file/a cannot be created"):
        check_output_folder(tmp_path / "file" / "a")
    with pytest.raises(UsageError, match="expected a folder, found -"):
        check_output_folder(Path("-"))


@contextlib.contextmanager
def process_that_did(work: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Another process that has done this work and waits; gives a function that kills it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _kept = work()
            os.write(writing, b"x")
            while True:
                signal.pause()
        finally:
            os._exit(1)
    os.close(writing)

    def kill() -> None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    try:
        assert os.read(reading, 1), "the work failed"
        yield kill
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            kill()
        os.close(reading)


@posix_only
def test_what_a_killed_process_left_is_removed_by_the_next_write_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin() -> object:
        make_temporary_folder(tmp_path / "folder").joinpath("x").write_bytes(b"half")
        return open_temporary(tmp_path / "file"), open_temporary(tmp_path / "closed")[1].close()

    monkeypatch.setattr(atomic, "_swept", set())
    with process_that_did(begin) as kill:
        remove_leftovers(tmp_path)
        assert len(list(tmp_path.iterdir())) == 3  # at work
        kill()
    monkeypatch.setattr(atomic, "_swept", set())
    (tmp_path / ".hiqa-notes.part").write_bytes(b"of somebody else")
    write_bytes(tmp_path / "new", b"data")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hiqa-notes.part", "new"]


@posix_only
def test_a_file_that_another_run_writes_is_refused_until_that_run_is_gone_however_it_ends(tmp_path: Path) -> None:
    target, link = tmp_path / "out.csv", tmp_path / "link.csv"
    link.symlink_to(target)

    def begin() -> object:
        claim = claimed_outputs(("--csv", target))
        claim.__enter__()
        return claim

    with process_that_did(begin) as kill:
        for path in (target, link):
            with pytest.raises(UsageError, match="csv: another run is writing it; wait"), claimed_outputs(("-o", path)):
                pytest.fail("two runs write one file")
        with claimed_outputs(("--csv", tmp_path / "other.csv")):
            pass
        kill()
    for _ in range(2):
        with claimed_outputs(("--csv", target), ("--jsonl", None)):
            pass
    assert list(tmp_path.iterdir()) == [link]


def test_a_device_and_a_folder_that_cannot_be_written_to_are_not_claimed(tmp_path: Path) -> None:
    targets = [("--csv", path) for path in (os.devnull, tmp_path / "missing" / "out.csv")]
    with claimed_outputs(*targets), claimed_outputs(*targets):
        assert list(tmp_path.iterdir()) == []


def test_hard_links_are_one_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"")
    os.link(one, other)
    assert file_id(one) == file_id(other) is not None
    assert is_same_target(one, other)
    assert is_same_target(tmp_path / "new", tmp_path / "." / "new")
    assert not is_same_target(one, tmp_path / "new")
    assert file_id(tmp_path / "new") is None


def test_a_file_that_is_written_in_pieces_continues_after_an_error_and_has_one_writer(tmp_path):
    target = tmp_path / "new" / "large"
    with contextlib.suppress(ZeroDivisionError), resumable_file(target) as file:
        file.write(b"first, ")
        raise ZeroDivisionError
    assert [path.name for path in target.parent.iterdir()] == ["large.part"]
    with resumable_file(target) as file:
        if sys.platform != "win32":
            with pytest.raises(BlockingIOError, match="another process"), resumable_file(target):
                pass
        file.write(b"second")
    assert target.read_bytes() == b"first, second"
    with contextlib.suppress(ZeroDivisionError), resumable_file(tmp_path / "wrong") as file:
        file.write(b"x")
        file.truncate(0)
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
