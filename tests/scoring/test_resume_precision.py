"""A measurement of speed never makes a resumed run disagree with its beginning."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from support.process import RunHiqa, write_picture


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_auto_takes_the_precision_of_the_rows_that_it_resumes(
    run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path, precision: str
) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    write_picture(first, 1)
    write_picture(second, 2)
    table = tmp_path / "out.csv"
    begun = run_hiqa("score", first, "--csv", table, "--precision", precision, weights=tiny_weights)
    assert begun.code == 0
    resumed = run_hiqa("score", first, second, "--csv", table, "--resume", weights=tiny_weights)
    assert resumed.code == 0, resumed.messages
    assert [row["precision"] for row in csv.DictReader(table.open())] == [precision, precision]


def test_a_precision_that_is_given_is_not_that_of_the_rows(
    run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path
) -> None:
    picture, table = tmp_path / "a.png", tmp_path / "out.csv"
    write_picture(picture, 1)
    assert run_hiqa("score", picture, "--csv", table, "--precision", "bf16", weights=tiny_weights).code == 0
    refused = run_hiqa("score", picture, "--csv", table, "--resume", "--precision", "fp32", weights=tiny_weights)
    assert refused.code == 2
    assert "precision bf16" in refused.messages[-1]
