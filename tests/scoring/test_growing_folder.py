"""`hiqa score --sqlite`: a second run over a folder scores what is new or changed, and `--prune` drops what is gone."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.process import RunHiqa, write_picture


def table(home: Path, columns: str = "path, scored_in, seen_in") -> list[tuple]:
    with closing(sqlite3.connect(home / "t.sqlite")) as opened:
        return opened.execute(f"SELECT {columns} FROM images ORDER BY path").fetchall()


@pytest.mark.slow
def test_what_is_new_or_changed_is_scored_and_what_is_gone_dropped(
    run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path
) -> None:
    for seed, name in enumerate("abc"):
        write_picture(tmp_path / "in" / f"{name}.png", seed)
    scores = ("score", "in", "--sqlite", "t.sqlite")
    assert run_hiqa(*scores, weights=tiny_weights, cwd=tmp_path).code == 0
    write_picture(tmp_path / "in" / "b.png", 9)  # changed
    os.utime(tmp_path / "in" / "c.png", (1, 1))  # touched
    write_picture(tmp_path / "in" / "d.png", 4)  # new
    second = run_hiqa(*scores, weights=tiny_weights, cwd=tmp_path)
    assert second.messages[-1] == "hiqa: 4 images scored, 2 of them by an earlier run"
    assert table(tmp_path) == [("in/a.png", 1, 2), ("in/b.png", 2, 2), ("in/c.png", 1, 2), ("in/d.png", 2, 2)]
    assert table(tmp_path, "modified")[2] == (1_000_000_000,)  # the content is looked at once
    (tmp_path / "in" / "a.png").unlink()
    kept = run_hiqa(*scores, weights=tiny_weights, cwd=tmp_path)
    assert (kept.code, len(table(tmp_path))) == (0, 4)
    refused = run_hiqa(*scores, "absent", "--prune", weights=tiny_weights, cwd=tmp_path)
    assert "hiqa: --prune drops nothing: absent: no such file or folder" in refused.messages
    pruned = run_hiqa(*scores, "--prune", weights=tiny_weights, cwd=tmp_path)
    assert pruned.messages[0] == "hiqa: 2 rows of files that are gone dropped"  # a.png and the error row of "absent"
    assert [row[0] for row in table(tmp_path)] == ["in/b.png", "in/c.png", "in/d.png"]


@pytest.mark.slow
def test_the_page_of_a_table_is_that_of_its_json_lines(run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1, width=300, height=300)
    done = run_hiqa(
        "score", "a.png", "--sqlite", "t.sqlite", "--parquet", "t.parquet", "--jsonl", "t.jsonl", "--csv", "t.csv",
        weights=tiny_weights, cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.messages
    sizes = {}
    for name in ("t.jsonl", "t.parquet", "t.sqlite", "t.csv"):
        page = run_hiqa("report", name, "-o", "page.html", "--overwrite", cwd=tmp_path)
        assert page.code == 0, page.messages
        sizes[name] = (tmp_path / "page.html").stat().st_size - len(name)
    assert max(sizes.values()) - sizes["t.jsonl"] < 100
    assert abs(sizes["t.parquet"] - sizes["t.jsonl"]) < 100
    assert abs(sizes["t.sqlite"] - sizes["t.jsonl"]) < 100
    assert sizes["t.csv"] < sizes["t.jsonl"] - 300  # no tile scores, so no quality map
