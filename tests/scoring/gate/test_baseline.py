"""A run against an earlier one: `hiqa score --baseline`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.process import Finished, RunHiqa, write_picture


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory, run_hiqa: RunHiqa, tiny_weights: Path) -> Path:
    """A folder with now/a.png, now/sub/b.png and now/new.png, and two tables of an earlier run in another folder: in
    high.jsonl a and sub/b scored 9 and 7 points higher, in same.jsonl the same; gone.png is in both."""
    home = tmp_path_factory.mktemp("baseline")
    for seed, name in enumerate(("a.png", "sub/b.png", "new.png")):
        write_picture(home / "now" / name, seed)
    assert run_hiqa("score", "now", "-r", "--jsonl", "all.jsonl", cwd=home, weights=tiny_weights).code == 0
    rows = [json.loads(line) for line in (home / "all.jsonl").read_text().splitlines()]
    renamed = {"now/a.png": "before/a.jpg", "now/sub/b.png": "before/sub/b.jpg", "now/new.png": "before/gone.jpg"}
    rows = [{**row, "path": renamed[row["path"]]} for row in rows]
    more = {"before/a.jpg": 9, "before/sub/b.jpg": 7}
    raised = [{**row, "score": row["score"] + more.get(row["path"], 0)} for row in rows]
    for name, table in (("same", rows), ("high", raised)):
        (home / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in table))
    return home


@pytest.fixture
def score(run_hiqa: RunHiqa, tiny_weights: Path, earlier: Path):
    def run(*arguments: str) -> Finished:
        return run_hiqa("score", "now", "-r", *arguments, cwd=earlier, weights=tiny_weights)

    return run


def test_a_run_that_fell_by_more_than_allowed_exits_with_3_and_keeps_its_rows(score, earlier: Path) -> None:
    done = score("--baseline", "high.jsonl", "--max-drop", "7.5", "--max-drop-p95", "5", "--csv", "out.csv")
    assert done.code == 3
    assert len(done.lines) == 3
    unmatched, verdict, mean, most = done.messages
    assert unmatched == "hiqa: this run: 2 images without a pair"
    assert verdict.startswith("hiqa: compared with high.jsonl: this run scores 8.0 points lower (95 % interval ")
    assert mean == "hiqa: this run: the mean score falls by 8.00, more than 7.5"
    assert most == "hiqa: this run: 5 % of the images fall by 8.90 or more, more than 5"
    assert len((earlier / "out.csv").read_text().splitlines()) == 4
    again = score("--baseline", "high.jsonl", "--max-drop", "7.5", "--csv", "out.csv", "--resume", "--quiet")
    assert (again.code, again.messages) == (3, [mean])  # rows of the run that was resumed count


def test_a_run_within_the_limits_exits_with_0(score) -> None:
    done = score("--baseline", "same.jsonl", "--max-drop", "0", "--max-drop-p95", "0", "--quiet")
    assert (done.code, done.messages) == (0, [])


def test_every_shard_compares_its_own_images_and_together_they_are_the_run_of_all(score) -> None:
    (whole,) = [line for line in score("--baseline", "high.jsonl").messages if "without a pair" in line]
    assert whole == "hiqa: this run: 2 images without a pair"  # new.png and gone.jpg
    compared, unmatched, empty = [], 0, 0
    for number in (1, 2, 3):
        done = score("--baseline", "high.jsonl", "--shard", f"{number}/3", "--format", "junit")
        assert done.code == 0, done.messages
        suites = ElementTree.fromstring(done.out)
        compared += [f"{case.get('classname')}/{case.get('name')}" for suite in suites[1:] for case in suite[1:]]
        text = "\n".join(done.messages)
        unmatched += sum(map(int, re.findall(r"(\d+) images? without a pair", text)))
        empty += f"hiqa: shard {number}/3 has no image to compare with high.jsonl" in text
    assert sorted(compared) == ["this run/a", "this run/sub/b"]
    assert (unmatched, empty) == (2, 1)


def test_other_settings_are_warned_of_as_by_compare(score) -> None:
    done = score("--baseline", "same.jsonl", "--stride", "64")
    assert done.code == 0
    expected = "Different settings (same.jsonl and this run: strides 128 and 64) alone can change scores."
    assert done.messages[0] == f"hiqa: {expected}"


def test_junit_has_the_images_that_fell_beside_the_run_itself(score) -> None:
    done = score("--baseline", "high.jsonl", "--max-drop", "7.5", "--format", "junit")
    assert done.code == 3
    assert done.messages[1:] == ["hiqa: this run: the mean score falls by 8.00, more than 7.5"]
    run, change = ElementTree.fromstring(done.out)
    assert (run.get("tests"), run.get("failures")) == ("3", "0")
    failed = [(case.get("classname"), case.get("name")) for case in change if case.find("failure") is not None]
    assert failed == [("hiqa", "this run"), ("this run", "a")]


def test_a_run_of_which_no_pair_can_be_scored_says_so(score, earlier: Path) -> None:
    whole = {name: (earlier / "now" / name).read_bytes() for name in ("a.png", "sub/b.png")}
    try:
        for name in whole:
            (earlier / "now" / name).write_bytes(b"torn")
        done = score("--baseline", "same.jsonl", "--max-drop", "5")
    finally:
        for name, data in whole.items():
            (earlier / "now" / name).write_bytes(data)
    assert done.code == 1
    assert done.messages[-1].startswith("hiqa: same.jsonl and this run have no scored image in common; images match if")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--max-drop", "5"),
         "--max-drop and --max-drop-p95 limit the fall from an earlier run; give --baseline TABLE"),
        (("--baseline", "missing.csv"), "missing.csv cannot be read: no such file or directory"),
        (("--baseline", "now/a.png"), "--baseline now/a.png: expected a name that ends in .csv, .jsonl, .parquet, "
         ".sqlite, .sqlite3 or .db, found '.png'"),
        (("--baseline", "same.jsonl", "--jsonl", "./same.jsonl", "--overwrite"),
         "--baseline and --jsonl are the same file: same.jsonl; give another file"),
        (("--baseline", "failed.csv"), "failed.csv has no scored image"),
        (("--baseline", "other.jsonl"), "other.jsonl and this run have no image in common: they begin with else.png "
         "and now/a.png; images match if their paths below each version's common folder are equal, file suffix aside"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_before_any_work(
    run_hiqa: RunHiqa, earlier: Path, arguments: tuple[str, ...], message: str
) -> None:
    row = json.loads((earlier / "same.jsonl").read_text().splitlines()[0])
    (earlier / "other.jsonl").write_text(json.dumps({**row, "path": "else.png"}) + "\n")
    run_hiqa("score", "nope.png", "--csv", "failed.csv", "--overwrite", cwd=earlier)
    done = run_hiqa("score", "now", "-r", *arguments, cwd=earlier, weights=Path(os.devnull))
    assert (done.code, done.messages) == (2, [f"hiqa: {message}"])
