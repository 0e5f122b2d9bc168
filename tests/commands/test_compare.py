"""`hiqa compare`: versions of the same images, as folders or finished runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.process import RunHiqa, picture_bytes, write_picture
from support.report_material import block, detail

from hiqa_cli.rows.csv_rows import CSV
from hiqa_cli.rows.json_rows import FULL_JSON_LINES
from hiqa_cli.rows.row import Row


def write_run(path: Path, scores: dict[str, float | None], folder: str = "a", form=CSV) -> str:
    shared = {"width": 300, "height": 200, "tiles": 2, "mode": "fast", "precision": "fp32", "weights": "55f8254d"}
    rows = [
        Row(path=f"{folder}/{name}", error="damaged") if score is None
        else Row(path=f"{folder}/{name}", score=score, **shared, extra={"version": "0.1.0"})
        for name, score in scores.items()
    ]  # fmt: skip
    path.write_bytes(form.header + b"".join(form.encode(row) for row in rows))
    return path.name


SCORES = {f"{n}.png": 60.0 + n for n in range(12)}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path / "first.csv", SCORES)
    lower = {name.replace("png", "jpg"): score - 8 - n % 3 for n, (name, score) in enumerate(SCORES.items())}
    write_run(tmp_path / "lower.jsonl", lower | {"damaged.jpg": None}, "elsewhere/b", FULL_JSON_LINES)
    write_run(tmp_path / "same.csv", {name: score + (n % 3 - 1) / 4 for n, (name, score) in enumerate(SCORES.items())})
    return tmp_path


def test_the_verdict_is_in_words_with_interval_and_losers(run_hiqa: RunHiqa, runs: Path) -> None:
    done = run_hiqa("compare", "first.csv", "lower.jsonl", "same.csv", cwd=runs)
    assert (done.code, done.messages) == (0, [])
    assert done.lines[0] == "Compared with first.csv:"
    assert done.lines[1].startswith("  lower.jsonl scores 9.0 points lower (95 % interval 8.6 to 9.4), on 12 of 12")
    assert done.lines[2].startswith("  same.csv: no difference (mean ")
    assert "Fell most in lower.jsonl:" in done.lines


def test_json_has_all_numbers(run_hiqa: RunHiqa, runs: Path) -> None:
    done = run_hiqa("compare", "first.csv", "lower.jsonl", "--json", "-", cwd=runs)
    (found,) = json.loads("\n".join(done.lines))["versions"]
    assert found["verdict"] == "lower"
    assert found["change"]["pairs"] == found["change"]["lower"] == 12
    assert found["change"]["mean"] == pytest.approx(-9)
    assert found["change"]["p_sign"] == pytest.approx(2 * 0.5**12)
    assert found["change"]["p95_drop"] == pytest.approx(10)
    assert len(found["losers"]) == 5


@pytest.mark.parametrize(
    ("limits", "code", "message"),
    [
        (("--max-drop", "9.5", "--max-drop-p95", "10"), 0, None),
        (("--max-drop", "8.5"), 3, "hiqa: lower.jsonl: the mean score falls by 9.00, more than 8.5"),
        (("--max-drop-p95", "9.5"), 3,
         "hiqa: lower.jsonl: 5 % of the images fall by 10.00 or more, more than 9.5"),
    ],
)  # fmt: skip
def test_limits_are_a_gate(run_hiqa: RunHiqa, runs: Path, limits, code, message) -> None:
    done = run_hiqa("compare", "first.csv", "lower.jsonl", *limits, cwd=runs)
    assert (done.code, done.messages) == (code, [message] if message else [])


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("github", "::error title=hiqa::lower.jsonl: the mean score falls by 9.00, more than 8.5"),
        ("junit", '<?xml version="1.0" encoding="UTF-8"?>'),
        ("markdown", "**hiqa:** compared with first.csv"),
    ],
)
def test_the_result_is_printed_for_ci_and_the_gate_stays(run_hiqa: RunHiqa, runs: Path, form: str, begins: str) -> None:
    call = ("compare", "first.csv", "lower.jsonl", "--max-drop", "8.5", "--format", form)
    done = run_hiqa(*call, cwd=runs)
    assert (done.code, done.lines[0]) == (3, begins)
    assert done.messages == ["hiqa: lower.jsonl: the mean score falls by 9.00, more than 8.5"]
    assert "elsewhere/b/11.jpg" in done.out.decode()  # fell by 10
    assert "falls by 8.00" not in done.out.decode()


def test_images_without_a_pair_are_counted(run_hiqa: RunHiqa, runs: Path) -> None:
    write_run(runs / "few.csv", {"0.png": 50.0, "1.png": 50.0, "other.png": 50.0})
    done = run_hiqa("compare", "first.csv", "few.csv", cwd=runs)
    assert done.messages == ["hiqa: few.csv: 11 images without a pair"]


def test_folders_are_scored_and_sizes_of_files_compared(run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / "one" / "sub" / f"{number}.png", number)
        write_picture(tmp_path / "two" / "sub" / f"{number}.jpg", number)
    done = run_hiqa("compare", "one", "two", "--json", "out.json", cwd=tmp_path, weights=tiny_weights)
    assert done.code == 0, done.messages
    (found,) = json.loads((tmp_path / "out.json").read_text())["versions"]
    sizes = [sum(path.stat().st_size for path in (tmp_path / name / "sub").iterdir()) / 3 for name in ("one", "two")]
    assert found["bytes"] == pytest.approx(sizes)
    assert found["change"]["pairs"] == 3


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory, run_hiqa: RunHiqa, tiny_weights: Path) -> Path:
    """Two folders that share a.*, torn.* and sub/b.*; one/torn.jpg cannot be read, and two/new.png is in neither. The
    second is scored, too, without maps."""
    home = tmp_path_factory.mktemp("versions")
    write_picture(home / "one/a.jpg", 1)
    write_picture(home / "one/sub/b.png", 2)
    (home / "one/torn.jpg").write_bytes(picture_bytes(6, suffix=".jpg")[:-200])
    for seed, name in enumerate(("a.png", "sub/b.png", "torn.png", "new.png")):
        write_picture(home / "two" / name, 10 + seed)
    assert run_hiqa("score", "two", "-r", "--jsonl", "two.jsonl", weights=tiny_weights, cwd=home).code == 0
    return home


def test_a_page_shows_folders_and_finished_runs_side_by_side(
    run_hiqa: RunHiqa, tiny_weights: Path, versions: Path
) -> None:
    call = ("compare", "one", "two.jsonl", "two", "--report", "page.html", "--json", "-")
    done = run_hiqa(*call, cwd=versions, weights=tiny_weights)
    assert done.code == 1  # one/torn.jpg has no score
    assert done.messages[0].startswith("hiqa: one/torn.jpg: truncated JPEG")
    assert done.messages[1:] == [f"hiqa: {name}: 2 images without a pair" for name in ("two.jsonl", "two")]
    found = json.loads(done.out)["versions"]
    assert found[0]["change"]["mean"] == pytest.approx(found[1]["change"]["mean"])  # scored before, and now
    page = versions / "page.html"
    names, images = zip(*(row[2:] for row in block(page, "rows")), strict=True)
    assert names == ("a", "sub/b", "torn", "two/new.png", "two/new.png")
    a, _, torn, before, now = images
    assert [entry[0] for entry in a] == ["one/a.jpg", "two/a.png", "two/a.png"]
    assert a[1][1] == pytest.approx(a[2][1], abs=1e-4)
    assert a[0][5] == (versions / "one/a.jpg").stat().st_size
    assert torn[0][6].startswith("truncated JPEG")
    assert [entry is not None for entry in (*before, *now)] == [False, True, False, False, False, True]
    pictures = set(detail(page, 0)["pictures"])
    kinds = {"distorted", "hallucination", "discrepancy", "quality"}
    assert pictures == {f"{number}.{kind}" for number in (0, 2) for kind in kinds} | {"1.distorted", "1.quality"}
    changes = {(one["first"], one["second"]): one for one in block(page, "facts")["changes"]}
    assert set(changes) == {(0, 1), (0, 2), (1, 2)}
    assert changes[0, 1]["mean"] == found[0]["change"]["mean"]
    assert changes[1, 2]["pairs"] == 3  # images of the first version
    assert changes[1, 2]["sentence"].startswith("two: no difference (mean +0.0 points")
    again = run_hiqa(*call, cwd=versions, weights=tiny_weights)
    assert (again.code, again.messages) == (
        2, ["hiqa: --report page.html: exists already; replace it by --overwrite, or give another file"]
    )  # fmt: skip


@pytest.mark.parametrize("form", ["github", "junit", "markdown"])
def test_an_image_without_a_score_outweighs_a_gate_that_fails(
    run_hiqa: RunHiqa, tiny_weights: Path, versions: Path, form: str
) -> None:
    lines = [json.loads(line) for line in (versions / "two.jsonl").read_text().splitlines()]
    raised = [json.dumps({**line, "path": line["path"].replace("two", "was"), "score": 99}) for line in lines]
    (versions / "high.jsonl").write_text("".join(f"{line}\n" for line in raised))
    call = ("compare", "high.jsonl", "one", "--max-drop", "1", "--format", form)
    done = run_hiqa(*call, cwd=versions, weights=tiny_weights)
    assert done.code == 1
    assert done.messages[0].startswith("hiqa: one/torn.jpg: truncated JPEG")
    assert done.messages[-1].startswith("hiqa: one: the mean score falls by")
    (named,) = [line for line in done.lines if "cannot be scored" in line]
    assert "truncated JPEG" in named
    assert "torn.jpg" in named


def test_without_a_scored_pair_there_is_no_page(run_hiqa: RunHiqa, tiny_weights: Path, versions: Path) -> None:
    (versions / "torn").mkdir()
    (versions / "torn/a.jpg").write_bytes(picture_bytes(6, suffix=".jpg")[:-200])
    done = run_hiqa("compare", "two.jsonl", "torn", "--report", "none.html", cwd=versions, weights=tiny_weights)
    assert (done.code, done.out) == (2, b"")
    assert done.messages[-1].startswith("hiqa: two.jsonl and torn have no scored image in common; ")
    assert list(versions.glob("*none*")) == []


def test_versions_scored_with_different_settings_are_named(run_hiqa: RunHiqa, versions: Path) -> None:
    lines = [json.loads(line) for line in (versions / "two.jsonl").read_text().splitlines()]
    changed = [json.dumps({**line, "settings": {"stride": 64}}) for line in lines]
    (versions / "other.jsonl").write_text("".join(f"{line}\n" for line in changed))
    warning = "Different settings (two.jsonl and other.jsonl: strides 128 and 64) alone can change scores."
    call = ("compare", "two.jsonl", "other.jsonl")
    assert run_hiqa(*call, cwd=versions).messages == [f"hiqa: {warning}"]
    assert run_hiqa(*call, "--report", "other.html", cwd=versions).messages == [f"hiqa: {warning}"]
    assert block(versions / "other.html", "facts")["warning"] == warning


def test_pictures_that_are_gone_are_counted(run_hiqa: RunHiqa, runs: Path) -> None:
    done = run_hiqa("compare", "first.csv", "same.csv", "--report", "page.html", cwd=runs)
    assert (done.code, done.messages) == (
        0, ["hiqa: 24 images shown without a preview: not readable at the paths in the tables; run hiqa compare in the "
            "folder where hiqa score ran"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("first.csv",), "expected two or more versions; give folders, or tables of finished runs"),
        (("first.csv", "text.txt"), "version text.txt: expected a name that ends in .csv, .jsonl, .parquet, .sqlite, "
          ".sqlite3 or .db, found '.txt'"),
        (("first.csv", "other.csv"), "first.csv and other.csv have no scored image in common; images match if their "
         "paths below each version's common folder are equal, file suffix aside"),
        (("first.csv", "failed.csv"), "failed.csv has no scored image"),
        (("first.csv", "missing.csv"), "missing.csv cannot be read: no such file or directory"),
        (("first.csv", "same.csv", "--no-full-size"), "--embed-limit-mb and --full-size are for a page; give "
         "--report FILE"),
        (("first.csv", "same.csv", "--format", "junit", "--json", "-"), "--format junit uses standard output, as "
         "--json - does; give --json a file"),
        (("first.csv", "same.csv", "--report", "-"), "--report: expected a file, found -; to write a file of that "
         "name, give ./-"),
        (("first.csv", "same.csv", "--report", "same.csv", "--overwrite"), "--report same.csv: is one of the input "
         "files; give another path"),
        (("first.csv", "same.csv", "--report", "x", "--json", "./x"), "--report and --json are the same file: x; give "
         "another file"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_in_one_line(run_hiqa: RunHiqa, runs: Path, arguments, message) -> None:
    write_run(runs / "other.csv", {"else.png": 50.0, "more.png": 40.0})
    write_run(runs / "failed.csv", {"0.png": None})
    (runs / "text.txt").touch()
    done = run_hiqa("compare", *arguments, cwd=runs)
    assert (done.code, done.messages) == (2, [f"hiqa: {message}"])
