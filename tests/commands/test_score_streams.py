"""`hiqa score` with an image on standard input, and with a full disk behind its output."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.process import HIQA, environment, picture_bytes, write_picture

from hiqa_cli.commands.app import run
from hiqa_cli.errors import OutputError


def rows_of(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(text.decode("utf-8").splitlines(keepends=True)))


def test_an_image_on_standard_input_is_scored(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(picture_bytes(1))))
    assert run(["score", "-", "--jsonl", "-", "--weights", str(tiny_weights)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    row = json.loads(captured.out)
    assert (row["path"], row["width"], row["height"]) == ("-", 80, 60)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_ends_the_run_with_1_and_one_line(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture("a.png")
    with pytest.raises(OutputError, match="/dev/full cannot be written: no space left"):
        run(["score", "a.png", "--csv", "/dev/full", "--weights", str(tiny_weights)])
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*HIQA, "score", "a.png", "--csv", "out.csv", "--quiet"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(tiny_weights),
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"hiqa: standard output cannot be written: no space left on device\n"
    assert len(rows_of(Path("out.csv").read_bytes())) == 1
