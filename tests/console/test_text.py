"""Names and numbers as text, standard output, summary and exit codes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hiqa_cli.commands.usage.values import one_of, points, whole_number
from hiqa_cli.console.exit_codes import ExitCode, code_for_error
from hiqa_cli.console.messages import closest_match
from hiqa_cli.console.progress import clock, progress_text
from hiqa_cli.console.text import escape_for_message, escape_for_pipe, escape_for_terminal, name_text
from hiqa_cli.errors import DependencyError, DeviceError, HiqaError, ImageError, OutputError, UsageError, WeightsError
from hiqa_cli.rows.row import Row
from hiqa_cli.scoring.row_printer import BAR_CELLS, SortedPrinter, bar
from hiqa_cli.scoring.summary import RunSummary


class Kept:
    """A printer that keeps its rows."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def show(self, row: Row) -> None:
        self.paths.append(row.path)

    def end(self, summary: RunSummary) -> None:
        pass


def row(path: str, score: float | None) -> Row:
    return Row(path, score, error="" if score is not None else "broken")


ROWS = [row("b", 50.0), row("d", None), row("a", 70.0), row("c", 20.0)]


def shown(order: str, worst: int | None) -> list[str]:
    kept = Kept()
    held = SortedPrinter(kept, order, worst)
    for one in ROWS:
        held.show(one)
        assert kept.paths == []
    held.end(RunSummary())
    return kept.paths


def test_a_pipe_gets_control_codes_escaped_so_that_they_move_no_cursor_and_end_no_line() -> None:
    name = "a\\b\tc\nd\re f\x1b[2J\x7f\x9b\x85\u2028é\udcff"
    escaped = escape_for_pipe(name)
    assert escaped == r"a\\b\tc\nd\re f\x1b[2J\x7f\u009b\u0085\u2028é" + "\udcff"
    assert len(escaped.splitlines()) == 1


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_printf_takes_the_escapes_of_a_pipe_back() -> None:
    name = "a\\b\tc\nd\re f\x1b[2J\x7f\x9b\u2028é"
    call = ["bash", "-c", 'printf %b "$1"', "bash", escape_for_pipe(name)]
    done = subprocess.run(call, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.stdout.decode("utf-8") == name


def test_a_terminal_gets_control_codes_as_pictures_and_backslashes_unchanged() -> None:
    assert escape_for_terminal("a\\b\x1b[2J\n\x7f\x9b") == "a\\b␛[2J␊␡�"


def test_a_message_is_one_line_for_any_name() -> None:
    text = escape_for_message("a\nb\r\x1b[1m\u2028\udcff")
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    assert text.endswith("\udcff")


def test_names_keep_their_bytes() -> None:
    raw = b"caf\xe9 \xc3\xa9"
    assert name_text(os.fsdecode(raw)).encode("utf-8", "surrogateescape") == raw


def test_sorting_by_score_puts_the_worst_first_and_failures_last() -> None:
    assert shown("score", None) == ["c", "b", "a", "d"]


def test_sorting_by_path_includes_failures() -> None:
    assert shown("path", None) == ["a", "b", "c", "d"]


def test_the_worst_are_shown_worst_first_or_by_path() -> None:
    assert shown("", 2) == ["c", "b"]
    assert shown("path", 2) == ["b", "c"]


def test_a_bar_is_empty_at_0_and_full_at_100() -> None:
    assert bar(-3) == bar(0) == " " * BAR_CELLS
    assert bar(100) == bar(104) == "█" * BAR_CELLS
    assert bar(50).rstrip() == "█" * (BAR_CELLS // 2)
    assert len(bar(33.3)) == BAR_CELLS


def test_progress_shows_rate_and_time_left() -> None:
    assert progress_text(3, 12, 2.0).endswith("3/12  1.50 images/s  0:06 left")
    assert progress_text(1, 3, 40.0).endswith("1/3  40 s per image  1:20 left")
    assert progress_text(0, 3, 4.0).endswith("0/3  0:04")
    assert clock(7380) == "2:03:00"


@pytest.mark.parametrize(
    ("scores", "code"),
    [
        ([60.0, 70.0], ExitCode.OK),
        ([50.0], ExitCode.OK),
        ([49.9, 70.0], ExitCode.BELOW_GATE),
        ([70.0, None], ExitCode.FAILED),
        ([49.9, None], ExitCode.FAILED),
        ([], ExitCode.FAILED),
    ],
)
def test_a_failure_takes_precedence_over_the_gate(scores: list[float | None], code: ExitCode) -> None:
    summary = RunSummary(gate=50.0)
    for score in scores:
        summary.add(row("x", score))
    assert summary.exit_code is code


def test_the_summary_counts_and_names_the_worst() -> None:
    summary = RunSummary(gate=60.0, outputs_skipped=2)
    for one in ROWS:
        summary.add(one)
    assert summary.summary() == (
        "3 images scored, 1 failed, 2 pictures written by hiqa skipped, 2 below 60, worst 20.00 c"
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError, 2),
        (WeightsError, 2),
        (DeviceError, 2),
        (DependencyError, 2),
        (ImageError, 1),
        (OutputError, 1),
    ],
)
def test_a_run_that_cannot_start_exits_2_and_one_that_fails_midway_1(error: type[HiqaError], code: int) -> None:
    assert code_for_error(error("x")) == code


@pytest.mark.parametrize(
    ("word", "known", "guess"),
    [
        ("cdua", ("auto", "cpu", "cuda", "mps"), "cuda"),
        ("CPU", ("auto", "cpu", "cuda"), "cpu"),
        ("--max", ("--max-pixels", "--min-score"), "--max-pixels"),
        ("zebra", ("auto", "cpu"), ""),
    ],
)
def test_the_closest_known_word_is_found(word: str, known: tuple[str, ...], guess: str) -> None:
    assert closest_match(word, known) == guess


@pytest.mark.parametrize("value", ["", "0", "-1", "1.0", "1e3", "nan", "1_0", "١", "9" * 30])
def test_an_integer_option_accepts_only_integers(value: str) -> None:
    with pytest.raises(UsageError, match="--threads: expected a whole number"):
        whole_number("--threads")(value)
    assert whole_number("--threads")("12") == 12


@pytest.mark.parametrize("value", ["", "nan", "inf", "-1", "101", "x"])
def test_a_score_option_accepts_only_scores(value: str) -> None:
    with pytest.raises(UsageError, match="0 to 100"):
        points("--min-score")(value)
    assert points("--min-score")("62.5") == 62.5


def test_an_error_names_the_environment_variable_with_the_wrong_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parse = one_of("--device", ("cpu", "cuda"), "HIQA_DEVICE")
    monkeypatch.setenv("HIQA_DEVICE", "gpu")
    with pytest.raises(UsageError, match="HIQA_DEVICE: expected"):
        parse("gpu")
    with pytest.raises(UsageError, match="--device: expected"):
        parse("cdua")


def test_exit_codes_are_written_in_one_place_only() -> None:
    """No other module uses a literal exit code."""
    import hiqa_cli

    package = Path(hiqa_cli.__file__).parent
    for path in [*package.glob("*.py"), *package.glob("commands/*.py")]:
        if path.name != "exit_codes.py":
            text = path.read_text(encoding="utf-8")
            assert "sys.exit(1" not in text, path
            assert "Exit(1" not in text, path
            assert "Exit(2" not in text, path
