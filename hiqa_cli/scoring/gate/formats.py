"""A run's result for systems that read neither tables nor `score TAB path`: annotations, JUnit XML, Markdown."""

from __future__ import annotations

import os

from hiqa_cli.console.streams import write_output
from hiqa_cli.console.text import count, escape_for_terminal
from hiqa_cli.rows.row import Row

from ..row_printer import RowPrinter
from ..summary import RunSummary
from .changes import change_annotations, change_suite, change_summary
from .syntax import (
    SUITE,
    add_case,
    add_output,
    add_problem,
    annotation,
    junit_document,
    markdown,
    new_suite,
    unscored_text,
)


def problem_of(row: Row, gate: float | None) -> str:
    """Why an image fails, or ""."""
    if row.score is None:
        return unscored_text(row)
    return f"score {row.score:.2f} is below {gate:g}" if gate is not None and row.score < gate else ""


class GithubPrinter:
    """Annotations of GitHub's workflow commands: an error for every image that fails, and a notice at the end."""

    def __init__(self, gate: float | None) -> None:
        self._gate = gate

    def show(self, row: Row) -> None:
        problem = problem_of(row, self._gate)
        if problem:
            write_output(annotation("error", escape_for_terminal(f"{row.path}: {problem}"), row.path))

    def end(self, summary: RunSummary) -> None:
        changes = [] if summary.against_baseline is None else change_annotations(summary.against_baseline)
        write_output("".join([*changes, annotation("notice", counts(summary, self._gate))]))


class JunitPrinter:
    """JUnit XML, as Jenkins' xUnit plugin reads it: a test case for each image, written at the end."""

    def __init__(self, gate: float | None) -> None:
        self._gate = gate
        self._suite = new_suite(SUITE)

    def show(self, row: Row) -> None:
        case = add_case(self._suite, *os.path.split(row.path))
        problem = problem_of(row, self._gate)
        if problem:
            add_problem(case, "error" if row.score is None else "failure", problem, row.path)
        if row.score is not None:
            add_output(case, f"score {row.score:.2f}, {row.grade}")

    def end(self, summary: RunSummary) -> None:
        changes = [] if summary.against_baseline is None else [change_suite(summary.against_baseline)]
        write_output(junit_document([self._suite, *changes]))


class MarkdownPrinter:
    """A summary for a step: counts, and a table of the images that fail, the worst first."""

    def __init__(self, gate: float | None) -> None:
        self._gate = gate
        self._failed: list[Row] = []

    def show(self, row: Row) -> None:
        if problem_of(row, self._gate):
            self._failed.append(row)

    def end(self, summary: RunSummary) -> None:
        lines = [f"**hiqa:** {counts(summary, self._gate)}"]
        if self._failed:
            self._failed.sort(key=lambda row: (row.score is None, row.score or 0.0))
            lines += ["", "| score | grade | image | |", "|---:|---|---|---|"]
            lines += [
                f"| {'' if row.score is None else f'{row.score:.2f}'} | {row.grade} | {markdown(row.path)} "
                f"| {markdown(problem_of(row, self._gate))} |"
                for row in self._failed
            ]
        if summary.against_baseline is not None:
            lines += ["", f"Compared with {markdown(summary.against_baseline.first)}:", ""]
            lines.append(change_summary(summary.against_baseline).rstrip("\n"))
        write_output("\n".join(lines) + "\n")


def counts(summary: RunSummary, gate: float | None) -> str:
    """The counts of a run in one line."""
    parts = [f"{count(summary.scored, 'image')} scored"]
    if gate is not None:
        parts.append(f"{summary.below_gate:,} below {gate:g}")
    if summary.failed:
        parts.append(f"{summary.failed:,} could not be scored")
    return ", ".join(parts)


FORMATS: dict[str, type[GithubPrinter | JunitPrinter | MarkdownPrinter]] = {
    "github": GithubPrinter,
    "junit": JunitPrinter,
    "markdown": MarkdownPrinter,
}


def make_gate_printer(name: str, gate: float | None) -> RowPrinter:
    """The printer of a format, by its name in FORMATS."""
    return FORMATS[name](gate)
