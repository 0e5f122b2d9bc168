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
    Row(path="../dots../fine.png", score=80.0, grade="excellent"),
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
    assert lines[3:] == ["::notice title=hiqa::4 images scored, 2 below 60, 1 could not be scored", ""]


def test_junit_has_a_case_for_every_image_and_is_xml_whatever_names_hold(capsys: pytest.CaptureFixture[str]) -> None:
    suites = ElementTree.fromstring(printed("junit", capsys))
    (suite,) = suites
    assert suite.attrib == {
        "name": "hiqa", "tests": "5", "failures": "2", "errors": "1", "skipped": "0", "time": "0",
    }  # fmt: skip
    cases = [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in suite]
    assert cases == [
        ("photos", "fine.png", ["system-out"]),
        ("photos", "a, b: 100%\n.png", ["failure", "system-out"]),
        ("photos", "b_\N{REPLACEMENT CHARACTER}[31m|.png", ["error"]),
        ("hiqa", "bad.png", ["failure", "system-out"]),
        ("../dots../", "fine.png", ["system-out"]),
    ]
    assert suite[1][0].get("message") == "score 41.24 is below 60"


# Of junit-10.xsd in Jenkins' xUnit plugin: element -> the elements in it, and its attributes; * for those it must have.
JENKINS = {
    "testsuites": ({"testsuite"}, {"name", "time", "tests", "failures", "errors"}),
    "testsuite": ({"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name*", "tests*", "failures*", "errors*", "group", "time", "skipped", "timestamp", "hostname", "id",
         "package", "file", "log", "url"}),
    "testcase": ({"skipped", "error", "failure", "system-out", "system-err"}, {"name*", "time", "classname", "group"}),
    "failure": (set(), {"type", "message"}),
    "error": (set(), {"type", "message"}),
    "system-out": (set(), set()),
}  # fmt: skip


def test_junit_fits_the_schema_of_jenkins_and_no_class_is_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    suites = ElementTree.fromstring(printed("junit", capsys))
    assert suites.tag == "testsuites"
    for element in suites.iter():
        children, attributes = JENKINS[element.tag]
        assert {child.tag for child in element} <= children
        assert {name.rstrip("*") for name in attributes} >= set(element.attrib)
        assert {name[:-1] for name in attributes if name.endswith("*")} <= set(element.attrib)
        assert element.tag in ("failure", "error", "system-out") or not (element.text or "").strip()
        for number in ("tests", "failures", "errors", "skipped", "time"):
            assert element.get(number, "0").isdigit()
    cases = list(suites.iter("testcase"))
    # Jenkins: the class is what follows the last dot. GitLab: of two cases of one class and name, it drops one.
    assert all(case.attrib["classname"].rpartition(".")[2] for case in cases)
    assert len({(case.attrib["classname"], case.attrib["name"]) for case in cases}) == len(ROWS)


def test_markdown_lists_what_fails_the_worst_first(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed("markdown", capsys).split("\n")
    assert lines[0] == "**hiqa:** 4 images scored, 2 below 60, 1 could not be scored"
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


def test_a_resumed_run_tells_of_all_images(run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    call = ("score", ".", "--csv", "out.csv", "--min-score", "100", "--format", "junit")
    assert run_hiqa(*call, cwd=tmp_path, weights=tiny_weights).code == 3
    write_picture(tmp_path / "b.png")
    done = run_hiqa(*call, "--resume", cwd=tmp_path, weights=tiny_weights)
    (suite,) = ElementTree.fromstring(done.out)
    assert [case.get("name") for case in suite] == ["a.png", "b.png"]
    assert suite.get("failures") == "2"


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
