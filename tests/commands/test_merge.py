"""`hiqa merge`: the rows of several tables, each image once."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from support.process import RunHiqa

from hiqa_cli.rows.csv_rows import CSV
from hiqa_cli.rows.json_rows import FULL_JSON_LINES
from hiqa_cli.rows.merge import merge_tables
from hiqa_cli.rows.row import Row

JSON_EXTRA = {"version": "0.1.0", "settings": {}, "tile_scores": [{"x": 0, "y": 0, "score": 50.0}]}


def scored(path: str, score: float = 50.0, **more: object) -> Row:
    values = {"width": 300, "height": 200, "tiles": 2, "mode": "fast", "precision": "fp32", "weights": "55f8254d"}
    return Row(path=path, score=score, **(values | more))  # type: ignore[arg-type]


def failed(path: str) -> Row:
    return Row(path=path, error="no such file or folder")


def write(path: Path, *rows: Row, form=CSV) -> str:
    path.write_bytes(form.header + b"".join(form.encode(row) for row in rows))
    return str(path)


def read(path: Path) -> list[dict]:
    return list(csv.DictReader(path.open(newline="")))


def test_rows_are_sorted_by_path_and_a_score_counts_before_an_error(tmp_path: Path) -> None:
    one = write(tmp_path / "1.csv", scored("c.png"), failed("a.png"), scored("new\nline.png"))
    two = write(tmp_path / "2.csv", scored("a.png", 70.0), failed("c.png"), failed("d.png"))
    result = merge_tables([one, two], tmp_path / "out.csv")
    assert [(row["path"], row["score"]) for row in read(tmp_path / "out.csv")] == [
        ("a.png", "70.0"), ("c.png", "50.0"), ("d.png", ""), ("new\nline.png", "50.0"),
    ]  # fmt: skip
    assert (result.rows, result.errors, result.repeats, result.differing) == (4, 1, 2, 0)


def test_of_different_scores_the_last_counts_and_that_is_said(run_hiqa: RunHiqa, tmp_path: Path) -> None:
    write(tmp_path / "1.csv", scored("a.png", 50))
    write(tmp_path / "2.csv", scored("a.png", 60.0))
    done = run_hiqa("merge", "1.csv", "2.csv", "-o", "out.csv", cwd=tmp_path)
    assert done.code == 0
    assert done.messages[0] == "hiqa: 1 image had different scores in several rows; the last one counts"
    assert read(tmp_path / "out.csv")[0]["score"] == "60.0"


def test_json_lines_keep_all_fields_and_become_csv(tmp_path: Path) -> None:
    rows = [scored(name, extra=JSON_EXTRA) for name in ("b.png", "a.png")]
    parts = [write(tmp_path / f"{row.path}.jsonl", row, form=FULL_JSON_LINES) for row in rows]
    merge_tables(parts, tmp_path / "out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["path"], row["tile_scores"]) for row in found] == [
        (name, JSON_EXTRA["tile_scores"]) for name in ("a.png", "b.png")
    ]
    merge_tables(parts, tmp_path / "out.csv")
    assert [row["path"] for row in read(tmp_path / "out.csv")] == ["a.png", "b.png"]


def test_csv_with_columns_in_another_order_is_merged(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", scored("a.png"))
    records = [list(row) for row in csv.reader((tmp_path / "1.csv").open())]
    with (tmp_path / "2.csv").open("w", newline="") as file:
        csv.writer(file).writerows([record[::-1] for record in records])
    merge_tables([str(tmp_path / "2.csv")], tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "1.csv").read_bytes()


def test_paths_of_a_list_that_are_missing_are_printed(run_hiqa: RunHiqa, tmp_path: Path) -> None:
    write(tmp_path / "1.csv", scored("a.png"), failed("b.png"))
    (tmp_path / "list.txt").write_text("a.png\nb.png\nc d.png\nc d.png\n")
    done = run_hiqa("merge", "1.csv", "-o", "out.csv", "--against", "list.txt", cwd=tmp_path)
    assert (done.code, done.lines) == (1, ["c d.png"])
    assert done.messages[-1] == "hiqa: 1 of 3 paths of --against are in no table"
    assert len(read(tmp_path / "out.csv")) == 2


def test_a_table_that_was_killed_loses_its_incomplete_line_only(run_hiqa: RunHiqa, tmp_path: Path) -> None:
    write(tmp_path / "1.csv", scored("a.png"), scored("b.png"))
    (tmp_path / "1.csv").write_bytes((tmp_path / "1.csv").read_bytes()[:-5])
    done = run_hiqa("merge", "1.csv", "-o", "out.csv", cwd=tmp_path)
    assert done.code == 0
    assert done.messages[0] == "hiqa: 1.csv: its last line is incomplete and was left out"
    assert [row["path"] for row in read(tmp_path / "out.csv")] == ["a.png"]


@pytest.mark.parametrize(
    ("parts", "out", "message"),
    [
        (("1.csv", "other.csv"), "out.csv",
         "other.csv: b.png was scored with weights 12345678, 1.csv has weights 55f8254d; merge tables of one run"),
        (("1.csv",), "out.jsonl",
         "out.jsonl: CSV has no tile scores, so JSON lines cannot be made of it; give -o FILE.csv, .parquet "
         "or .sqlite"),
        (("1.csv",), "out.txt",
         "--output out.txt: expected a name that ends in .csv, .jsonl, .parquet, .sqlite, .sqlite3 or .db, "
         "found '.txt'"),
        (("1.csv",), "1.csv", "--output 1.csv: exists already; replace it by --overwrite, or give another file"),
        (("absent.csv",), "out.csv", "absent.csv cannot be read: no such file or directory"),
        (("text.csv",), "out.csv", "text.csv is not a table that --csv wrote: line 1 does not fit; merge tables that "
         "this version of hiqa score wrote"),
    ],
)  # fmt: skip
def test_what_cannot_be_merged_is_refused_in_one_line(run_hiqa, tmp_path, parts, out, message) -> None:
    write(tmp_path / "1.csv", scored("a.png"))
    write(tmp_path / "other.csv", scored("b.png", weights="12345678"))
    (tmp_path / "text.csv").write_text("a line of text\nand another\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    done = run_hiqa("merge", *parts, "-o", out, cwd=tmp_path)
    assert (done.code, done.messages) == (2, [f"hiqa: {message}"])
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_the_output_is_never_one_of_the_parts(run_hiqa: RunHiqa, tmp_path: Path) -> None:
    table = write(tmp_path / "1.csv", scored("a.png"))
    (tmp_path / "link.csv").hardlink_to(table)
    done = run_hiqa("merge", "1.csv", "-o", "link.csv", "--overwrite", cwd=tmp_path)
    assert (done.code, done.messages) == (2, ["hiqa: --output link.csv is one of the parts; give another file"])
