"""Users' tables: columns, direction, range, split, scenes, and missing files."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.database_trees import write_table

from hiqa_cli.errors import DatasetError, UsageError
from hiqa_train.datasets import open_dataset, read_table


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_table(tmp_path / "mine" / "my.csv")


def refused(table: Path, **options: object) -> str:
    with pytest.raises(DatasetError) as caught:
        read_table(table, **{"direction": "high", **options})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_table_is_read_by_its_path_with_paths_relative_to_it(table: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(table.parent.parent)
    found = open_dataset("mine/my.csv", direction="high", nominal=(1, 5))
    first = found.samples[0]
    assert (found.name, len(found.samples), found.expected, found.references_expected) == ("my", 36, 36, 4)
    assert first.path == Path("mine/images/0_noise_1.png")
    assert first.reference == Path("mine/clean/0.png")
    assert (first.score, first.quality, first.distortion, first.split) == (4, 0.75, "noise", "training")
    assert first.scene == "my/0"
    assert found.notes == ()


def test_a_low_direction_inverts_the_quality_and_keeps_the_score(table: Path):
    low = read_table(table, "low", (1, 5)).samples[0]
    assert (low.score, low.quality) == (4, 0.25)


def test_a_table_has_no_default_direction(table: Path):
    with pytest.raises(UsageError, match="give --higher-is-better or --lower-is-better"):
        read_table(table, None)


def test_without_a_range_the_extremes_of_the_training_rows_are_used_and_noted(table: Path):
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines, "images/3_jpeg_9.png,9,,,test"]))
    (table.parent / "images" / "3_jpeg_9.png").write_bytes((table.parent / "clean" / "0.png").read_bytes())
    found = read_table(table, "high")
    assert found.notes == ("range 2..4: lowest and highest score of the training rows, because --range is not given",)
    assert found.samples[-1].quality == pytest.approx(3.5)  # beyond the training part's extremes, not clipped
    rescaled = found.rescaled(0, 9)
    assert rescaled.samples[-1].quality == 1
    assert [s.score for s in rescaled.samples] == [s.score for s in found.samples]


def test_a_reversed_range_and_scores_far_outside_it_are_refused(table: Path):
    with pytest.raises(UsageError, match="low end first, found 5 1"):
        read_table(table, "high", (5, 1))
    assert "score of images/0_noise_1.png is 4, expected -0.25..1.25" in refused(table, nominal=(0, 1))


def test_equal_scores_have_no_range(tmp_path: Path):
    table = write_table(tmp_path / "t.csv", scenes=2, levels=1, references=False)
    assert "all scores are 4; give --range" in refused(table)
    assert read_table(table, "high", (0, 5)).samples[0].quality == 0.8


def test_a_missing_column_is_named_with_the_existing_ones(table: Path):
    text = table.read_text()
    table.write_text(text.replace("path,score", "file,mos", 1))
    assert "has no column 'path', found file, mos, reference, type, split" in refused(table)
    table.write_text(text.replace(",", ";"))
    assert "separate columns by commas" in refused(table)
    table.write_text(text.replace("path,score,reference", "path,score,score", 1))
    assert "has two columns 'score'" in refused(table)


def test_additional_columns_are_ignored_and_noted(table: Path):
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0] + ",camera", *(line + ",x" for line in lines[1:])]))
    assert read_table(table, "high", (1, 5)).notes == ("columns not read: camera",)


def test_byte_order_mark_crlf_blank_lines_and_capital_names_are_read(table: Path):
    text = table.read_text().replace("path,score", "Path,Score", 1)
    table.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    assert len(read_table(table, "high").samples) == 36


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("_noise_1.png,4,", "_noise_1.png,good,", "line 2: expected a score, found 'good'"),
        ("_noise_1.png,4,", "_noise_1.png,inf,", "line 2: expected a score, found 'inf'"),
        (",noise,train", ",noise,learn", "line 2: expected a split of training, validation, test, found 'learn'"),
        (",noise,train", ",noise", "line 2: expected 5 fields, found 4"),
        (",noise,train", ",noise,train,more", "line 2: expected 5 fields, found 6"),
        ("images/0_noise_1.png", "", "line 2: the path is missing"),
        ("0_noise_1.png", "0_noise_2.png", "images/0_noise_2.png has two rows"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(table: Path, old: str, new: str, message: str):
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new, 1))
    assert message in refused(table)


def test_a_missing_file_is_an_error_unless_allowed(table: Path):
    (table.parent / "images" / "1_blur_2.png").unlink()
    (table.parent / "clean" / "2.png").unlink()
    text = refused(table)
    assert "missing files: 2, the first " in text
    assert "images/1_blur_2.png; add them, or leave them out with --allow-missing" in text
    found = read_table(table, "high", allow_missing=True)
    assert (len(found.samples), found.missing, found.missing_references) == (
        35,
        ("images/1_blur_2.png",),
        ("clean/2.png",),
    )
    assert sum(sample.reference is None for sample in found.samples) == 9


def test_a_table_without_any_existing_image_is_an_error_even_if_missing_ones_are_allowed(tmp_path: Path):
    table = tmp_path / "t.csv"
    table.write_text("path,score\na.png,1\nb.png,2\n")
    assert "none of its 2 images exists, the first is a.png" in refused(table, allow_missing=True)


def test_an_empty_table_and_a_missing_one_are_refused(tmp_path: Path):
    (tmp_path / "t.csv").write_text("path,score\n")
    assert "has no rows" in refused(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("")
    assert "has no column 'path', found nothing" in refused(tmp_path / "t.csv")
    assert "no such file" in refused(tmp_path / "nowhere.csv")


def test_images_without_a_reference_are_scenes_of_their_own_unless_the_table_names_one(tmp_path: Path):
    table = write_table(tmp_path / "t.csv", scenes=2, levels=1, references=False)
    assert len({sample.scene for sample in read_table(table, "high", (0, 5)).samples}) == 6
    lines = table.read_text().splitlines()
    told = [lines[0] + ",scene", *(f"{line},{'garden' if '/0_' in line else ''}" for line in lines[1:])]
    table.write_text("\n".join(told))
    scenes = [sample.scene for sample in read_table(table, "high", (0, 5)).samples]
    assert scenes[:3] == ["garden"] * 3
    assert len(set(scenes)) == 4


def test_options_of_tables_are_refused_for_databases_and_vice_versa(table: Path):
    with pytest.raises(UsageError, match="its direction and range are known"):
        open_dataset("live", table.parent, direction="high")
    with pytest.raises(UsageError, match="--root does not apply"):
        open_dataset(str(table), table.parent, direction="high")


def test_an_unknown_name_gets_the_nearest_one_suggested():
    with pytest.raises(UsageError, match="no such database: tid2031; did you mean tid2013"):
        open_dataset("tid2031")
    with pytest.raises(UsageError, match=r"one of live, csiq, .*or the path of a table"):
        open_dataset("qqq")
