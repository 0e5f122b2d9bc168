"""What a run says to CI systems: annotations, JUnit XML and a summary."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.process import RunHiqa, write_picture

from hiqa_cli.report.gate import DropLimits, GateResult, check_drop
from hiqa_cli.report.versions import Version
from hiqa_cli.rows.row import Row
from hiqa_cli.scoring.gate.changes import changes_text
from hiqa_cli.scoring.gate.formats import FORMATS, make_gate_printer
from hiqa_cli.scoring.summary import RunSummary

ROWS = [
    Row(path="photos/fine.png", score=80.0, grade="excellent"),
    Row(path="photos/a, b: 100%\n.png", score=41.239, grade="fair"),
    Row(path="photos/b_\x1b[31m|.png", error="truncated | file"),
    Row(path="bad.png", score=12.0, grade="bad"),
    Row(path="../dots../fine.png", score=80.0, grade="excellent"),
]


# Changes of -9, -1, -30 and +2 points: the mean falls by 9.5.
NAMES = ("a, b: 100%.png", "sub/fine.png", "sub/b_\x1b[31m|.png", "up.png")
BEFORE, NOW = (60.0, 60.0, 60.0, 60.0), (51.0, 59.0, 30.0, 62.0)


def change(max_drop: float | None, max_drop_p95: float | None = None, name: str = "new.csv") -> GateResult:
    versions = Version("old.csv", NAMES, BEFORE), Version(name, tuple(f"new/{path}" for path in NAMES), NOW)
    return check_drop(*versions, DropLimits(max_drop, max_drop_p95))


def printed(
    name: str, capsys: pytest.CaptureFixture[str], gate: float | None = 60.0, against: GateResult | None = None
) -> str:
    printer, summary = make_gate_printer(name, gate), RunSummary(gate=gate, against_baseline=against)
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
    suites = ElementTree.fromstring(printed("junit", capsys, against=change(5, name="this run")))
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
    assert len({(case.attrib["classname"], case.attrib["name"]) for case in cases}) == len(ROWS) + 1 + len(NAMES)


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


def test_github_gets_the_broken_limit_and_an_error_for_every_image_that_fell_by_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = changes_text("github", [change(5)]).splitlines()
    assert lines[0] == "::error title=hiqa::new.csv: the mean score falls by 9.50, more than 5"
    assert lines[1].startswith("::error file=new/sub/b_\x1b[31m|.png,title=hiqa::new/sub/b_\N{SYMBOL FOR ESCAPE}[31m|")
    assert lines[2] == (
        "::error file=new/a%2C b%3A 100%25.png,title=hiqa::new/a, b: 100%25.png: score falls by 9.00, from 60.00 to "
        "51.00, more than 5"
    )
    assert lines[3].startswith(
        "::notice title=hiqa::compared with old.csv: new.csv: no difference (mean -9.5 points, 95 %25"
    )
    assert len(lines) == 4
    of_run = printed("github", capsys, against=change(5)).splitlines()
    assert of_run[3:7] == lines
    assert of_run[7].startswith("::notice title=hiqa::4 images scored")


def test_images_that_fall_are_warnings_and_pass_where_no_limit_is_broken() -> None:
    lines = changes_text("github", [change(10, 29)]).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::warning", "::notice"]
    (suite,) = ElementTree.fromstring(changes_text("junit", [change(10, 29)]))
    assert suite.get("failures") == "0"
    assert changes_text("github", [change(None)]).count("\n") == 1  # the verdict


def test_junit_of_a_comparison_has_a_case_for_the_limits_and_for_every_pair() -> None:
    first, second = ElementTree.fromstring(changes_text("junit", [change(5), change(None, 40, "sub/other")]))
    assert first.attrib == {
        "name": "new.csv", "tests": "5", "failures": "3", "errors": "0", "skipped": "0", "time": "0",
    }  # fmt: skip
    assert [(case.get("classname"), case.get("name"), case.find("failure") is not None) for case in first] == [
        ("hiqa", "new.csv", True),
        ("new.csv", "a, b: 100%", True),
        ("new.csv/sub", "fine", False),
        ("new.csv/sub", "b_\N{REPLACEMENT CHARACTER}[31m|", True),
        ("new.csv", "up", False),
    ]
    assert first[0][0].get("message") == "new.csv: the mean score falls by 9.50, more than 5"
    assert [first[2].findtext("system-out"), second.get("failures")] == ["score 60.00 before, 59.00 now", "0"]


def test_markdown_of_a_comparison_lists_the_largest_fall_first(capsys: pytest.CaptureFixture[str]) -> None:
    text = changes_text("markdown", [change(None, 5)])
    assert text.startswith("**hiqa:** compared with old.csv\n\nnew.csv: no difference (mean -9.5 points, ")
    assert (
        "**new.csv: 5 % of the images fall by 26.85 or more, more than 5**\n\n2 images fell by more than 5:\n" in text
    )
    assert text.splitlines()[-2:] == [
        r"| 60.00 | 30.00 | -30.00 | new/sub/b\_\x1b\[31m\|.png |".replace(r"\x1b", "\x1b"),
        "| 60.00 | 51.00 | -9.00 | new/a, b: 100%.png |",
    ]
    assert printed("markdown", capsys, against=change(None, 5)).endswith(text.partition("\n\n")[2])
