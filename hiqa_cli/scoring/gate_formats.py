"""A run's result for systems that read neither tables nor `score TAB path`: annotations, JUnit XML, Markdown."""

from __future__ import annotations

import os
import re
from xml.etree import ElementTree

from hiqa_cli.console.text import count, escape_for_terminal
from hiqa_cli.rows.row import Row

from .row_printer import RowPrinter, write
from .summary import RunSummary

# Not allowed in XML 1.0, escaped or not; surrogates stand for bytes of a name that is not UTF-8.
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SUITE = "hiqa"  # the suite, and the class of images without a folder
MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#])")


def problem_of(row: Row, gate: float | None) -> str:
    """Why an image fails, or ""."""
    if row.score is None:
        return f"cannot be scored: {row.error}"
    return f"score {row.score:.2f} is below {gate:g}" if gate is not None and row.score < gate else ""


class GithubPrinter:
    """Annotations of GitHub's workflow commands: an error for every image that fails, and a notice at the end."""

    def __init__(self, gate: float | None) -> None:
        self._gate = gate

    def show(self, row: Row) -> None:
        problem = problem_of(row, self._gate)
        if problem:
            message = self._data(escape_for_terminal(f"{row.path}: {problem}"))
            write(f"::error file={self._property(row.path)},title=hiqa::{message}\n")

    def end(self, summary: RunSummary) -> None:
        write(f"::notice title=hiqa::{self._data(counts(summary, self._gate))}\n")

    @staticmethod
    def _data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    @classmethod
    def _property(cls, text: str) -> str:
        return cls._data(text).replace(":", "%3A").replace(",", "%2C")


class JunitPrinter:
    """JUnit XML, as Jenkins and GitLab read it: a test case for each image, written at the end.

    It fits junit-10.xsd of Jenkins' xUnit plugin. Apache Ant's schema differs: there a case has a failure or an output.
    """

    def __init__(self, gate: float | None) -> None:
        self._gate = gate
        self._suite = ElementTree.Element("testsuite", name=SUITE)

    def show(self, row: Row) -> None:
        folder, name = os.path.split(row.path)
        # Jenkins takes what follows the last dot for the name of the class, which must not be empty.
        group = self._text(folder) if folder.rstrip(".") == folder else f"{self._text(folder)}/"
        case = ElementTree.SubElement(
            self._suite, "testcase", classname=group or SUITE, name=self._text(name), time="0"
        )
        problem = problem_of(row, self._gate)
        if problem:
            kind = "error" if row.score is None else "failure"
            element = ElementTree.SubElement(case, kind, message=self._text(problem), type=kind)
            element.text = self._text(f"{row.path}: {problem}")
        if row.score is not None:
            output = ElementTree.SubElement(case, "system-out")
            output.text = f"score {row.score:.2f}, {row.grade}"

    def end(self, summary: RunSummary) -> None:
        totals = {"tests": len(self._suite), "failures": summary.below_gate, "errors": summary.failed, "skipped": 0}
        for name, number in totals.items():
            self._suite.set(name, str(number))
        self._suite.set("time", "0")
        suites = ElementTree.Element("testsuites")
        suites.append(self._suite)
        ElementTree.indent(suites)
        body = ElementTree.tostring(suites, encoding="unicode")
        write(f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n')

    @staticmethod
    def _text(text: str) -> str:
        return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


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
                f"| {'' if row.score is None else f'{row.score:.2f}'} | {row.grade} | {self._cell(row.path)} "
                f"| {self._cell(problem_of(row, self._gate))} |"
                for row in self._failed
            ]
        write("\n".join(lines) + "\n")

    @staticmethod
    def _cell(text: str) -> str:
        return MARKDOWN.sub(r"\\\1", " ".join(text.split()))


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
