"""What a run says to CI systems: annotations, JUnit XML and a summary."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.process import RunHiqa, write_picture

from hiqa_cli.rows.row import Row
from hiqa_cli.scoring.gate_formats import FORMATS, make_gate_printer
from hiqa_cli.scoring.summary import RunSummary

ROWS = [
    Row(path="photos/fine.png", score=80.0, grade="excellent"),
    Row(path="photos/a, b: 100%\n.png", score=41.239, grade="fair"),
    Row(path="photos/b_\x1b[31m|.png", error="truncated | file"),
    Row(path="bad.png", score=12.0, grade="bad"),
]


def printed(name: str, capsys: pytest.CaptureFixture[str], gate: float | None = 60.0) -> str:
    printer, summary = make_gate_printer(name, gate), RunSummary(gate=gate)
    for row in ROWS:
        printer.show(row)
        summary.add(row)
    printer.end(summary)
    return capsys.readouterr().out


def test_github_gets_an_error_for_every_image_that_fails_and_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed("github", capsys).split("\n")
    assert lines[0] == (
        "::error file=photos/a%2C b%3A 100%25%0A.png,title=hiqa::"
        "photos/a, b: 100%25\N{SYMBOL FOR LINE FEED}.png: score 41.24 is below 60"
    )
    assert lines[1].endswith("photos/b_\N{SYMBOL FOR ESCAPE}[31m|.png: cannot be scored: truncated | file")
    assert lines[2] == "::error file=bad.png,title=hiqa::bad.png: score 12.00 is below 60"
    assert lines[3:] == ["::notice title=hiqa::3 images scored, 2 below 60, 1 could not be scored", ""]


def test_junit_has_a_case_for_every_image_and_is_xml_whatever_names_hold(capsys: pytest.CaptureFixture[str]) -> None:
    suites = ElementTree.fromstring(printed("junit", capsys))
    (suite,) = suites
    assert suite.attrib == {
        "name": "hiqa", "tests": "4", "failures": "2", "errors": "1", "skipped": "0", "time": "0",
    }  # fmt: skip
    cases = [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in suite]
    assert cases == [
        ("photos", "fine.png", ["system-out"]),
        ("photos", "a, b: 100%\n.png", ["failure", "system-out"]),
        ("photos", "b_\N{REPLACEMENT CHARACTER}[31m|.png", ["error"]),
        (".", "bad.png", ["failure", "system-out"]),
    ]
    assert suite[1][0].get("message") == "score 41.24 is below 60"


def test_markdown_lists_what_fails_the_worst_first(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed("markdown", capsys).split("\n")
    assert lines[0] == "**hiqa:** 3 images scored, 2 below 60, 1 could not be scored"
    assert lines[4] == "| 12.00 | bad | bad.png | score 12.00 is below 60 |"
    assert lines[5] == "| 41.24 | fair | photos/a, b: 100% .png | score 41.24 is below 60 |"
    assert lines[6].endswith(r"| cannot be scored: truncated \| file |")


@pytest.mark.parametrize("name", FORMATS)
def test_without_a_gate_only_images_that_cannot_be_scored_fail(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(name, capsys, None)
    assert "below" not in text
    assert "cannot be scored" in text


@pytest.mark.parametrize("name", FORMATS)
def test_the_exit_code_stays_that_of_the_gate(run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path, name: str) -> None:
    write_picture(tmp_path / "a.png")
    gate = ("--min-score", "100", "--format", name)
    done = run_hiqa("score", "a.png", *gate, cwd=tmp_path, weights=tiny_weights)
    assert done.code == 3
    assert "below 100" in "\n".join(done.lines)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--csv", "-"), "--format junit uses standard output, as - does; give --csv or --jsonl a file"),
        (("--sort", "score"), "--format junit has a fixed order; remove --sort and --worst"),
    ],
)
def test_contradictions_are_refused_in_one_line(run_hiqa: RunHiqa, more: tuple[str, ...], message: str) -> None:
    done = run_hiqa("score", "a.png", "--format", "junit", *more)
    assert (done.code, done.messages) == (2, [f"hiqa: {message}"])
