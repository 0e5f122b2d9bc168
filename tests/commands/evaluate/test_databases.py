"""`hiqa evaluate database`: measures, files, parts, what is kept between runs, and what is refused."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import optimize, stats
from support.database_trees import write_koniq10k, write_live, write_table, write_tid
from support.process import HIQA, RunHiqa, environment
from support.tiny_weights import tiny_networks, weights_that_saw

from hiqa_cli.commands.app import run
from hiqa_cli.engine.calibration import Calibration
from hiqa_cli.engine.weights import save_weights
from hiqa_cli.errors import HiqaError, UsageError
from hiqa_train.data.splits import draw_splits, write_splits
from hiqa_train.datasets import open_dataset


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_live(tmp_path_factory.mktemp("databases") / "live", scenes=3)


@pytest.fixture(scope="module")
def tid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tid(tmp_path_factory.mktemp("databases") / "tid", 2013, scenes=4, types=2)


@pytest.fixture
def evaluate(tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """evaluate(*arguments): the command in this process with tiny weights and a cache of its own; its lines."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HIQA_WEIGHTS", str(tiny_weights))

    def call(*arguments: str | Path) -> list[str]:
        assert run(["evaluate", "database", "--precision", "fp32", "--stride", "256", *map(str, arguments)]) == 0
        return capsys.readouterr().out.splitlines()

    return call


@pytest.mark.slow
def test_everything_is_measured_as_scipy_does_and_written_as_table_json_csv_and_plot(
    run_hiqa: RunHiqa, tiny_weights: Path, live: Path, tmp_path: Path
):
    files = {name: tmp_path / f"out.{name}" for name in ("json", "csv", "png")}
    done = run_hiqa(
        "evaluate", "database", "live", "--root", live, "--weights", tiny_weights, "--resamples", "20",
        "--json", files["json"], "--csv", files["csv"], "--plot", files["png"], "--show-literature",
        env={"XDG_CACHE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.code == 0, done.messages
    assert "hiqa: live: 82 of 779 images, 3 of 29 references, first missing jp2k/img5.bmp; DMOS" in done.messages[0]
    found = json.loads(files["json"].read_text())["datasets"][0]
    images = found["images"]
    assert len(images) == 82
    rows = {row["type"]: row for row in found["measures"]}
    assert list(rows) == ["jp2k", "jpeg", "wn", "gblur", "fastfading", "all"]
    for kind, row in rows.items():
        mine = [image for image in images if kind in (image["type"], "all")]
        x, y = ([image[key] for image in mine] for key in ("score", "published"))
        assert row["images"] == len(mine)
        assert row["srocc"] == pytest.approx(-stats.spearmanr(x, y)[0])  # DMOS: low is good
        assert row["krocc"] == pytest.approx(-stats.kendalltau(x, y)[0])
        assert row["plcc_unfitted"] == pytest.approx(-stats.pearsonr(x, y)[0])
        low, high = row["intervals"]["srocc"]
        assert low <= high
    fitted = np.array([image["fitted"] for image in images])
    published = np.array([image["published"] for image in images])
    assert rows["all"]["rmse"] == pytest.approx(float(np.sqrt(np.mean((fitted - published) ** 2))))
    table = list(csv.DictReader(files["csv"].open()))
    assert [row["type"] for row in table] == list(rows)
    assert float(table[-1]["srocc"]) == pytest.approx(rows["all"]["srocc"], abs=1e-5)
    assert cv2.imread(str(files["png"])).shape == (1200, 1600, 3)
    assert any(line.startswith("all ") and f"{rows['all']['images']}" in line for line in done.lines)
    assert any("VQEG's 4-parameter logistic" in line for line in done.lines)
    assert any(line.startswith("Hallucinated-IQA") and ".982" in line for line in done.lines)
    with pytest.raises(UsageError, match=r"out\.png: exists already; replace it by --overwrite, or give another file"):
        run(["evaluate", "database", "live", "--root", str(live), "--plot", str(files["png"])])


@pytest.mark.slow
def test_where_the_weights_have_a_map_for_the_database_it_is_said_whether_their_uncertainty_holds(
    evaluate, tid: Path, tmp_path: Path
):
    lines = evaluate("tid2013", "--root", tid, "--resamples", "0")
    assert not [line for line in lines if line.startswith("stated uncertainty")]
    # the map says: quality 0.2 is 0 points, 0.8 is 100
    weights = weights_that_saw(tmp_path / "w", [], maps={"tid2013": [0.2, 0.5, 0.8]})
    out = tmp_path / "out.json"
    lines = evaluate("tid2013", "--root", tid, "--resamples", "0", "--weights", weights, "--json", out)
    found = json.loads(out.read_text())["datasets"][0]
    errors, widths = [], []
    for image in found["images"]:
        points = 100 * min(1, max(0, (image["published"] / 9 - 0.2) / 0.6))
        errors.append(abs(points - image["score"]))
        widths.append(image["half_width"])
    covered = np.mean(np.array(errors) <= np.array(widths))
    assert found["coverage"]["covered"] == pytest.approx(covered)
    assert found["coverage"]["mean_error"] == pytest.approx(np.mean(errors))
    said = next(line for line in lines if line.startswith("stated uncertainty"))
    assert f"covers the error of {100 * covered:.1f} % of {len(errors)} images (target: 80 %)" in said
    types = [row["srocc"] for row in found["measures"][:-1]]
    assert f"mean SROCC over 2 types: {np.mean(types):.3f}".replace("0.", ".") in lines


def test_the_curve_in_the_json_is_the_best_fit(evaluate, tid: Path, tmp_path: Path):
    evaluate("tid2013", "--root", tid, "--json", tmp_path / "a.json", "--resamples", "0")
    found = json.loads((tmp_path / "a.json").read_text())["datasets"][0]
    x, y = (np.array([image[key] for image in found["images"]]) for key in ("score", "published"))

    def curve(x: np.ndarray, b1: float, b2: float, b3: float, b4: float) -> np.ndarray:
        return b2 + (b1 - b2) / (1 + np.exp(-(x - b3) / abs(b4)))

    held = [found["curve"][name] for name in ("b1", "b2", "b3", "b4")]
    assert [image["fitted"] for image in found["images"]] == pytest.approx(list(curve(x, *held)))
    again, _ = optimize.curve_fit(curve, x, y, p0=held, maxfev=20000)
    best = float(np.sqrt(np.mean((curve(x, *again) - y) ** 2)))
    assert found["measures"][-1]["rmse"] <= best * (1 + 1e-3)


@pytest.mark.slow
def test_several_databases_and_a_table_are_measured_in_one_call(evaluate, live: Path, tid: Path, tmp_path: Path):
    table = write_table(tmp_path / "my.csv", scenes=4)
    lines = evaluate(
        "live", table, "tid2013", "--root", live, "--root", tid,
        "--higher-is-better", "--part", "all", "--resamples", "0", "--plot", tmp_path / "plot.png",
        "--csv", tmp_path / "a.csv",
    )  # fmt: skip
    heads = [line.split(",")[0] for line in lines if "weights" in line]
    assert heads == ["LIVE release 2", "my.csv", "TID2013"]
    assert [row["dataset"] for row in csv.DictReader((tmp_path / "a.csv").open()) if row["type"] == "all"] == [
        "live", "my", "tid2013",
    ]  # fmt: skip
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["plot.live.png", "plot.my.png", "plot.tid2013.png"]


@pytest.mark.slow
def test_scores_are_kept_so_that_nothing_is_scored_twice(evaluate, tid: Path, tmp_path: Path, monkeypatch):
    first = evaluate("tid2013", "--root", tid, "--resamples", "0")
    kept = next((tmp_path / "cache").rglob("tid2013-*.jsonl"))
    lines = kept.read_bytes().splitlines(keepends=True)
    assert len(lines) == 40
    kept.write_bytes(b"".join(lines[:25]) + lines[25][:9])  # as a kill leaves it
    scored: list[str] = []
    from hiqa_train.evaluation import predict

    original = predict.WeightsPredictor.predict
    monkeypatch.setattr(
        predict.WeightsPredictor, "predict",
        lambda self, images: (scored.extend(i.path.name for i in images), original(self, images))[1],
    )  # fmt: skip
    assert evaluate("tid2013", "--root", tid, "--resamples", "0") == first
    assert len(scored) == 15
    assert kept.read_bytes() == b"".join(lines)
    changed = next((tid / "distorted_images").glob("[iI]01_02_3.bmp"))
    changed.touch()  # another time of change: perhaps another picture
    evaluate("tid2013", "--root", tid, "--resamples", "0")
    assert scored[15:] == [changed.name]


@pytest.mark.slow
def test_a_killed_evaluation_goes_on_with_what_it_had_scored(
    run_hiqa: RunHiqa, tiny_weights: Path, tid: Path, tmp_path: Path
):
    arguments = ["evaluate", "database", "tid2013", "--root", str(tid), "--weights", str(tiny_weights)]
    arguments += ["--resamples", "0", "--stride", "16", "--precision", "fp32"]
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    child = subprocess.Popen([*HIQA, *arguments], env=environment(**cache), stderr=subprocess.PIPE)
    deadline = time.monotonic() + 300  # a machine may be busy
    while sum(len(path.read_bytes().splitlines()) for path in tmp_path.rglob("*.jsonl")) < 3:
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    again = run_hiqa(*arguments, "--json", tmp_path / "resumed.json", env=cache)
    assert again.code == 0
    assert any("reusing" in line for line in again.messages)
    assert run([*arguments, "--no-cache", "--json", str(tmp_path / "whole.json")]) == 0
    whole, resumed = (json.loads((tmp_path / f"{name}.json").read_text())["datasets"] for name in ("whole", "resumed"))
    assert [row["score"] for row in whole[0]["images"]] == pytest.approx(
        [row["score"] for row in resumed[0]["images"]], abs=1e-3
    )


@pytest.mark.slow
def test_the_test_part_of_a_database_that_has_one_is_the_default(evaluate, tmp_path: Path):
    root = write_koniq10k(tmp_path / "koniq")
    assert evaluate("koniq10k", "--root", root, "--resamples", "0")[0].startswith(
        "KonIQ-10k, test part: 6 images of 6 scenes"
    )
    every = evaluate("koniq10k", "--root", root, "--resamples", "0", "--part", "all")
    assert every[0].startswith("KonIQ-10k, all images: 18 images")


def test_a_part_of_a_drawn_division_and_some_types_alone_are_measured(evaluate, tid: Path, tmp_path: Path):
    reading = open_dataset("tid2013", tid)
    splits = draw_splits([reading], seed=4, count=2)
    write_splits(tmp_path / "splits.json", splits, [reading])
    arguments = ("tid2013", "--root", tid, "--splits", tmp_path / "splits.json", "--resamples", "0")
    evaluate(*arguments, "--split", "1", "--types", "noise", "--json", tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text())["datasets"][0]
    assert (found["part"], found["types"]) == ("test", ["noise"])
    assert {image["scene"] for image in found["images"]} == set(splits.splits[1].test)
    assert {image["type"] for image in found["images"]} == {"additive Gaussian noise"}


def test_scenes_that_the_weights_were_trained_on_are_refused_or_left_out(
    evaluate, live: Path, tid: Path, tmp_path: Path
):
    # kodim12 may be what LIVE calls ocean; kodim08 is LIVE's building scene `buildings`
    saw = weights_that_saw(tmp_path / "saw", ["kodim02", "live/bikes", "live/ocean", "somewhere/else"])
    arguments = ("tid2013", "--root", tid, "--weights", saw, "--resamples", "0")
    with pytest.raises(UsageError, match=r"the weights were trained on 1 of 4 scenes, such as kodim02; .* --unseen"):
        evaluate(*arguments)
    lines = evaluate(*arguments, "--unseen")
    assert lines[0].startswith("TID2013, all images: 30 images of 3 scenes")
    assert "left out because the weights were trained on them: 1 scene" in lines
    everything = weights_that_saw(tmp_path / "all", [f"kodim{number:02}" for number in range(1, 25)])
    with pytest.raises(UsageError, match="the weights were trained on every scene"):
        evaluate("tid2013", "--root", tid, "--weights", everything, "--unseen")
    with pytest.raises(UsageError, match=r"trained on 2 of 3 scenes, such as kodim05"):
        evaluate("live", "--root", live, "--weights", everything)


def test_an_image_that_cannot_be_read_is_named_and_what_was_scored_is_kept(evaluate, tmp_path: Path):
    root = write_tid(tmp_path / "tid", 2013, scenes=1, types=2)
    broken = next((root / "distorted_images").glob("[iI]01_02_3.bmp"))
    whole = broken.read_bytes()
    broken.write_bytes(whole[:99])
    with pytest.raises(
        HiqaError, match=r"01_02_3\.bmp: .*; repair or replace the file: no measure is computed without it"
    ) as caught:
        evaluate("tid2013", "--root", root, "--resamples", "0")
    assert not isinstance(caught.value, UsageError)  # exit code 1: it could start
    assert len(next((tmp_path / "cache").rglob("*.jsonl")).read_bytes().splitlines()) == 9
    broken.write_bytes(whole)
    assert evaluate("tid2013", "--root", root, "--resamples", "0")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["database", "liv"], "no such database: liv; did you mean live?"),
        (
            ["database", "my.csv"],
            "the direction of the scores is not known; give --higher-is-better or --lower-is-better",
        ),
        (
            ["database", "live", "--higher-is-better"],
            "--higher-is-better, --lower-is-better, --range and --allow-missing are for tables",
        ),
        (["database", "live", "--root", "a", "--root", "b"], "--root: expected one for each of 1 databases, found 2"),
        (["database", "TID", "--part", "validation"], "tid2013 has no validation part of its own; give --part all"),
        (["database", "TID", "--types", "smear"], "tid2013 has no images of the type 'smear'; it has additive"),
        (["database", "TID", "--split", "1"], "--splits FILE and --split N go together"),
        (["database", "TID", "--json", "/nowhere/a.json"], "no such folder: /nowhere"),
        (["database", "TID", "--recipe", "smoke"], "no such option: --recipe"),
        (["database", "TID", "--leave-out", "a"], "no such option: --leave-out"),
        (["ladders", "/tmp", "--part", "all"], "no such option: --part"),
        (["database", "live", "--root", "TIDROOT"], "is not LIVE release 2"),
        (["database", "wrong.csv", "--higher-is-better"], "'score'"),
    ],
)
def test_wrong_calls_are_refused_in_one_line(
    arguments: list[str], message: str, tid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HIQA_TID2013_ROOT", str(tid))
    write_table(tmp_path / "my.csv", scenes=1)
    (tmp_path / "wrong.csv").write_text("path,mos\na.png,3\n")
    given = ["tid2013" if word == "TID" else str(tid) if word == "TIDROOT" else word for word in arguments]
    with pytest.raises(UsageError) as caught:
        run(["evaluate", *given])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_predict_one_number_for_all_have_no_correlation_and_that_is_said(tmp_path: Path, tid: Path):
    generator, regressor = tiny_networks()
    for value in regressor.head.score.parameters():
        value.data.zero_()
    about = {"name": "x", "version": "1", "licence": "none", "training_data": [], "measured": {}}
    save_weights(tmp_path / "w", generator, regressor, Calibration((0.0,) * 5), **about)
    with pytest.raises(HiqaError, match=r"tid2013: all 40 predictions are .*: their correlation is not defined"):
        run(["evaluate", "database", "tid2013", "--root", str(tid), "--weights", str(tmp_path / "w"), "--no-cache"])
