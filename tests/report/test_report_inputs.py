"""What `hiqa report` takes, and what it does where there is nothing to show."""

from __future__ import annotations

from pathlib import Path

from support.process import RunHiqa, picture_bytes, write_picture
from support.report_material import rows


def test_without_any_score_there_is_no_page_and_a_csv_is_shown_like_json_lines(
    run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "torn.jpg").write_bytes(picture_bytes(6, suffix=".jpg")[:-200])
    done = run_hiqa("report", "torn.jpg", "-o", "none.html", weights=tiny_weights, cwd=tmp_path)
    assert (done.code, done.out) == (1, b"")
    assert "none.html is not written: no image has a score; give images, or a finished run" in done.err.decode()
    write_picture(tmp_path / "a.png", 1)
    run_hiqa("score", "a.png", "torn.jpg", "--csv", "all.csv", weights=tiny_weights, cwd=tmp_path)
    header, *lines = (tmp_path / "all.csv").read_text().splitlines()
    (tmp_path / "failed.csv").write_text("\n".join([header, *(one for one in lines if "torn" in one), ""]))
    done = run_hiqa("report", "failed.csv", "-o", "none.html", cwd=tmp_path)
    assert done.code == 2
    assert "none of 1 row has a score" in done.err.decode()
    assert ".jsonl, .csv, " in done.err.decode()
    assert not (tmp_path / "none.html").exists()
    assert run_hiqa("report", "all.csv", "-o", "all.html", cwd=tmp_path).code == 0
    assert [row["path"] for row in rows(tmp_path / "all.html")] == ["a.png", "torn.jpg"]
