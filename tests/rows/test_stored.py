"""Rows in Parquet and SQLite: read back as they were, resumed, complete after a kill, and joined with other tables."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.process import in_fork, write_picture

from hiqa_cli.errors import DependencyError, UsageError
from hiqa_cli.rows.merge import merge_tables
from hiqa_cli.rows.parquet.table import ParquetTable
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.sqlite.table import SqliteTable
from hiqa_cli.rows.stored import is_table, open_table
from hiqa_cli.rows.table import IfExists, Table
from hiqa_cli.scoring.inputs import Input
from hiqa_cli.scoring.resume import plan_resume

TILES = [{"x": 0, "y": 0, "score": 49.5}, {"x": 44, "y": 0, "score": 50.5}]
EXTRA = {"tile_scores": TILES, "tile_total": 2, "version": "9", "settings": {"stride": 64}}
Make = Callable[[Path, IfExists], Table]


def scored(path: str, score: float = 50.0, **settings: object) -> Row:
    extra = {**EXTRA, "settings": {"stride": 64, **settings}}
    return Row(
        path, score, score - 2.5, score + 2.5, 2.5, None, "fair", notes=("one", "two; three"), width=300, height=200,
        tiles=2, mode="fast", precision="fp32", weights="0123abcd", extra=extra,
    )  # fmt: skip


def failed(path: str) -> Row:
    return Row(path, error="truncated", extra={"version": "9"})


def parquet(path: Path, if_exists: IfExists) -> Table:
    return ParquetTable(str(path), if_exists, rows_a_part=3)


def database(path: Path, if_exists: IfExists) -> Table:
    return SqliteTable(str(path), if_exists)


FORMS = pytest.mark.parametrize(("make", "name"), [(parquet, "t.parquet"), (parquet, "folder"), (database, "t.sqlite")])


def write(table: Table, *rows: Row) -> None:
    table.open()
    for row in rows:
        table.append(row)
    table.close()


def found(path: Path) -> list[Row]:
    with closing(open_table(str(path), "part", "")) as table:
        return [replace(row, extra={k: v for k, v in row.extra.items() if k != "file"}) for _, row in table.rows()]


@FORMS
def test_rows_are_read_back_as_they_were_written(make: Make, name: str, tmp_path: Path) -> None:
    rows = [scored(f"{number}.png", number / 3, threads=number % 2) for number in range(7)] + [failed('b\n,".png')]
    write(make(tmp_path / name, IfExists.REFUSE), *rows)
    assert found(tmp_path / name) == rows
    with closing(open_table(str(tmp_path / name), "part", "")) as table:
        assert [table.row_at(place).score for place, _ in list(table.rows())[::-2]] == [row.score for row in rows[::-2]]
    resumed = make(tmp_path / name, IfExists.RESUME)
    assert [row.path for row in resumed.rows] == [row.path for row in rows]
    assert "tile_scores" not in resumed.rows[0].extra
    assert [resumed.full_row(number).extra["tile_scores"] for number in (0, 6)] == [TILES, TILES]


@FORMS
def test_a_killed_run_loses_no_row_and_is_continued(make: Make, name: str, tmp_path: Path) -> None:
    path = tmp_path / name

    def killed() -> None:
        table = make(path, IfExists.REFUSE)
        table.open()
        for row in (scored("a"), failed("b"), scored("c"), scored("d"), failed("e")):
            table.append(row)
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(EOFError):  # it never answers
        in_fork(killed)
    if name == "folder":
        pq = pytest.importorskip("pyarrow.parquet")
        assert pq.read_table(path)["path"].to_pylist() == ["a", "b", "c"]  # any reader sees the closed part
    again = make(path, IfExists.RESUME)
    assert [again.full_row(number).path for number in range(5)] == list("abcde")
    images = [Input(one, ".") for one in "abcdef"]
    plan = plan_resume([again], images, [None] * 6)
    assert [row.path for row in plan.finished if row] == ["a", "c", "d"]
    write(again, scored("b", 60), scored("e", 61), failed("f"))
    assert sorted((row.path, row.score) for row in found(path) if row.is_scored) == [
        ("a", 50), ("b", 60), ("c", 50), ("d", 50), ("e", 61),
    ]  # fmt: skip
    assert [row.path for row in found(path) if not row.is_scored] == ["f"]
    assert os.listdir(tmp_path) == [name]


@FORMS
def test_a_table_that_exists_is_replaced_only_if_that_is_asked_for(make: Make, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write(make(path, IfExists.REFUSE), scored("old"))
    if make is parquet:
        with pytest.raises(UsageError, match="exists already"):
            make(path, IfExists.REFUSE)
    write(make(path, IfExists.OVERWRITE), scored("new"))
    assert [row.path for row in found(path)] == ["new"]


@FORMS
def test_a_run_without_images_leaves_an_empty_table(make: Make, name: str, tmp_path: Path) -> None:
    write(make(tmp_path / name, IfExists.REFUSE))
    assert found(tmp_path / name) == []
    assert make(tmp_path / name, IfExists.RESUME).rows == []


@pytest.mark.parametrize("name", ["t.parquet", "t.sqlite"])
def test_a_file_that_hiqa_did_not_write_is_refused_and_unchanged(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("my notes")
    with pytest.raises(UsageError, match="not a table that"):
        (parquet if name == "t.parquet" else database)(tmp_path / name, IfExists.RESUME)
    assert (tmp_path / name).read_text() == "my notes"


def test_a_folder_with_other_files_is_no_place_for_parts(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("x")
    with pytest.raises(UsageError, match=r"holds photo\.jpg, which hiqa did not write"):
        parquet(tmp_path, IfExists.OVERWRITE)


def test_parquet_is_typed_and_names_the_settings(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    write(parquet(tmp_path / "t.parquet", IfExists.REFUSE), scored("a"), scored("b"))
    form = pq.read_schema(tmp_path / "t.parquet")
    assert form.metadata[b"hiqa"] == b'{"settings": {"stride": 64}, "version": "9"}'
    types = [str(form.field(name).type) for name in ("score", "width", "reasons", "error")]
    assert types == ["double", "int32", "list<element: string>", "string"]
    table = pq.read_table(tmp_path / "t.parquet")
    assert table["tile_scores"].to_pylist() == [TILES, TILES]
    assert table["notes"].to_pylist()[0] == ["one", "two; three"]


def test_a_kill_while_parts_are_joined_doubles_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = parquet(tmp_path / "t.parquet", IfExists.REFUSE)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda path, missing_ok=False: None)  # it ends before it removes the parts
        write(table, scored("a"), scored("b"))
    assert len(list((tmp_path / "t.parquet.parts").iterdir())) > 0
    assert [row.path for row in found(tmp_path / "t.parquet")] == ["a", "b"]
    write(parquet(tmp_path / "t.parquet", IfExists.RESUME), scored("c"))
    assert [row.path for row in found(tmp_path / "t.parquet")] == ["a", "b", "c"]


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"pip install 'hiqa\[parquet\]'"):
        parquet(tmp_path / "t.parquet", IfExists.REFUSE)


def test_the_view_shows_what_the_latest_run_was_given(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    paths = [str(tmp_path / name) for name in ("a", "b")]
    write(database(tmp_path / "t.db", IfExists.REFUSE), *map(scored, paths))
    again = database(tmp_path / "t.db", IfExists.REFUSE)
    again.is_current(paths[1], 1)
    write(again, scored("c"))
    with closing(sqlite3.connect(tmp_path / "t.db")) as opened:
        assert opened.execute("SELECT path FROM latest_run").fetchall() == [("c",)]
        assert opened.execute("SELECT count(*), max(scored_in) FROM images").fetchone() == (3, 2)


OWN_READS = Path("/proc/self/io")


def bytes_read() -> int:
    """What this process has read of files, by any library."""
    return int(OWN_READS.read_text().split()[1])


@pytest.mark.skipif(not OWN_READS.exists(), reason="only Linux counts the bytes that a process reads")
def test_an_image_is_told_from_a_table_by_less_than_200_bytes(tmp_path: Path) -> None:
    big = tmp_path / "big.png"
    write_picture(big, 1)
    os.truncate(big, 2**33)  # sparse
    before = bytes_read()
    assert not any(is_table(str(big)) for _ in range(100))
    counting = bytes_read() - before
    assert counting < 100 * 200 + 2000  # the rest is what the count itself costs


@pytest.mark.parametrize("name", ["t.parquet", "t.sqlite", "t.csv", "t.jsonl"])
def test_a_table_without_its_suffix_is_known_by_how_it_begins(name: str, tmp_path: Path) -> None:
    write(database(tmp_path / "all.sqlite", IfExists.REFUSE), scored("a"))
    merge_tables([str(tmp_path / "all.sqlite")], tmp_path / name)
    (tmp_path / name).rename(tmp_path / "results")
    assert is_table(str(tmp_path / "results"))
    assert [row.path for row in found(tmp_path / "results")] == ["a"]


@pytest.mark.parametrize("middle", ["all.parquet", "all.sqlite", "all.jsonl"])
def test_tables_of_all_forms_are_merged_into_all_forms(middle: str, tmp_path: Path) -> None:
    write(database(tmp_path / "1.sqlite", IfExists.REFUSE), scored("d"), failed("b"))
    write(parquet(tmp_path / "2.parquet", IfExists.REFUSE), scored("c"), scored("a"))
    write(parquet(tmp_path / "three", IfExists.REFUSE), scored("b", 70), failed("e"))
    parts = [str(tmp_path / name) for name in ("1.sqlite", "2.parquet", "three")]
    result = merge_tables(parts, tmp_path / middle)
    assert (result.rows, result.errors, result.repeats) == (5, 1, 1)
    assert found(tmp_path / middle) == [scored("a"), scored("b", 70), scored("c"), scored("d"), failed("e")]
    merge_tables([str(tmp_path / middle)], tmp_path / "out.csv")
    merge_tables([str(tmp_path / "out.csv")], tmp_path / "again.parquet")
    assert [row.path for row in found(tmp_path / "again.parquet")] == list("abcde")
