"""`hiqa train --recipe smoke` on miniature trees: a database with references, one without, a table; the ablation."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import pytest
from support.database_trees import write_koniq10k, write_table, write_tid
from support.process import RunHiqa
from support.tiny_training import as_toml, short_recipe

SIZE = (96, 80)
WITH_REFERENCES, WITHOUT = ["alone", "generator", "final", "joint"], ["final"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...]]:
    """Arguments of hiqa train that name a tree, by its kind."""
    folder = tmp_path_factory.mktemp("trees")
    tid = write_tid(folder / "tid2013", 2013, scenes=6, types=3, size=SIZE)
    koniq = write_koniq10k(folder / "koniq10k", images=16, size=SIZE)
    table = write_table(folder / "mine" / "mine.csv", size=SIZE)
    return {
        "tid2013": ("--dataset", "tid2013", "--root", str(tid)),
        "koniq10k": ("--dataset", "koniq10k", "--root", str(koniq)),
        "table": ("--dataset", str(table), "--higher-is-better"),
    }


# float32: whether so short a training falls must not depend on whether the processor multiplies in bf16
FLOAT = ("--precision", "fp32")


@pytest.mark.parametrize(("kind", "stages"), [("tid2013", WITH_REFERENCES), ("koniq10k", WITHOUT)])
def test_smoke_runs_every_stage_lowers_each_loss_and_writes_weights(
    run_hiqa: RunHiqa, trees, tmp_path: Path, kind: str, stages: list[str]
):
    out = tmp_path / "run"
    more = (*FLOAT, "--out", out, "--cache-dir", tmp_path / "cache")
    done = run_hiqa("train", *trees[kind], "--recipe", "smoke", *more)
    assert done.code == 0, done.messages
    by_stage = defaultdict(list)
    for line in map(json.loads, (out / "metrics.jsonl").read_text().splitlines()):
        if "loss" in line:
            by_stage[line["stage"]].append(line["loss"])
    assert list(by_stage) == stages
    for stage, losses in by_stage.items():
        fifth = len(losses) // 5
        assert fmean(losses[-fifth:]) < fmean(losses[:fifth]), stage
    left_out = [line for line in done.messages if "skipping stage " in line]
    assert len(left_out) == (0 if stages == WITH_REFERENCES else 3)
    assert_weights_score(run_hiqa, done.messages, out, next(Path(trees[kind][3]).rglob("*.bmp"), None))
    recorded = json.loads((out / "run.json").read_text())["record"]
    assert "first missing" in recorded["databases"][0]


def test_a_table_trains_every_stage_and_writes_weights(run_hiqa: RunHiqa, trees, tmp_path: Path):
    out, recipe = tmp_path / "run", tmp_path / "tiny.toml"
    recipe.write_text(as_toml(short_recipe(steps=3)))
    more = (*FLOAT, "--out", out, "--cache-dir", tmp_path / "cache")
    done = run_hiqa("train", *trees["table"], "--recipe", recipe, *more)
    assert done.code == 0, done.messages
    assert all((out / stage / "last.ckpt").exists() for stage in WITH_REFERENCES)
    assert_weights_score(run_hiqa, done.messages, out, next(Path(trees["table"][1]).parent.rglob("*.bmp"), None))
    assert "first missing" not in json.loads((out / "run.json").read_text())["record"]["databases"][0]


def assert_weights_score(run_hiqa: RunHiqa, messages: list[str], out: Path, picture: Path | None) -> None:
    """The run recorded its split, and its weights score an image of the database, or else one that training drew."""
    assert messages[-1] == f"hiqa: weights in {out}/weights"
    splits = json.loads((out / "splits.json").read_text())
    recorded = json.loads((out / "run.json").read_text())["record"]
    assert recorded["split"]["test"] == splits["splits"][0]["test"]
    scored = run_hiqa("score", "--weights", out / "weights", picture or next(out.glob("*/pictures/*.png")))
    assert scored.code == 0
    assert 0 <= float(scored.lines[0].split("\t")[0]) <= 100
    shown = run_hiqa("weights", "--weights", out / "weights")
    assert shown.code == 0


def test_the_ablation_prints_its_table_with_the_papers_numbers(run_hiqa: RunHiqa, trees, tmp_path: Path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(as_toml(short_recipe(steps=2)))
    out = tmp_path / "run"
    cache = tmp_path / "cache"
    done = run_hiqa("train", "ablation", *trees["tid2013"], "--recipe", recipe, "--out", out, "--cache-dir", cache)
    assert done.code == 0, done.messages
    assert done.lines[2] == "perceptual loss: none"
    rows = [line.split() for line in done.lines[4:]]
    assert [row[0] for row in rows] == ["BL", "HCM", "QPL", "ADV", "QADV", "HSF", "oracle"]
    assert all(-1 <= float(value) <= 1 for row in rows for value in row[1:3])
    assert rows[0][3:] == ["0.755", "0.800"]
    assert rows[5][3:] == ["0.941", "0.949"]
    assert rows[6][3:] == []
    found = json.loads((out / "ablation.json").read_text())["rows"]
    assert float(rows[2][1]) == pytest.approx(found["QPL"]["srocc"], abs=6e-4)
    # what is the same in several variants was trained once
    same = [(out / name / "alone" / "last.ckpt").stat().st_ino for name in ("BL", "HCM", "HSF", "oracle")]
    assert len(set(same)) == 1
    names = ("HCM", "QPL", "ADV", "QADV", "HSF")
    of_g = {name: (out / name / "generator" / "last.ckpt").stat().st_ino for name in names}
    assert len(set(of_g.values())) == 4
    assert of_g["QADV"] == of_g["HSF"]


def test_the_profile_prints_rates_and_where_the_time_goes(run_hiqa: RunHiqa, trees, tmp_path: Path):
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(as_toml(short_recipe(steps=12)))
    more = ("--out", tmp_path / "run", "--cache-dir", tmp_path / "cache")
    done = run_hiqa("train", *trees["table"], "--recipe", recipe, "--profile", *more)
    assert done.code == 0, done.messages
    assert [line.split()[0] for line in done.lines[1:-2:2]] == WITH_REFERENCES
    for line in done.lines[1:-2:2]:
        shares = [float(part.split()[-2]) for part in line.split("%  ")[1].split(", ")]
        assert len(shares) == 4
        assert sum(shares) == pytest.approx(100, abs=0.5)
    assert done.lines[-1].startswith("slowest: ")
    assert not (tmp_path / "run").exists()
