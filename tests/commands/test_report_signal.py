"""A report that a signal interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.process import HIQA, TIMEOUT, environment, obey_signals, write_picture
from support.report_material import block, rows

pytestmark = pytest.mark.skipif(os.name != "posix", reason="names of any bytes, pipes and signals")


@pytest.mark.slow
def test_a_signal_leaves_a_report_of_the_finished_images(tiny_weights: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1)
    os.mkfifo(tmp_path / "silent.png")
    command = [*HIQA, "score", "a.png", "silent.png", "--report", "report.html"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(tiny_weights),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=obey_signals,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith(b"\ta.png\n")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert b"a report of the finished images is in report.html" in err
    assert [row["path"] for row in rows(tmp_path / "report.html")] == ["a.png"]
    assert block(tmp_path / "report.html", "facts")["warning"] == "stopped after 1 of 2 images"
    assert sorted(os.listdir(tmp_path)) == ["a.png", "report.html", "silent.png"]
