"""hiqa score --workers, with a stub network that a black picture kills."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.process import CHECKOUT, TIMEOUT, environment, obey_signals, picture_bytes, write_picture

STUB = [sys.executable, str(CHECKOUT / "bench" / "stub_network.py"), "score"]


def score(folder: Path, *arguments: str, data: bytes = b"") -> tuple[int, str]:
    """Exit code and messages."""
    done = subprocess.run(
        [*STUB, *arguments],
        cwd=folder,
        input=data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stderr.decode()


def rows(table: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]


def is_running(group: int) -> bool:
    """Whether a process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    names = [f"p{number:02}.png" for number in range(12)]
    for number, name in enumerate(names):
        write_picture(tmp_path / name, number)
    return names


@pytest.mark.slow
def test_rows_maps_and_report_are_those_of_one_process_and_a_deadly_picture_gets_an_error_row(
    tmp_path: Path, pictures: list[str]
) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((40, 40, 3), np.uint8))
    common = ["-", "missing.png", *pictures]
    code, said = score(tmp_path, *common, "--jsonl", "one.jsonl", "--maps", "one", data=picture_bytes(77))
    assert code == 1, said
    deadly = [*common[:5], "black.png", *common[5:]]
    outputs = ("--jsonl", "two.jsonl", "--maps", "two", "--report", "two.html", "--workers", "2")
    code, said = score(tmp_path, *deadly, *outputs, data=picture_bytes(77))
    assert code == 1, said
    assert "a worker process ended with signal SIGKILL and is replaced" in said
    found = rows(tmp_path / "two.jsonl")
    black = found.pop(5)
    assert (black["path"], black["score"]) == ("black.png", None)
    assert "two worker processes that scored it ended, the last with signal SIGKILL" in str(black["error"])
    expected = json.loads(json.dumps(rows(tmp_path / "one.jsonl")).replace('"one/', '"two/'))
    assert found == expected
    maps = [sorted(path.name for path in (tmp_path / name).rglob("*")) for name in ("one", "two")]
    assert maps[0] == maps[1]
    assert len(maps[0]) == 3 * 13
    page = (tmp_path / "two.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp") >= 13 or "UklGR" in page


@pytest.mark.slow
def test_a_worker_that_was_killed_leaves_no_unfinished_pictures_behind(tmp_path: Path, pictures: list[str]) -> None:
    import cv2
    import numpy as np

    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((40, 40, 3), np.uint8))
    code, said = score(tmp_path, pictures[0], "black.png", "--maps", "maps", "--workers", "2")  # nothing comes after it
    assert code == 1, said
    assert said.count("ended with signal SIGKILL and is replaced") == 2
    found = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert found == ["p00.discrepancy.png", "p00.hallucination.png", "p00.quality.png"]


@pytest.mark.slow
def test_ctrl_c_keeps_finished_rows_ends_the_workers_and_resume_goes_on(tmp_path: Path, pictures: list[str]) -> None:
    command = [*STUB, *pictures, "--workers", "2", "--jsonl", "rows.jsonl"]
    run = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(STUB_SECONDS="0.4"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=obey_signals,
        start_new_session=True,
    )
    table, deadline = tmp_path / "rows.jsonl", time.monotonic() + TIMEOUT
    while not (table.exists() and table.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to every process
    said = run.communicate(timeout=TIMEOUT)[1].decode()
    assert run.returncode == 130, said
    assert "Traceback" not in said
    kept = len(rows(table))
    assert 0 < kept < len(pictures)
    assert f"{kept} of {len(pictures)} images done; their rows are in rows.jsonl, continue with --resume" in said
    while is_running(run.pid):  # multiprocessing's own helper ends a moment after the others
        assert time.monotonic() < deadline, "a process of the run is left"
        time.sleep(0.02)
    code, said = score(tmp_path, *pictures, "--resume", "--jsonl", "rows.jsonl", "--workers", "2")
    assert (code, [row["path"] for row in rows(table)]) == (0, pictures), said


@pytest.mark.slow
def test_tables_in_sqlite_and_parquet_have_the_rows_of_json_lines_and_grow_together(
    tmp_path: Path, pictures: list[str]
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    command = ["--workers", "2", "--sqlite", "t.sqlite", "--parquet", "t.parquet", "--jsonl", "t.jsonl"]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert score(tmp_path, *pictures[:-1], "broken.png", *command)[0] == 1
    code, said = score(tmp_path, *pictures, "broken.png", *command, "--resume")
    assert (code, said.splitlines()[-1]) == (1, "hiqa: 12 images scored, 11 of them by an earlier run, 1 failed")
    expected = {str(row["path"]): (row["score"], row["error"] or "") for row in rows(tmp_path / "t.jsonl")}
    assert len(expected) == len(rows(tmp_path / "t.jsonl")) == 13
    stored = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    with closing(sqlite3.connect(tmp_path / "t.sqlite")) as opened:
        upserted = opened.execute("SELECT path, score, error FROM images").fetchall()
    assert {row["path"]: (row["score"], row["error"] or "") for row in stored} == expected
    assert {path: (points, error or "") for path, points, error in upserted} == expected
    assert len(stored) == len(upserted) == 13


@pytest.mark.slow
def test_what_a_worker_cannot_load_ends_the_run_in_one_line(tmp_path: Path, pictures: list[str]) -> None:
    code, said = score(tmp_path, *pictures, "--workers", "2", "--weights", "here")
    assert code == 2
    assert said == f"hiqa: {tmp_path / 'here'}: a stub has no weights\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_no_row_is_lost_or_there_twice_after_kills() -> None:
    kills = [sys.executable, str(CHECKOUT / "bench" / "kills.py"), "--rounds", "3", "--victims", "parent", "worker"]
    done = subprocess.run(kills, capture_output=True, env=environment(), timeout=5 * TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines()[-1] == "3 rounds each of parent, worker: no row lost, none twice"
