"""hiqa on a terminal, with a closed pipe and under signals: real processes and a pseudo-terminal."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.process import HIQA, TIMEOUT, environment, obey_signals, picture_bytes, write_picture

pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONG = "a name that is longer than any terminal is wide " * 3 + "[bold]x[red].png"
ONE_BY_ONE = ["--batch-size", "1"]  # 9 tiles an image, one after the other
IMAGES = 6


def at_terminal(
    *arguments: str,
    cwd: Path,
    stdout_too: bool = True,
    command: Sequence[str] = HIQA[1:],
    **env: str,
) -> tuple[int, str, bytes]:
    """(exit code, output of the terminal, output of standard output)."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *command, *arguments],
        cwd=cwd,
        stdin=end,
        stdout=end if stdout_too else subprocess.PIPE,
        stderr=end,
        env=environment(None, **env),
    )
    os.close(end)
    seen = bytearray()
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how Linux says that nobody holds the other end any more
            break
        if not piece:
            break
        seen += piece
    os.close(terminal)
    out, _ = process.communicate(timeout=TIMEOUT)
    return process.returncode, seen.decode("utf-8", "surrogateescape"), out or b""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("terminal")
    for seed, name in enumerate((LONG, os.fsdecode(b"caf\xe9.png"), "b.png")):
        write_picture(home / "photos" / name, seed)
    (home / "photos/bad.png").write_bytes(b"no image")
    return home


@pytest.mark.slow
def test_a_terminal_gets_a_table_with_bars_full_paths_the_worst_and_progress(photos: Path, tiny_weights: Path) -> None:
    code, seen, _ = at_terminal("score", "photos", cwd=photos, HIQA_WEIGHTS=str(tiny_weights), COLUMNS="80")
    assert code == 1
    text = ESCAPE.sub("", seen)
    assert "0 bad" in text
    assert re.search(r"\r\nmedian \d+\.\d\d\r\n3 \w+\r\n", text)  # three of one grade
    assert "█" in text
    assert f"photos/{LONG}\r\n" in text
    assert os.fsdecode(b"photos/caf\xe9.png") in text
    assert "\r\nhiqa: photos/bad.png: " in seen.replace("\x1b[2K", "\r\n")
    assert re.search(r"3 images, high is good; worst \d+\.\d\d photos/", text)
    assert re.search(r"\x1b\[[39]\d[;m]", seen)  # colours
    assert re.search(r"━+.* 1/4 .*images/s.* left", text)
    assert text.rstrip().endswith("hiqa: 3 images scored, 1 failed")


@pytest.mark.slow
def test_a_narrow_terminal_gets_no_bar_and_paths_on_lines_of_their_own(photos: Path, tiny_weights: Path) -> None:
    _, seen, _ = at_terminal("score", "photos", cwd=photos, HIQA_WEIGHTS=str(tiny_weights), COLUMNS="40")
    text = ESCAPE.sub("", seen)
    assert "█" not in text
    assert f"\r\n  photos/{LONG}\r\n" in text
    assert re.search(r"\d  fair       photos/b\.png\r\n", text)  # this one fits


@pytest.mark.slow
def test_a_pipe_keeps_progress_on_the_terminal(photos: Path, tiny_weights: Path) -> None:
    code, seen, out = at_terminal("score", "photos/b.png", cwd=photos, stdout_too=False, HIQA_WEIGHTS=str(tiny_weights))
    assert code == 0
    assert re.fullmatch(rb"\d+\.\d\d\tphotos/b\.png\n", out)
    assert "0/1" in seen


@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color_removes_every_style(no_color: str, tmp_path: Path) -> None:
    script = (
        "from hiqa_cli.rows.row import Row\n"
        "from hiqa_cli.scoring.row_printer import make_printer\n"
        "printer = make_printer(form=None, paths_only=False, order='', worst=None)\n"
        "printer.show(Row('a.png', score=33.3, uncertainty=1.0, grade='poor'))\n"
    )
    _, seen, _ = at_terminal(command=["-c", script], cwd=tmp_path, NO_COLOR=no_color)
    assert "33.30" in seen
    assert "█" in seen
    assert ("\x1b" in seen) is not bool(no_color)


@pytest.mark.slow
def test_a_picture_is_never_written_to_a_terminal_nor_read_from_one(photos: Path) -> None:
    code, seen, _ = at_terminal("score", "-", cwd=photos)
    assert code == 2
    assert "standard input (-) is a terminal" in seen
    terminal, end = pty.openpty()
    try:
        done = subprocess.run(
            [*HIQA, "hallucinate", "-"],
            input=picture_bytes(),
            stdout=end,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    finally:
        os.close(end)
        os.close(terminal)
    assert done.returncode == 2
    assert b"standard output is a terminal" in done.stderr


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("slow")
    for seed in range(IMAGES):
        write_picture(home / f"{seed:02}.png", seed, width=272, height=272)
    return home


def start(home: Path, weights: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*HIQA, "score", ".", "--stride", "8", *arguments],
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(weights),
        preexec_fn=obey_signals,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_without_traceback_and_keeps_its_rows(
    number: signal.Signals, code: int, slow: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    table = tmp_path / "out.csv"
    outputs = ["--csv", str(table), "--maps", str(tmp_path / "maps")]
    process = start(slow, tiny_weights, *ONE_BY_ONE, *outputs)
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(number)
    rest, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert number.name.encode() in err
    shown = [line.split(b"\t")[1].decode() for line in (first + rest).splitlines()]
    with table.open() as file:
        rows = [row["path"] for row in csv.DictReader(file)]
    assert rows[: len(shown)] == shown
    assert 1 <= len(rows) < IMAGES
    left = [name for _, _, names in os.walk(tmp_path / "maps") for name in names]
    assert all(name.endswith(".png") for name in left), left  # nothing half written


@pytest.mark.slow
def test_a_kill_loses_no_finished_row_and_resuming_scores_the_rest(
    slow: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    table = tmp_path / "out.csv"
    process = start(slow, tiny_weights, "--csv", str(table), *ONE_BY_ONE)
    assert process.stdout is not None
    for _ in range(2):
        process.stdout.readline()
    process.kill()
    process.communicate(timeout=TIMEOUT)
    before = table.read_text().splitlines()
    assert len(before) >= 3
    process = start(slow, tiny_weights, "--csv", str(table), "--resume")
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    after = table.read_text().splitlines()
    assert after[: len(before)] == before
    assert [row.split(",")[0] for row in after[1:]] == [f"./{seed:02}.png" for seed in range(IMAGES)]
    assert len(out.splitlines()) == IMAGES + 1 - len(before)


@pytest.mark.slow
def test_a_closed_pipe_ends_the_run_silently_with_141(slow: Path, tiny_weights: Path) -> None:
    process = start(slow, tiny_weights, *ONE_BY_ONE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    begin = time.monotonic()
    assert process.stderr.read() == b""
    assert process.wait(TIMEOUT) == 141
    assert time.monotonic() - begin < TIMEOUT
    process.stderr.close()
