"""Rows in files: format, appending, resuming, and replacing without loss."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hiqa_cli.engine.row_schema import COLUMNS
from hiqa_cli.errors import UsageError
from hiqa_cli.rows.codec import TableFormat
from hiqa_cli.rows.csv_rows import CSV
from hiqa_cli.rows.json_rows import JSON_LINES
from hiqa_cli.rows.line_table import LineTable
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.table import IfExists
from hiqa_cli.scoring.inputs import Input
from hiqa_cli.scoring.resume import check_rows_fit, plan_resume

SETTINGS = {
    "mode": "fast",
    "stride": 128,
    "tolerance": 0.5,
    "max_tiles": 96,
    "keep_borders": False,
    "precision": "fp32",
    "device": "cpu",
    "backend": "openvino",
}
EXTRA = {"version": "9"}
HEADER = (
    "path,score,lower,upper,uncertainty,standard_error,grade,kind,reasons,notes,width,height,tiles,mode,precision,"
    "weights,error\n"
)


def scored(path: str, score: float = 50.0) -> Row:
    return Row(
        path,
        score=score,
        lower=max(score - 2.5, 0.0),
        upper=min(score + 2.5, 100.0),
        uncertainty=2.5,
        standard_error=0.0,
        grade="fair",
        notes=("frame 1 of 2", "reflected to 300x256"),
        width=300,
        height=200,
        tiles=2,
        mode="fast",
        precision="fp32",
        weights="0123abcd",
        extra=EXTRA,
    )


def failed(path: str) -> Row:
    return Row(path, error="truncated", extra=EXTRA)


def write(path: Path, form: TableFormat, *rows: Row, tail: bytes = b"") -> Path:
    path.write_bytes(form.header + b"".join(form.encode(row) for row in rows) + tail)
    return path


def resume(path: Path, form: TableFormat, given: list[str], new: list[Row]) -> list[Row | None]:
    """Resume a run with the inputs `given` and append the rows `new`."""
    table = LineTable(str(path), form, IfExists.RESUME)
    images = [Input(name, ".") for name in given]
    plan = plan_resume([table], images, [None] * len(images))
    table.open()
    for row in new:
        table.append(row)
    table.close()
    return plan.finished


def paths(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [row["path"] for row in csv.DictReader(file)]


def test_the_columns_are_the_documented_ones() -> None:
    assert CSV.header.decode() == HEADER


def test_an_error_row_has_no_numbers() -> None:
    assert CSV.encode(failed("a.png")) == b"a.png,,,,,,,,,,,,,,,,truncated\n"
    fields = json.loads(JSON_LINES.encode(failed("a.png")))
    assert list(fields) == [*COLUMNS, "version"]
    assert [fields[column] for column in COLUMNS] == ["a.png", *[None] * 7, [], [], *[None] * 6, "truncated"]


def test_only_bytes_that_are_not_utf8_are_escaped() -> None:
    row = scored("caf\udce9 é\t\\ \n.png")
    text = CSV.encode(row).decode()
    assert next(csv.reader(io.StringIO(text, newline="")))[0] == "caf\\udce9 é\t\\ \n.png"
    assert b'"caf\\udce9 \xc3\xa9' in JSON_LINES.encode(row)
    assert json.loads(JSON_LINES.encode(row))["path"] == row.path


def test_a_json_line_is_one_line_for_any_name() -> None:
    assert JSON_LINES.encode(scored("a\nb\u2028\r.png")).count(b"\n") == 1


@pytest.mark.parametrize("form", [CSV, JSON_LINES])
def test_rows_are_read_back_as_they_were_written(form: TableFormat, tmp_path: Path) -> None:
    rows = [scored("a b.png"), failed('b\n,".png'), scored("c.png", 0.25)]
    table = LineTable(str(write(tmp_path / "t", form, *rows)), form, IfExists.RESUME)
    assert [one if form is JSON_LINES else replace(one, extra=EXTRA) for one in table.rows] == rows


@pytest.mark.parametrize("form", [CSV, JSON_LINES])
def test_every_row_is_in_the_file_as_soon_as_it_is_appended(form: TableFormat, tmp_path: Path) -> None:
    table = LineTable(str(tmp_path / "t"), form, IfExists.REFUSE)
    table.open()
    for count in (1, 2):
        table.append(scored(f"{count}.png"))
        assert (tmp_path / "t").read_bytes().count(b"\n") == count + bool(form.header)
    table.close()


def test_an_existing_file_is_refused_unless_it_is_empty(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", CSV, scored("a.png"))
    with pytest.raises(UsageError, match="--resume"):
        LineTable(str(path), CSV, IfExists.REFUSE)
    path.write_bytes(b"")
    LineTable(str(path), CSV, IfExists.REFUSE)


def test_overwriting_empties_the_file_when_work_begins_not_before(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", CSV, scored("old.png"))
    table = LineTable(str(path), CSV, IfExists.OVERWRITE)
    assert paths(path) == ["old.png"]
    table.open()
    table.append(scored("new.png"))
    table.close()
    assert paths(path) == ["new.png"]


@pytest.mark.parametrize("target", ["missing/t.csv", "."])
def test_a_file_that_cannot_be_created_is_refused_before_work(target: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        LineTable(str(tmp_path / target), CSV, IfExists.REFUSE)


@pytest.mark.parametrize("form", [CSV, JSON_LINES])
def test_resuming_drops_a_torn_last_line_and_skips_finished_images(form: TableFormat, tmp_path: Path) -> None:
    torn = form.encode(scored("b.png"))[:-9]
    path = write(tmp_path / "t", form, scored("a.png"), tail=torn)
    finished = resume(path, form, ["a.png", "b.png"], [scored("b.png", 60)])
    assert [row.path if row else None for row in finished] == ["a.png", None]
    assert path.read_bytes() == form.header + b"".join(
        form.encode(row) for row in (scored("a.png"), scored("b.png", 60))
    )


def test_a_record_torn_inside_a_quoted_name_is_dropped(tmp_path: Path) -> None:
    torn = CSV.encode(scored('x\n".png'))[:6]
    path = write(tmp_path / "t.csv", CSV, scored("a.png"), tail=torn)
    resume(path, CSV, ["a.png"], [])
    assert path.read_text() == HEADER + CSV.encode(scored("a.png")).decode()


def test_a_torn_header_is_rewritten(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEADER[:20])
    resume(tmp_path / "t.csv", CSV, ["a.png"], [scored("a.png")])
    assert paths(tmp_path / "t.csv") == ["a.png"]


def test_an_error_row_is_replaced_in_its_place(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", CSV, scored("a"), failed("b"), scored("c"), failed("d"))
    resume(path, CSV, ["a", "b", "c", "d", "e"], [scored("b"), failed("d"), scored("e")])
    assert path.read_bytes() == CSV.header + b"".join(
        map(CSV.encode, [scored("a"), scored("b"), scored("c"), failed("d"), scored("e")])
    )
    assert os.listdir(tmp_path) == ["t.csv"]


def test_the_run_after_a_killed_one_removes_superseded_rows(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "t.csv", CSV, failed("a"), scored("b"), scored("a"))
    finished = resume(path, CSV, ["a", "b"], [])
    assert [row is not None for row in finished] == [True, True]
    assert path.read_bytes() == CSV.header + CSV.encode(scored("b")) + CSV.encode(scored("a"))


def test_a_run_stopped_early_keeps_the_errors_it_did_not_retry(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", CSV, failed("a"), failed("b"))
    resume(path, CSV, ["a", "b"], [scored("a")])
    assert path.read_bytes() == CSV.header + CSV.encode(scored("a")) + CSV.encode(failed("b"))


def test_rows_of_other_images_are_kept_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", CSV, scored("gone", 1), failed("bad"), scored("a"))
    table = LineTable(str(path), CSV, IfExists.RESUME)
    plan = plan_resume([table], [Input("a", ".")], [None])
    assert [row.path for row in plan.kept] == ["gone", "bad"]


def test_an_image_given_twice_has_two_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", CSV, scored("a"))
    assert [row is None for row in resume(path, CSV, ["a", "a"], [scored("a")])] == [False, True]
    assert paths(path) == ["a", "a"]


def test_an_image_is_finished_only_if_every_table_has_it(tmp_path: Path) -> None:
    tables = [
        LineTable(str(write(tmp_path / "t.csv", CSV, scored("a"), scored("b"))), CSV, IfExists.RESUME),
        LineTable(str(write(tmp_path / "t.jsonl", JSON_LINES, scored("a"))), JSON_LINES, IfExists.RESUME),
    ]
    plan = plan_resume(tables, [Input("a", "."), Input("b", ".")], [None, None])
    assert [row is not None for row in plan.finished] == [True, False]
    for table in tables:
        table.open()
        table.append(scored("b"))
        table.close()
    assert paths(tmp_path / "t.csv") == ["a", "b"]
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 2


def test_standard_input_is_never_finished(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", CSV, scored("-"))
    table = LineTable(str(path), CSV, IfExists.RESUME)
    assert plan_resume([table], [Input("-")], [None]).finished == [None]


@pytest.mark.parametrize("text", ["my notes\n", "my notes", "path,mos\na,1\n", "a,b,c"])
@pytest.mark.parametrize("form", [CSV, JSON_LINES])
def test_a_file_that_hiqa_did_not_write_is_refused_and_unchanged(form: TableFormat, text: str, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text(text)
    with pytest.raises(UsageError, match="not a table"):
        LineTable(str(path), form, IfExists.RESUME)
    assert path.read_text() == text


def test_a_row_whose_score_is_no_number_is_refused_by_row_number(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", CSV, tail=CSV.encode(scored("a")).replace(b"50.0", b"x"))
    with pytest.raises(UsageError, match="row 2"):
        LineTable(str(path), CSV, IfExists.RESUME)


@pytest.mark.parametrize(
    ("form", "weights", "version", "changed", "named"),
    [
        (CSV, "ffffffff", "9", {}, "weights"),
        (CSV, "0123abcd", "9", {"precision": "bf16"}, "precision"),
        (CSV, "0123abcd", "9", {"mode": "exact"}, "mode"),
        (JSON_LINES, "0123abcd", "9", {"tolerance": 2.0}, "tolerance"),
        (JSON_LINES, "0123abcd", "9", {"stride": 100}, "stride"),
        (JSON_LINES, "0123abcd", "9", {"device": "cuda"}, "device"),
        (JSON_LINES, "0123abcd", "10", {}, "version"),
    ],
)
def test_rows_of_another_run_are_refused(
    form: TableFormat,
    weights: str,
    version: str,
    changed: dict[str, object],
    named: str,
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "t", form, scored("a.png"), failed("b.png"))
    table = LineTable(str(path), form, IfExists.RESUME)
    check_rows_fit([table], "0123abcd", "9", SETTINGS)
    with pytest.raises(UsageError, match=named):
        check_rows_fit([table], weights, version, {**SETTINGS, **changed})


def test_rows_of_another_stride_are_known_by_their_number_of_tiles_in_mode_exact(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", CSV, replace(scored("a.png"), mode="exact"))
    table = LineTable(str(path), CSV, IfExists.RESUME)
    exact = {**SETTINGS, "mode": "exact"}
    check_rows_fit([table], "0123abcd", "9", exact)
    with pytest.raises(UsageError, match="tiles 2, now 4"):
        check_rows_fit([table], "0123abcd", "9", {**exact, "stride": 16})
