"""`hiqa datasets`: the list in its three forms, verify with its exit codes, set and what it refuses."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.database_trees import write_live, write_table, write_tid
from support.process import HIQA, RunHiqa, environment

from hiqa_cli.commands.app import run
from hiqa_cli.errors import UsageError
from hiqa_train.datasets import DATABASES


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_live(tmp_path_factory.mktemp("databases") / "live", scenes=29, size=(16, 12))


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a user whose settings lie in tmp_path."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.mark.slow
def test_in_a_pipe_every_database_is_a_line_of_tab_separated_facts(run_hiqa: RunHiqa, home: dict[str, str], live: Path):
    done = run_hiqa("datasets", env={**home, "HIQA_LIVE_ROOT": str(live), "HIQA_CSIQ_ROOT": str(live)})
    rows = [line.split("\t") for line in done.lines]
    assert (done.code, done.err) == (0, b"")
    assert [row[0] for row in rows] == list(DATABASES)
    assert rows[0][1:9] == ["779", "29", "DMOS", "0", "100", "low", "found", str(live)]
    assert rows[1][7:9] == ["missing", str(live)]
    assert rows[2][7:9] == ["unset", ""]
    assert {len(row) for row in rows} == {11}


def test_json_tells_all_facts_of_every_database(run_hiqa: RunHiqa, home: dict[str, str]):
    done = run_hiqa("datasets", "--json", env=home)
    facts = {row["name"]: row for row in json.loads(done.out)["datasets"]}
    assert list(facts) == list(DATABASES)
    assert facts["kadid10k"]["kind"] == "DMOS"
    assert facts["kadid10k"]["direction"] == "high"
    assert all(row["source"] and row["terms"] and row["layout"] for row in facts.values())
    assert {row["root"] for row in facts.values()} == {None}


def test_on_a_terminal_it_is_a_table_with_where_to_get_what(home: dict[str, str]):
    leader, follower = pty.openpty()
    child = subprocess.Popen([*HIQA, "datasets"], stdout=follower, stderr=follower, env=environment(**home))
    os.close(follower)
    data = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        if not piece:
            break
        data += piece
    os.close(leader)
    assert child.wait() == 0
    lines = data.decode().splitlines()
    assert lines[0].split() == ["name", "images", "references", "score", "good", "found"]
    assert "live                779          29  DMOS 0..100 low   not set" in lines
    assert any("nisarahmedrana/BIQ2021" in line for line in lines)
    assert "\t" not in data.decode()


def test_listing_imports_neither_torch_nor_what_reads_images():
    script = (
        "import sys; from hiqa_cli.commands.app import run\n"
        "run(['datasets'])\n"
        "sys.exit(','.join(set(sys.modules) & {'torch', 'cv2', 'scipy', 'numpy', 'openpyxl'}) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment(), check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_set_remembers_a_place_that_list_and_verify_then_know(run_hiqa: RunHiqa, home: dict[str, str], live: Path):
    done = run_hiqa("datasets", "set", "live", os.path.relpath(live), env=home)
    assert (done.code, done.err) == (0, b"")
    config = next(Path(home["HOME"]).rglob("config.toml"))
    assert done.lines == [f"live: {live} (written to {config})"]
    listed = run_hiqa("datasets", env=home).lines[0].split("\t")
    assert listed[7:9] == ["found", str(live)]
    verified = run_hiqa("datasets", "verify", "live", env=home)
    assert (verified.code, verified.err) == (0, b"")
    assert "ok   images: 779 of 779" in verified.lines
    assert "ok   references: 29 of 29" in verified.lines
    assert "ok   images with their reference: 779 of 779" in verified.lines
    assert "note: scores of dmos_realigned.mat" in verified.lines


def refused(*arguments: str | Path) -> str:
    """The one line with which the command line, run here, is refused before anything is written."""
    with pytest.raises(UsageError) as caught:
        run(["datasets", *map(str, arguments)])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_set_refuses_another_database_an_unknown_name_and_no_folder(
    home: dict[str, str], live: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    assert "it looks like LIVE release 2 (live)" in refused("set", "csiq", live)
    assert refused("set", "liv", live) == "no such database: liv; did you mean live?"
    assert "/nowhere is not a folder" in refused("set", "live", "/nowhere")
    assert not list(Path(home["HOME"]).rglob("config.toml"))


def test_verify_of_an_incomplete_database_is_1_and_says_what_is_missing(run_hiqa: RunHiqa, tmp_path: Path):
    root = write_tid(tmp_path / "tid", 2013, scenes=1, types=2)
    broken = root / "distorted_images" / "I01_01_2.bmp"
    broken.write_bytes(broken.read_bytes()[:100])
    done = run_hiqa("datasets", "verify", "tid2013", "--root", root, "--json")
    facts = json.loads(done.out)
    checks = {check["what"]: check for check in facts["checks"]}
    assert (done.code, done.err, facts["ok"]) == (1, b"", False)
    assert (checks["images"]["found"], checks["images"]["expected"]) == (10, 3000)
    assert "I01_01_2.bmp" in checks["readable files"]["problem"]
    assert facts["missing"][0] == "distorted_images/i01_03_1.bmp"
    assert len(facts["missing"]) == 2990 + 24


def test_verify_of_an_altered_database_is_1_and_of_an_unknown_place_refused(
    run_hiqa: RunHiqa, home: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root = write_tid(tmp_path / "tid", 2008, scenes=1, types=1)
    altered = run_hiqa("datasets", "verify", "tid2013", "--root", root)
    assert (altered.code, altered.out) == (1, b"")
    assert "this is TID2008" in altered.messages[0]
    monkeypatch.setenv("XDG_CONFIG_HOME", home["XDG_CONFIG_HOME"])
    monkeypatch.delenv("HIQA_TID2013_ROOT", raising=False)
    assert "the folder of TID2013 is not known" in refused("verify", "tid2013")


def test_verify_reads_a_table_of_ones_own(run_hiqa: RunHiqa, tmp_path: Path):
    table = write_table(tmp_path / "my.csv", scenes=2)
    done = run_hiqa("datasets", "verify", table, "--higher-is-better", "--range", "1", "5")
    assert (done.code, done.err) == (0, b"")
    assert "scores: MOS 1..5, high is good" in done.lines
    assert "ok   images: 18 of 18" in done.lines
    (tmp_path / "images" / "0_blur_1.png").unlink()
    missing = run_hiqa("datasets", "verify", table, "--higher-is-better")
    assert missing.code == 1
    assert "missing files: 1, the first" in missing.messages[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["verfy", "live"],
            "hiqa datasets: expected verify, set, build or measure, found 'verfy'; did you mean verify?",
        ),
        (
            ["verify", "live", "--higher-is-beter"],
            "no such option: --higher-is-beter; did you mean --higher-is-better?",
        ),
        (["--json", "verify", "live"], "--json goes after the subcommand; hiqa datasets verify --json"),
        (["verify"], "missing argument"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], message: str):
    assert message in refused(*arguments)
