"""Filters choose the rows of standard output; the summary tells how all scores lie."""

from __future__ import annotations

import re

import pytest

from hiqa_cli.errors import UsageError
from hiqa_cli.rows.row import Row
from hiqa_cli.scoring.options import EVERY_ROW, RowFilter, row_filter
from hiqa_cli.scoring.row_printer import make_printer
from hiqa_cli.scoring.summary import RunSummary, quantile

ROWS = [
    Row("a.png", 30.0, grade="poor", kind="text"),
    Row("b.png", 50.0, grade="fair", kind="photograph", reasons=("blur",)),
    Row("c.png", 70.0, grade="good", kind="flat"),
    Row("d.png", 60.0, grade="good", kind="photograph"),
    Row("e.png", error="damaged"),
]


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        (EVERY_ROW, "abcd"),
        (row_filter("text"), "a"),
        (row_filter("text,flat"), "ac"),
        (row_filter("not-a-photograph"), "ac"),
        (row_filter("photograph"), "bd"),
        (RowFilter(("blur",)), "b"),
        (row_filter(below=60.0), "ab"),
        (row_filter(above=60.0), "cd"),
        (row_filter(below=70.0, above=50.0), "bd"),
        (row_filter("not-a-photograph", below=40.0), "a"),
    ],
)
def test_standard_output_has_the_rows_that_pass(
    chosen: RowFilter, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = make_printer(form=None, paths_only=True, order="", worst=None, row_filter=chosen)
    for row in ROWS:
        printer.show(row)
    printer.end(RunSummary())
    assert capsys.readouterr().out.replace("\0", "") == "".join(f"{name}.png" for name in shown)


def test_the_worst_are_the_worst_of_those_that_pass(capsys: pytest.CaptureFixture[str]) -> None:
    printer = make_printer(form=None, paths_only=False, order="", worst=1, row_filter=row_filter("photograph"))
    for row in ROWS:
        printer.show(row)
    printer.end(RunSummary())
    assert capsys.readouterr().out == "50.00\tb.png\n"


def test_bounds_that_leave_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match=re.escape("no score is below 50 and at least 50")):
        row_filter(below=50.0, above=50.0)


def test_the_summary_tells_median_low_quantiles_grades_and_kinds() -> None:
    summary = RunSummary()
    for row in ROWS:
        summary.add(row)
    assert summary.distribution() == ["median 55.00", "1 poor, 1 fair, 2 good", "1 text, 1 blur, 1 flat"]
    for number in range(20):
        summary.add(Row(f"{number}.png", 60.0 + number, grade="good", kind="photograph"))
    assert summary.distribution()[0] == "median 68.50; 10 % score below 60.00, 5 % below 51.50"
    assert RunSummary(scored=1).distribution() == []
    assert quantile([1.0, 2.0, 4.0], 0.75) == 3.0
