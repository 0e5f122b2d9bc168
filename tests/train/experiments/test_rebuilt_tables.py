"""Tables of the rebuilt databases: rows, contents, and Rs that are pretrained in lockstep."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from support.photographs import write_photographs
from support.tiny_training import as_toml, short_recipe

from hiqa_train.data.splits import read_splits
from hiqa_train.evaluation.agreement import TypeAgreement
from hiqa_train.evaluation.correlation import Agreement
from hiqa_train.evaluation.protocols.protocol import SplitResult
from hiqa_train.experiments.rebuilt.markdown import ablation_table, type_table
from hiqa_train.experiments.rebuilt.pretraining import pretrain
from hiqa_train.experiments.rebuilt.tables import SPLITS, TableStudy, rows_of_ablation, rows_of_two
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.runs.options import RunOptions
from hiqa_train.stages.initialise import load_regressor

pytestmark = pytest.mark.usefixtures("signals_as_they_were")


def result(number: int, sroccs: dict[str, float]) -> SplitResult:
    rows = [
        TypeAgreement(
            kind, 25, 5, Agreement(srocc=value, krocc=value, plcc=value, rmse=1.0, plcc_unfitted=value, images=25), {}
        )
        for kind, value in sroccs.items()
    ]  # fmt: skip
    return SplitResult("x", number, {"tid2013-rebuilt": tuple(rows)})


def test_ten_splits_by_kodaks_number_serve_both_databases():
    splits = read_splits(SPLITS)
    assert splits.databases == ("tid2008-rebuilt", "tid2013-rebuilt")
    every = {f"kodim{number:02}" for number in range(1, 25)}
    for division in splits.splits:
        assert {*division.training, *division.validation, *division.test} == every
        assert [len(part) for part in (division.training, division.validation, division.test)] == [17, 2, 5]
    assert len(splits.splits) == 10


def test_every_row_has_as_many_steps_on_the_same_patches(tmp_path: Path):
    rows = rows_of_two(TableStudy(tmp_path / "pre", tmp_path / "g", tmp_path / "out", 0))
    trained = [row for row in rows.values() if hasattr(row, "recipe")]
    stages = [list(row.recipe.stages.values())[-1] for row in trained]
    assert len(stages) == 5
    assert len({(stage.steps, stage.batch, stage.patch) for stage in stages}) == 1
    assert [row.name for row in trained] == [
        "hiqa-pretrained", "baseline-pretrained", "hiqa-released", "hiqa-scratch", "baseline-scratch"
    ]  # fmt: skip


def test_rows_of_the_ablation_differ_in_what_they_are_named_after(tmp_path: Path):
    rows = rows_of_ablation(TableStudy(tmp_path / "pre", tmp_path, tmp_path / "out", 0), tmp_path)
    last = {name: row.recipe.stages["alone" if name == "BL" else "final"] for name, row in rows.items()}
    assert {name: (stage.sees, stage.fusion) for name, stage in last.items()} == {
        "BL": ("image", False), "HCM": ("hallucination", False), "QPL": ("hallucination", False),
        "ADV": ("hallucination", False), "QADV": ("hallucination", False), "HSF": ("hallucination", True),
        "oracle": ("reference", True),
    }  # fmt: skip
    generators = {name: row.generator and row.generator.name for name, row in rows.items()}
    assert generators == {
        "BL": None, "HCM": "HCM", "QPL": "QPL", "ADV": "ADV", "QADV": "QADV", "HSF": "QADV", "oracle": "QADV"
    }  # fmt: skip
    assert {row.init_regressor for row in rows.values()} == {tmp_path / "pre" / "alone"}


def test_a_table_has_medians_the_papers_numbers_and_their_mean():
    kinds = [line.split("|")[1].strip().split(" ", 1)[1] for line in type_table({}, "tid2013-rebuilt")[2:-2]]
    assert len(kinds) == 15
    found = [result(number, dict.fromkeys(kinds, value)) for number, value in enumerate((0.2, 0.4, 0.9))]
    lines = type_table({"ours": found}, "tid2013-rebuilt")
    assert lines[2] == "| 1 additive Gaussian noise | same level | 0.923 | 0.400 (0.300..0.650) |"
    assert lines[-2] == "| mean of the 15 |  | 0.710 | 0.400 |"


def test_a_table_ends_with_the_mean_of_each_split():
    """Not the mean of medians: a type that fails on one split only weighs in that split's mean."""
    kinds = [line.split("|")[1].strip().split(" ", 1)[1] for line in type_table({}, "tid2013-rebuilt")[2:-2]]
    found = [
        result(number, {kind: 0.0 if place // 5 == number else 0.75 for place, kind in enumerate(kinds)} | {"all": 1.0})
        for number in range(4)
    ]
    lines = type_table({"ours": found}, "tid2013-rebuilt")
    assert lines[-2] == "| mean of the 15 |  | 0.710 | 0.750 |"
    assert lines[-1] == "| each split's mean of the 15 |  | - | 0.500 (0.500..0.562) |"


def test_the_ablation_shows_the_gain_of_a_row_on_the_same_split():
    rows = {
        "BL": [result(1, {"all": 0.5})], "HCM": [result(1, {"all": 0.75})],
        "QPL": [result(1, {"all": 0.625}), result(2, {"all": 0.875})],
    }  # fmt: skip
    lines = ablation_table(rows)
    assert lines[-2] == "| HCM | 1 | 0.750 | 0.750 | +0.250 (+0.250) | +0.250 (+0.250) | 0.859 | 0.870 |"
    assert lines[-1].split(" | ")[4:6] == ["+0.125 (+0.125)", "-0.125 (-0.125)"]


@pytest.mark.slow
def test_rs_train_in_lockstep_each_on_its_own_inputs(tmp_path: Path):
    folder = write_photographs(tmp_path / "photographs")
    recipe = short_recipe(steps=2)
    recipe = dataclasses.replace(recipe.only("alone", "final"), name="tiny")
    for name in recipe.stages:
        recipe = recipe.with_stage(name, begin="", shares={"noise": 0.5, "blur": 0.5}, patch=64)
    (tmp_path / "tiny.toml").write_text(as_toml(recipe))
    recipe = load_recipe(str(tmp_path / "tiny.toml"))
    options = RunOptions(device="cpu", precision="fp32")
    assert pretrain([folder], recipe, tmp_path / "pre", options)
    for name, inputs in (("alone", 3), ("final", 6)):
        network = load_regressor(tmp_path / "pre", recipe.stages[name]).regressor
        assert network.trunk.conv[0].weight.shape[1] == inputs
        assert all(torch.isfinite(value).all() for value in network.state_dict().values())
    # what R is shown decides which one a stage begins with: a map without fusion has none of its own
    without = dataclasses.replace(recipe.stages["final"], fusion=False)
    assert not load_regressor(tmp_path / "pre", without).regressor.config.discrepancy
