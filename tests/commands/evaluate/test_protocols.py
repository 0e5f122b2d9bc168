"""`hiqa evaluate splits|official|cross` as a process: trained, killed, resumed, across databases, refused."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from support.database_trees import write_koniq10k, write_live, write_tid
from support.process import Finished, RunHiqa, files_of_at_most, killed_when, write_picture
from support.tiny_training import BRIEF_FIT, RECIPE
from support.tiny_weights import weights_that_saw

from hiqa_cli.commands.app import run
from hiqa_cli.engine.manifest import read_manifest
from hiqa_cli.engine.weights import load_weights
from hiqa_cli.errors import HiqaError, UsageError
from hiqa_train.data.splits import draw_splits, read_splits
from hiqa_train.datasets import open_dataset

RunHere = Callable[..., Finished]


@pytest.fixture(scope="module")
def tid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tid(tmp_path_factory.mktemp("databases") / "tid", 2013, scenes=5, types=2, size=(72, 64))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def hiqa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[RunHere]:
    """hiqa(*arguments): the command in this process, with a cache of its own; what it wrote."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    threads = torch.get_num_threads()

    def call(*arguments: str | Path) -> Finished:
        code = run(list(map(str, arguments)))
        found = capsys.readouterr()
        return Finished(code, found.out.encode(), found.err.encode())

    yield call
    torch.set_num_threads(threads)
    for number, handler in before.items():
        signal.signal(number, handler)


def protocol(tid: Path, recipe: Path, out: Path) -> list[str]:
    return [
        "evaluate", "splits", "tid2013", "--root", str(tid), "--num-splits", "2", "--recipe",
        str(recipe), "--out", str(out), "--device", "cpu", "--precision", "fp32", "--stride", "256",
        "--threads", "1",  # sums come out the same to the bit with the same number of threads alone
    ]  # fmt: skip


@pytest.fixture(scope="module")
def whole(
    run_hiqa: RunHiqa, tid: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Finished]:
    """OUT of a protocol that nothing has stopped, with its table in a.csv; and what the process wrote."""
    out = tmp_path_factory.mktemp("whole")
    home = {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}
    done = run_hiqa(*protocol(tid, recipe, out), "--csv", out / "a.csv", env=home, before=BRIEF_FIT, timeout=300)
    assert done.code == 0, done.messages
    return out, done


@pytest.mark.slow
def test_a_protocol_trains_and_tests_every_split_and_reports_medians_by_type(whole: tuple[Path, Finished]):
    out, done = whole
    rows = {row["type"]: row for row in csv.DictReader((out / "a.csv").open())}
    assert list(rows) == ["additive Gaussian noise", "chroma noise", "all"]
    assert (rows["all"]["method"], rows["all"]["images"], rows["all"]["srocc_of"]) == ("hiqa-tiny", "20", "2")
    summary = json.loads((out / "hiqa-tiny" / "summary.json").read_text())["summary"]
    assert summary[-1]["srocc"]["median"] == pytest.approx(float(rows["all"]["srocc_median"]), abs=1e-5)
    assert done.lines[0].startswith("TID2013: 2 splits by scene")


@pytest.mark.slow
def test_a_protocol_that_was_killed_goes_on_and_ends_as_one_that_was_not(
    run_hiqa: RunHiqa, hiqa: RunHere, tid: Path, recipe: Path, tmp_path: Path, whole: tuple[Path, Finished]
):
    home = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    out = tmp_path / "killed"
    first, second = (out / "hiqa-tiny" / f"split-0{number}" for number in (0, 1))
    kill = killed_when(f"{second}/training/generator/*.ckpt")
    stopped = run_hiqa(*protocol(tid, recipe, out), env=home, before=f"{BRIEF_FIT}\n{kill}", timeout=300)
    assert stopped.code == -signal.SIGKILL, stopped.messages
    kept = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    assert first / "result.json" in kept
    assert not (second / "result.json").exists()
    again = run_hiqa(*protocol(tid, recipe, out), env=home, before=BRIEF_FIT, timeout=300)
    assert again.code == 0, again.messages
    assert "hiqa: hiqa-tiny, split 0: already finished" in again.messages
    assert again.lines == whole[1].lines
    assert {path: path.read_bytes() for path in first.rglob("*") if path.is_file()} == kept
    for split in ("split-00", "split-01"):
        one, other = (json.loads((w / "hiqa-tiny" / split / "result.json").read_text()) for w in (whole[0], out))
        assert one["tests"]["tid2013"]["images"] == other["tests"]["tid2013"]["images"]

    # what the networks saw is written down, and none of it was tested
    splits = read_splits(out / "splits.json")
    for number, division in enumerate(splits.splits):
        training = out / "hiqa-tiny" / f"split-0{number}" / "training"
        seen = read_manifest(training / "weights").seen_scenes
        assert set(seen or ()) == {*division.training, *division.validation}
        assert json.loads((training / "run.json").read_text())["seen_scenes"] == sorted(seen or ())
        result = json.loads((training.parent / "result.json").read_text())["tests"]["tid2013"]
        scenes = {f"kodim{name[len('distorted_images/i') :][:2]}" for name, *_ in result["images"]}
        assert scenes == set(division.test)

    # a G of one split has seen what another one tests
    generator = first / "training" / "weights"
    with pytest.raises(UsageError, match="test scenes were used in training"):
        hiqa(*protocol(tid, recipe, tmp_path / "third"), "--generator", generator)
    assert not (tmp_path / "third" / "hiqa-tiny").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("brief_fit")
def test_trained_networks_are_the_same_to_the_bit_whatever_is_in_the_test_part(
    hiqa: RunHere, tid: Path, recipe: Path, tmp_path: Path, whole: tuple[Path, Finished]
):
    other = Path(shutil.copytree(tid, tmp_path / "other"))
    reading = open_dataset("tid2013", other)
    tested = draw_splits([reading], seed=0, count=1).splits[0].test
    table = other / "mos_with_names.txt"
    lines = table.read_bytes().decode().splitlines()
    numbers = {scene.removeprefix("kodim") for scene in tested}
    changed = [
        f"{9 - float(line.split()[0])} {line.split()[1]}" if line.split()[1][1:3] in numbers else line for line in lines
    ]
    assert changed != lines
    table.write_bytes("\r\n".join([*changed, ""]).encode())
    for sample in reading.samples:
        if sample.scene in tested:
            write_picture(sample.path, seed=7, width=72, height=64)
            assert sample.reference is not None
            write_picture(sample.reference, seed=8, width=72, height=64)
    networks, found = [], []
    assert hiqa(*protocol(other, recipe, tmp_path / "out"), "--num-splits", "1").code == 0
    for out in (whole[0], tmp_path / "out"):
        split = out / "hiqa-tiny" / "split-00"
        loaded = load_weights(split / "training" / "weights")
        networks.append({**loaded.generator.state_dict(prefix="G."), **loaded.regressor.state_dict(prefix="R.")})
        found.append(json.loads((split / "result.json").read_text())["tests"])
    assert networks[0].keys() == networks[1].keys()
    assert all(torch.equal(value, networks[1][name]) for name, value in networks[0].items())
    assert found[0] != found[1]


@pytest.mark.slow
def test_baselines_stand_side_by_side_on_the_same_splits(hiqa: RunHere, tid: Path, tmp_path: Path):
    arguments = ["evaluate", "splits", "tid2013", "--root", tid, "--num-splits", "3"]
    arguments += ["--out", tmp_path / "out", "--method", "nss", "--method", "gmsd", "--show-literature"]
    done = hiqa(*arguments, "--json", tmp_path / "a.json")
    assert done.code == 0, done.messages
    data = json.loads((tmp_path / "a.json").read_text())
    assert data["splits"] == 3
    assert {row["method"] for row in data["summary"]} == {"nss", "gmsd"}
    assert {row["srocc"]["of"] for row in data["summary"]} == {3}
    head = next(line for line in done.lines if line.startswith("SROCC"))
    assert head.split() == ["SROCC", "nss", "gmsd"]
    assert any(line.startswith("SROCC") and "Hallucinated-IQA" in line for line in done.lines)
    # others may use the same divisions
    shared = hiqa(*arguments[:5], "--splits", tmp_path / "out" / "splits.json", "--out",
                  tmp_path / "other", "--method", "gmsd", "--csv", tmp_path / "b.csv")  # fmt: skip
    assert shared.code == 0, shared.messages
    median = next(row for row in data["summary"] if (row["method"], row["type"]) == ("gmsd", "all"))["srocc"]["median"]
    other = [row for row in csv.DictReader((tmp_path / "b.csv").open()) if row["type"] == "all"]
    assert float(other[0]["srocc_median"]) == pytest.approx(median, abs=1e-5)


@pytest.mark.slow
def test_across_databases_shared_scenes_are_left_out_and_said(hiqa: RunHere, tmp_path: Path):
    live = write_live(tmp_path / "live", scenes=6)  # bikes, buildings and caps are Kodak's 5, 8 and 3
    tid = write_tid(tmp_path / "tid", 2008, scenes=6, types=11)
    done = hiqa(
        "evaluate", "cross", "tid2008", "--train-on", "live", "--root", tid, "--root", live,
        "--types", "jpeg,jpeg2000,noise,blur", "--train-types", "jpeg,jpeg2000,noise,blur", "--method", "nss",
        "--out", tmp_path / "out", "--show-literature", "--json", tmp_path / "a.json",
    )  # fmt: skip
    assert done.code == 0, done.messages
    said = (
        "hiqa: tid2008: 2 scenes not tested because the training databases contain, or may contain, them: "
        "kodim03, kodim05"
    )
    assert said in done.messages
    rows = {row["type"]: row for row in json.loads((tmp_path / "a.json").read_text())["summary"]}
    assert set(rows) == {"JPEG", "JPEG2000", "additive Gaussian noise", "Gaussian blur", "all"}
    assert rows["all"]["images"] == 4 * 4 * 4  # scenes, types, levels
    assert any(line.startswith("Hallucinated-IQA") and ".934" in line for line in done.lines)
    assert not any(".941" in line for line in done.lines)  # which TID2008's own splits reach


@pytest.mark.slow
def test_a_databases_own_division_is_trained_and_tested_by(hiqa: RunHere, tmp_path: Path):
    root = write_koniq10k(tmp_path / "koniq", images=8)
    done = hiqa(
        "evaluate", "official", "koniq10k", "--root", root, "--method", "nss", "--out",
        tmp_path / "out",
    )  # fmt: skip
    assert done.code == 0, done.messages
    assert any("8 images to train on, 8 images to validate on, 8 images to test" in line for line in done.messages)


@pytest.mark.slow
def test_a_full_disk_ends_in_one_line_and_costs_nothing_that_was_kept(
    run_hiqa: RunHiqa, hiqa: RunHere, tid: Path, tmp_path: Path
):
    arguments = ["evaluate", "splits", "tid2013", "--root", str(tid), "--num-splits", "1"]
    arguments += ["--method", "nss", "--out", str(tmp_path / "out")]
    done = run_hiqa(*arguments, before=files_of_at_most(8000))
    assert done.code == 1
    assert "features.jsonl: no space left on device; finished results are kept there" in done.messages[-1]
    held = (tmp_path / "out" / "nss" / "features.jsonl").read_bytes()
    assert held.endswith(b"\n")
    assert 3 <= len(held.splitlines()) < 40
    assert hiqa(*arguments).code == 0
    assert (tmp_path / "out" / "nss" / "features.jsonl").read_bytes().startswith(held)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["splits"], "missing option '--out'"),
        (["cross", "--out", "o"], "missing option '--train-on'"),
        (["official", "--out", "o"], "tid2013 has no official split; use hiqa evaluate splits"),
        (
            ["official", "--out", "o", "--num-splits", "3"],
            "no such option: --num-splits",
        ),
        (["splits", "--out", "o", "--part", "all"], "no such option: --part"),
        (["splits", "--out", "o", "--recipe", "nosuch"], "no such recipe: nosuch"),
        (["splits", "--out", "o", "--method", "nsss"], "--method: expected hiqa, baseline, weights, nss"),
        (["splits", "--out", "o", "--splits", "none.json"], "none.json cannot be read"),
        (["splits", "--out", "file", "--method", "nss"], "cannot be written"),
        (["splits", "--out", "o", "--method", "weights", "--weights", "w"], "are not recorded"),
    ],
)
def test_wrong_calls_are_refused_in_one_line(
    arguments: list[str], message: str, tid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    weights_that_saw(tmp_path / "w", None)
    (tmp_path / "file").write_text("")
    with pytest.raises(HiqaError) as caught:
        run(["evaluate", arguments[0], "tid2013", "--root", str(tid), *arguments[1:]])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
