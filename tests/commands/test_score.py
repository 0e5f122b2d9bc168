"""`hiqa score` as a process: rows, files, gates, pipes, streams in any encoding."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.process import HIQA, Finished, RunHiqa, environment, picture_bytes, write_picture

from hiqa_cli import __version__
from hiqa_cli.commands.app import run
from hiqa_cli.engine.config import grade
from hiqa_cli.engine.row_schema import COLUMNS
from hiqa_cli.errors import UsageError, WeightsError

ODD_NAMES = os.name == "posix" and os.uname().sysname == "Linux"  # file systems elsewhere refuse them
pytestmark = pytest.mark.skipif(not ODD_NAMES, reason="names of any bytes need Linux")

LATIN = b"caf\xe9.png"
BREAKING = "new\nline\t\\.png"
KINDS = ("hallucination", "discrepancy", "quality")


@dataclass
class FolderRun:
    """A first run over a folder with two images that fail, and what it left."""

    home: Path
    done: Finished
    csv: bytes
    jsonl: bytes


@pytest.fixture(scope="module")
def folder_run(tmp_path_factory: pytest.TempPathFactory, run_hiqa: RunHiqa, tiny_weights: Path) -> FolderRun:
    home = tmp_path_factory.mktemp("home")
    photos = home / "photos"
    write_picture(photos / "a b.png", 1)
    write_picture(bytes(photos) + b"/" + LATIN, 2)
    write_picture(photos / BREAKING, 3)
    write_picture(photos / "sub/a b.png", 4, width=300, height=280)
    write_picture(photos / ".hidden.png", 5)
    (photos / "torn.jpg").write_bytes(picture_bytes(6, suffix=".jpg")[:-200])
    done = run_hiqa(
        *("score", "photos", "missing.png", "-r", "--min-score", "100", "--stride", "64"),
        *("--csv", "out.csv", "--jsonl", "out.jsonl", "--maps", "maps"),
        weights=tiny_weights,
        cwd=home,
        env={"LC_ALL": "C", "PYTHONIOENCODING": "cp1252"},
    )
    return FolderRun(home, done, (home / "out.csv").read_bytes(), (home / "out.jsonl").read_bytes())


def rows_of(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(text.decode("utf-8").splitlines(keepends=True)))


@pytest.mark.slow
def test_a_pipe_gets_a_line_for_every_image_that_was_scored_and_nothing_else(
    folder_run: FolderRun,
) -> None:
    paths = [line.split(b"\t")[1] for line in folder_run.done.out.splitlines()]
    assert paths == [
        b"photos/a b.png",
        b"photos/" + LATIN,
        b"photos/new\\nline\\t\\\\.png",
        b"photos/sub/a b.png",
    ]
    for line in folder_run.done.lines:
        assert line.split("\t")[0] == f"{float(line.split()[0]):.2f}"


def test_a_failure_is_one_line_on_stderr_and_outranks_the_gate(folder_run: FolderRun) -> None:
    torn, missing, *below, summary = folder_run.done.messages
    assert torn.startswith("hiqa: photos/torn.jpg: ")
    assert missing == "hiqa: missing.png: no such file or folder"
    assert len(below) == 4
    assert [float(line.split(": score ")[1].split()[0]) for line in below] == sorted(
        float(line.split("\t")[0]) for line in folder_run.done.lines
    )
    assert all(line.startswith("hiqa: photos/") and line.endswith(" is below 100") for line in below)
    assert summary.startswith("hiqa: 4 images scored, 2 failed, 4 below 100, worst ")
    assert folder_run.done.code == 1


def test_csv_has_a_row_for_every_input_in_order(folder_run: FolderRun, tiny_weights: Path) -> None:
    import hashlib

    rows = rows_of(folder_run.csv)
    assert tuple(rows[0]) == COLUMNS
    assert [row["path"] for row in rows] == [
        "photos/a b.png",
        "photos/caf\\udce9.png",
        f"photos/{BREAKING}",
        "photos/sub/a b.png",
        "photos/torn.jpg",
        "missing.png",
    ]
    identity = hashlib.sha256((tiny_weights / "manifest.json").read_bytes()).hexdigest()[:8]
    good = rows[3]
    assert (good["width"], good["height"], good["tiles"]) == ("300", "280", "4")
    assert (good["weights"], good["error"]) == (identity, "")
    assert float(good["uncertainty"]) > 0
    assert 0 <= float(good["lower"]) <= float(good["score"]) <= float(good["upper"]) <= 100
    assert (good["grade"], good["standard_error"], good["kind"]) == (grade(float(good["score"])), "0.0", "flat")
    assert good["notes"].startswith("flat, nothing to judge")
    assert "reflected to 256x256" in rows[0]["notes"]
    for bad in rows[4:]:
        assert bad["error"]
        assert not any(bad[column] for column in COLUMNS[1:-1])


def test_json_lines_tell_tiles_maps_notes_version_and_settings(folder_run: FolderRun) -> None:
    lines = [json.loads(line) for line in folder_run.jsonl.splitlines()]
    assert [line["path"] for line in lines][1] == "photos/caf\udce9.png"
    big = lines[3]
    assert [(tile["x"], tile["y"]) for tile in big["tile_scores"]] == [
        (0, 0), (44, 0), (0, 24), (44, 24),
    ]  # fmt: skip
    mean = sum(tile["score"] for tile in big["tile_scores"]) / 4
    assert mean == pytest.approx(big["score"], abs=1e-3)
    assert big["tiles"] == 4
    assert big["maps"] == {kind: f"maps/photos/sub/a b.{kind}.png" for kind in KINDS}
    assert (big["version"], big["settings"]) == (__version__, {"stride": 64, "backend": "torch"})  # what differs
    assert "reflected" in " ".join(lines[0]["notes"])
    assert lines[4]["score"] is None
    assert "maps" not in lines[4]


def test_maps_are_mirrored_below_the_common_root_and_nothing_half_written_stays(
    folder_run: FolderRun,
) -> None:
    names = [b"a b", LATIN[:-4], BREAKING[:-4].encode(), b"sub/a b"]
    root = os.fsencode(folder_run.home / "maps/photos")  # missing.png counts for the root
    found = {os.path.relpath(os.path.join(folder, name), root) for folder, _, files in os.walk(root) for name in files}
    assert found == {b"%s.%s.png" % (name, kind.encode()) for name in names for kind in KINDS}


def test_resuming_tries_errors_again_and_rows_count_for_the_gate(
    folder_run: FolderRun, run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(folder_run.home, home)
    write_picture(home / "photos/torn.jpg", 6)
    write_picture(home / "missing.png", 7)
    os.remove(home / "maps/photos/a b.quality.png")
    with open(home / "out.csv", "ab") as file:
        file.write(b"photos/zz.png,12.")
    done = run_hiqa(
        *("score", "photos", "missing.png", "-r", "--min-score", "100", "--stride", "64"),
        *("--csv", "out.csv", "--jsonl", "out.jsonl", "--maps", "maps", "--resume"),
        weights=tiny_weights,
        cwd=home,
    )
    assert done.code == 3
    assert [line.split("\t")[1] for line in done.lines] == [
        "photos/a b.png",  # one of its maps was gone
        "photos/torn.jpg",
        "missing.png",
    ]
    assert "6 images scored, 3 of them by an earlier run, 6 below 100" in done.messages[-1]
    before, after = rows_of(folder_run.csv), rows_of((home / "out.csv").read_bytes())
    assert [row["path"] for row in after] == [row["path"] for row in before]
    assert after[:4] == before[:4]
    assert not any(row["error"] for row in after)
    assert len((home / "out.jsonl").read_bytes().splitlines()) == 6
    assert (home / "maps/photos/a b.quality.png").exists()


def test_resuming_with_other_weights_or_settings_is_refused_and_changes_nothing(
    folder_run: FolderRun,
    tiny_weights: Path,
    other_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder_run.home)
    call = ["score", "photos", "-r", "--resume", "--quiet"]
    right = ["--stride", "64", "--weights", str(tiny_weights)]
    other_precision = "fp32" if b",bf16," in folder_run.csv else "bf16"
    for wrong in (
        ["--csv", "out.csv", "--stride", "64", "--weights", str(other_weights)],
        ["--csv", "out.csv", *right, "--precision", other_precision],
        ["--jsonl", "out.jsonl", "--weights", str(tiny_weights)],
    ):
        with pytest.raises(UsageError, match="another run"):
            run([*call, *wrong])
    assert (folder_run.home / "out.csv").read_bytes() == folder_run.csv
    assert (folder_run.home / "out.jsonl").read_bytes() == folder_run.jsonl


def test_existing_files_and_maps_are_refused_before_any_work(
    folder_run: FolderRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder_run.home)
    for target in (["--csv", "out.csv"], ["--jsonl", "out.jsonl"], ["--maps", "maps"]):
        with pytest.raises(UsageError, match="exists already"):
            run(["score", "photos", "missing.png", "-r", *target, "--weights", "not-even-looked-at"])
    with pytest.raises(UsageError, match="same file"):
        run(["score", "photos", "--csv", "x", "--jsonl", "./x"])
    with pytest.raises(UsageError, match="one of the input images"):
        run(["score", "photos/torn.jpg", "--csv", "photos/torn.jpg", "--overwrite"])


def test_weights_that_cannot_be_used_stop_the_run_and_leave_an_old_file_alone(
    folder_run: FolderRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder_run.home)
    with pytest.raises(WeightsError):
        run(["score", "photos", "--csv", "out.csv", "--overwrite", "--weights", "nowhere"])
    assert (folder_run.home / "out.csv").read_bytes() == folder_run.csv


@pytest.mark.slow
def test_a_list_from_find_goes_through_in_any_bytes_and_comes_out_sorted_as_csv(
    folder_run: FolderRun, tiny_weights: Path
) -> None:
    find = ["find", "photos", "-name", "*.png", "-print0"]
    with subprocess.Popen(find, cwd=folder_run.home, stdout=subprocess.PIPE) as names:
        done = subprocess.run(
            [*HIQA, "score", "--files-from", "-", "-0", "--csv", "-", "--sort", "score"],
            stdin=names.stdout,
            capture_output=True,
            cwd=folder_run.home,
            env=environment(tiny_weights),
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    rows = rows_of(done.stdout)
    assert len(rows) == 5  # find does not pass over hidden files
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores)


def test_the_worst_alone_are_shown_while_files_get_everything(
    folder_run: FolderRun,
    tiny_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder_run.home)
    out = tmp_path / "all.csv"
    images = ["photos/[!c]*.png", "photos/sub", "photos/torn.jpg"]
    options = ["--worst", "2", "--csv", str(out), "--weights", str(tiny_weights), "--quiet"]
    code = run(["score", *images, *options])
    captured = capsys.readouterr()
    rows = rows_of(out.read_bytes())
    assert code == 1
    assert len(rows) == 4
    scores = sorted(float(row["score"]) for row in rows if row["score"])
    assert [line.split("\t")[0] for line in captured.out.splitlines()] == [f"{score:.2f}" for score in scores[:2]]
    assert captured.err.startswith("hiqa: photos/torn.jpg: ")
    assert len(captured.err.splitlines()) == 1  # --quiet keeps errors and drops the summary


def test_a_file_given_twice_has_two_rows_and_one_set_of_maps(
    tiny_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture("a.png")
    assert run(["score", "a.png", "a.png", "--maps", "m", "--weights", str(tiny_weights)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert len(os.listdir("m")) == len(KINDS)
