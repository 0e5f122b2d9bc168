"""The columns of rows: in any order, the same in every form, and no other columns."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from hiqa_cli.engine.results import ScoreResult, TileScore
from hiqa_cli.engine.row_schema import COLUMNS
from hiqa_cli.errors import UsageError
from hiqa_cli.rows.codec import TableFormat
from hiqa_cli.rows.csv_rows import CSV
from hiqa_cli.rows.json_rows import JSON_LINES
from hiqa_cli.rows.line_table import LineTable
from hiqa_cli.rows.row import DEFAULT_SETTINGS, Row, changed_settings, scored_row
from hiqa_cli.rows.table import IfExists
from hiqa_cli.scoring.resume import check_rows_fit

RESULT = ScoreResult(
    score=2.00004,
    uncertainty=5.5,
    width=300,
    height=200,
    tiles=(TileScore(0, 0, 1.0), TileScore(44, 0, 3.0)),
    precision="fp32",
    weights="0123abcd",
    stride=128,
    mode="fast",
    tile_total=2,
    notes=("frame 1 of 2", "reflected to 300x256"),
)
SCORED = scored_row("a", RESULT, {"version": "9"})
FAILED = Row("b", error="truncated")
REVERSED = (*reversed(COLUMNS[1:]), "path")
EARLIER = (
    b"path,score,uncertainty,width,height,tiles,mode,precision,weights,error\n"
    b"a,50,2,300,200,2,fast,fp32,0123abcd,\n"
)  # fmt: skip
SETTINGS = {**DEFAULT_SETTINGS, "mode": "fast", "precision": "fp32"}


def test_a_result_gives_every_column_and_its_interval_stays_on_the_scale() -> None:
    row = RESULT.to_row("a")
    assert tuple(row) == COLUMNS
    assert (row["score"], row["lower"], row["upper"], row["uncertainty"]) == (2.0, 0.0, 7.5, 5.5)
    assert (row["grade"], row["notes"], row["tiles"]) == ("bad", ["frame 1 of 2", "reflected to 300x256"], 2)
    assert (row["kind"], row["reasons"], row["error"]) == ("photograph", [], "")
    assert replace(RESULT, score=99.0).to_row()["upper"] == 100.0
    assert replace(RESULT, score=79.99999).to_row()["grade"] == "excellent"  # as a reader of 80.0 would call it


def test_a_reader_of_csv_learns_what_was_done_to_a_picture(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(CSV.header + CSV.encode(replace(SCORED, standard_error=0.25)))
    with (tmp_path / "t.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["notes"], row["standard_error"]) == ("frame 1 of 2; reflected to 300x256", "0.25")


@pytest.mark.parametrize("name", ["cr\rx.jpg", "\r", "crlf\r\n.jpg", 'both\r,"\n.jpg'])
def test_a_carriage_return_in_a_name_makes_no_row(name: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(CSV.header + CSV.encode(replace(SCORED, path=name)))
    with (tmp_path / "t.csv").open(newline="") as file:
        assert [row["path"] for row in csv.DictReader(file)] == [name]
    (saved,) = LineTable(str(tmp_path / "t.csv"), CSV, IfExists.RESUME).rows
    assert saved.path == name


@pytest.mark.parametrize(
    "name", ["=1+1.jpg", "+a.jpg", "-a.jpg", "@SUM(a).jpg", "\t=a.jpg", "\r=a.jpg", "＝a.jpg", "'=a.jpg"]
)
def test_safe_csv_has_no_formulas_and_is_read_back_exactly(name: str) -> None:
    safe = replace(CSV, safe=True)
    row = replace(SCORED, path=name, notes=("=note",), score=-1.5, extra={})
    (cells,) = csv.reader([safe.encode(row).decode()])
    assert (cells[0], cells[1], cells[COLUMNS.index("notes")]) == (f"'{name}", "-1.5", "'=note")
    assert safe.decode(safe.encode(row)) == row
    assert CSV.encode(row).decode().lstrip('"')[0] == name[0]  # unless it is asked for
    plain = replace(row, path="a=b'.jpg", notes=("'quoted'",))
    assert safe.encode(plain) == CSV.encode(plain)


@pytest.mark.parametrize("first_line", [",".join(REVERSED) + "\n", '\ufeff"' + '","'.join(REVERSED) + '"\r\n'])
def test_csv_is_read_by_its_header_and_continued_in_its_order(first_line: str, tmp_path: Path) -> None:
    """The second is what a spreadsheet makes of it: byte order mark, quotes, CR LF."""
    path = tmp_path / "t.csv"
    form = CSV.with_header(first_line.encode())
    path.write_bytes(first_line.encode() + form.encode(SCORED) + form.encode(FAILED))
    table = LineTable(str(path), CSV, IfExists.RESUME)
    assert table.rows == [replace(SCORED, extra={}), FAILED]
    table.replace(1)
    table.open()
    table.append(replace(SCORED, path="b"))
    table.close()
    with path.open(newline="", encoding="utf-8-sig") as file:
        found = [(row["path"], row["score"], row["weights"], row["error"]) for row in csv.DictReader(file)]
    assert found == [("a", "2.0", "0123abcd", ""), ("b", "2.0", "0123abcd", "")]
    assert path.read_bytes().startswith(first_line.encode())


def test_integers_that_pandas_made_floats_are_read(tmp_path: Path) -> None:
    text = CSV.encode(SCORED).replace(b",300,200,2,", b",300.0,200.0,2.0,")
    (tmp_path / "t.csv").write_bytes(CSV.header + text)
    (saved,) = LineTable(str(tmp_path / "t.csv"), CSV, IfExists.RESUME).rows
    assert (saved.width, saved.height, saved.tiles) == (300, 200, 2)


@pytest.mark.parametrize(
    ("form", "text", "named"),
    [
        (CSV, EARLIER, "no lower, upper, standard_error, grade and 3 more"),
        (CSV, CSV.header.replace(b"error\n", b"error,mine\n"), "also mine"),
        (CSV, CSV.header.replace(b"error\n", b"error,path\n"), "also one twice"),
        (
            JSON_LINES,
            JSON_LINES.encode(SCORED).replace(b'"lower"', b'"l"').replace(b'"upper"', b'"u"'),
            "no lower, upper",
        ),
    ],
)
def test_a_table_of_another_schema_is_refused_in_one_line_with_what_to_do(
    form: TableFormat, text: bytes, named: str, tmp_path: Path
) -> None:
    path = tmp_path / "t"
    path.write_bytes(text)
    with pytest.raises(UsageError) as refused:
        LineTable(str(path), form, IfExists.RESUME)
    assert str(refused.value) == (
        f"{path} has other columns than this version of hiqa: {named}; "
        "score into another file, or replace this one by --overwrite in place of --resume"
    )
    assert path.read_bytes() == text


def test_only_settings_that_differ_from_their_defaults_stand_in_a_row(tmp_path: Path) -> None:
    assert changed_settings(SETTINGS) == {}
    changed = changed_settings({**SETTINGS, "stride": 64, "max_tiles": None, "device": "cuda", "threads": 2})
    assert changed == {"stride": 64, "max_tiles": None, "device": "cuda", "threads": 2}
    row = replace(SCORED, extra={"version": "9", "settings": changed})
    assert [row.setting(name) for name in ("stride", "max_tiles", "tolerance")] == [64, None, 0.5]
    (tmp_path / "t").write_bytes(JSON_LINES.encode(row))
    table = LineTable(str(tmp_path / "t"), JSON_LINES, IfExists.RESUME)
    check_rows_fit([table], "0123abcd", "9", {**SETTINGS, **changed})
    with pytest.raises(UsageError, match="stride 64, now 128"):
        check_rows_fit([table], "0123abcd", "9", SETTINGS)
