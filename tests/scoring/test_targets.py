"""Output files of commands: an input is never one, by whatever name, and two runs never write the same one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.process import write_picture

from hiqa_cli.commands.app import run
from hiqa_cli.errors import UsageError, WeightsError
from hiqa_cli.files.output_checks import claimed_outputs

NEVER_LOADED = ("--weights", "not-even-looked-at")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "a.png")
    (tmp_path / "list.txt").write_text("a.png\n")
    return tmp_path


@pytest.mark.parametrize("option", ["--csv", "--jsonl", "--report"])
def test_a_hard_link_to_an_input_is_not_overwritten(option: str, folder: Path) -> None:
    os.link("a.png", "out")
    before = Path("a.png").read_bytes()
    with pytest.raises(UsageError, match=r"out.* is one of the input "):
        run(["score", "a.png", option, "out", "--overwrite", *NEVER_LOADED])
    assert Path("a.png").read_bytes() == before


def test_a_list_of_names_is_not_overwritten(folder: Path) -> None:
    os.link("list.txt", "out.csv")
    for target in ("list.txt", "out.csv"):
        with pytest.raises(UsageError, match="is the list of --files-from"):
            run(["score", "--files-from", "list.txt", "--csv", target, "--overwrite", *NEVER_LOADED])
    assert Path("list.txt").read_text() == "a.png\n"


def test_two_tables_are_not_one_file_by_a_hard_link(folder: Path) -> None:
    Path("one").touch()
    os.link("one", "other")
    with pytest.raises(UsageError, match="same file"):
        run(["score", "a.png", "--csv", "one", "--jsonl", "other", *NEVER_LOADED])


@pytest.mark.parametrize("option", ["--csv", "--jsonl", "--report"])
def test_the_second_run_with_a_target_is_refused_before_any_work(option: str, folder: Path) -> None:
    call = ["score", "a.png", option, "out", *NEVER_LOADED]
    with claimed_outputs(("--csv", "out")), pytest.raises(UsageError, match=f"{option} out: another run is writing it"):
        run(call)
    with pytest.raises(WeightsError):
        run(call)
    assert sorted(os.listdir()) == ["a.png", "list.txt"]


@pytest.mark.parametrize(
    "call",
    [
        ["report", "run.jsonl", "-o"],
        ["compare", "run.jsonl", "run.jsonl", "--report"],
        ["report", "a.png", *NEVER_LOADED, "-o"],
    ],
)
def test_the_second_report_with_a_target_is_refused(call: list[str], folder: Path) -> None:
    Path("run.jsonl").touch()
    with (
        claimed_outputs(("-o", "page.html")),
        pytest.raises(UsageError, match="another run is writing it"),
    ):
        run([*call, "page.html"])
