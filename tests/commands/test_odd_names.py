"""File names with line ends, escapes, formulas and bytes that are no UTF-8, from end to end."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from support.process import RunHiqa, write_picture

from hiqa_cli.commands.app import run
from hiqa_cli.errors import UsageError

pytestmark = pytest.mark.skipif(os.uname().sysname != "Linux" if os.name == "posix" else True, reason="Linux only")

NAMES = (b"cr\rx.png", b"new\nline.png", b"\x1b[2Jclear.png", b"=1+1.png", b"caf\xe9.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("odd")
    for seed, name in enumerate(NAMES):
        write_picture(bytes(home) + b"/" + name, seed)
    return home


def test_odd_names_go_through_pipe_table_and_resuming(folder: Path, run_hiqa: RunHiqa, tiny_weights: Path) -> None:
    call = ["score", *map(os.fsdecode, NAMES), "--csv", "out.csv", "--csv-safe"]
    first = run_hiqa(*call, weights=tiny_weights, cwd=folder)
    assert first.code == 0
    shown = [line.split(b"\t")[1] for line in first.out.split(b"\n")[:-1]]
    assert shown == [b"cr\\rx.png", b"new\\nline.png", b"\\x1b[2Jclear.png", b"=1+1.png", b"caf\xe9.png"]
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        written = [row["path"] for row in csv.DictReader(file)]
    assert written == ["cr\rx.png", "new\nline.png", "\x1b[2Jclear.png", "'=1+1.png", "caf\\udce9.png"]
    again = run_hiqa(*call, "--resume", "--print0", "--sort", "path", weights=tiny_weights, cwd=folder)
    assert again.code == 0
    assert "5 images scored, 5 of them by an earlier run" in again.messages[-1]
    assert again.out.split(b"\0") == [*sorted(NAMES), b""]


def test_paths_of_hallucinations_can_end_in_nul(folder: Path, run_hiqa: RunHiqa, tiny_weights: Path) -> None:
    name = os.fsdecode(NAMES[1])
    done = run_hiqa("hallucinate", name, "-o", "made", "--print0", weights=tiny_weights, cwd=folder)
    assert done.out == b"made/new\nline.hallucination.png\0made/new\nline.discrepancy.png\0"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--csv", "-", "--print0"], "--print0 writes to standard output, as does the table"),
        (["--jsonl", "-", "--print0"], "--print0 writes to standard output, as does the table"),
        (["--format", "github", "--print0"], "--format github and --print0 both use standard output"),
        (["--csv-safe"], "--csv-safe changes how --csv writes; give --csv FILE"),
    ],
)
def test_what_goes_to_standard_output_is_one_thing(arguments: list[str], expected: str) -> None:
    with pytest.raises(UsageError) as refused:
        run(["score", "a.png", *arguments])
    assert expected in str(refused.value)
