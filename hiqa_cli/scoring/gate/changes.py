"""The result of a comparison for CI systems: of `hiqa compare`, and of a run against an earlier one."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from hiqa_cli.console.text import count, escape_for_terminal
from hiqa_cli.rows.row import Row

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

if TYPE_CHECKING:
    from hiqa_cli.report.gate import GateResult
    from hiqa_cli.report.versions import PairScores


def changes_text(form: str, results: Sequence[GateResult], failed: Sequence[Row] = ()) -> str:
    """The results of `hiqa compare`. form: github, junit or markdown. failed: rows of images without a score."""
    problems = [(row.path, unscored_text(row)) for row in failed]
    if form == "junit":
        suite = new_suite(SUITE)
        for path, problem in problems:
            add_problem(add_case(suite, *posixpath.split(path)), "error", problem, path)
        return junit_document([*([suite] if problems else []), *(change_suite(result) for result in results)])
    if form == "github":
        lines = [annotation("error", escape_for_terminal(f"{path}: {problem}"), path) for path, problem in problems]
        return "".join([*lines, *(line for result in results for line in change_annotations(result))])
    parts = [f"**hiqa:** compared with {markdown(results[0].first)}\n"]
    if problems:
        rows = [f"| {markdown(path)} | {markdown(problem)} |" for path, problem in problems]
        parts.append("\n".join(["| image | |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts + [change_summary(result) for result in results])


def change_annotations(result: GateResult) -> list[str]:
    """An error for every broken limit, then for every image that fell by more than the limit, the largest fall first;
    warnings where no limit is broken. A notice has the verdict."""
    level = "error" if result.problems else "warning"
    lines = [annotation("error", escape_for_terminal(problem)) for problem in result.problems]
    for pair in result.fallen:
        path = pair.paths[1]
        lines.append(annotation(level, escape_for_terminal(f"{path}: {_fall(pair, result)}"), path))
    return [*lines, annotation("notice", escape_for_terminal(result.verdict))]


def change_suite(result: GateResult) -> ElementTree.Element:
    """A test suite: a case for the limits and one for each pair, which fails if a limit is broken and the image fell
    by more than the limit."""
    version = result.comparison.name
    suite = new_suite(version)
    case = add_case(suite, SUITE, version)
    if result.problems:
        add_problem(case, "failure", "; ".join(result.problems))
    add_output(case, result.verdict)
    for pair in result.pairs:
        folder, name = posixpath.split(pair.name)
        case = add_case(suite, posixpath.join(version, folder) if folder else version, name)
        if result.problems and result.has_fallen(pair):
            add_problem(case, "failure", _fall(pair, result), pair.paths[1])
        add_output(case, f"score {pair.before:.2f} before, {pair.now:.2f} now")
    return suite


def change_summary(result: GateResult) -> str:
    """The verdict, the limits that are broken, and a table of the images that fell by more than the limit."""
    lines = [markdown(result.comparison.change.sentence(result.comparison.name))]
    lines += [f"\n**{markdown(problem)}**" for problem in result.problems]
    fallen = result.fallen
    if fallen:
        lines += [
            f"\n{count(len(fallen), 'image')} fell by more than {result.limits.of_image:g}:\n",
            "| before | now | change | image |",
            "|---:|---:|---:|---|",
        ]
        lines += [
            f"| {pair.before:.2f} | {pair.now:.2f} | {-pair.drop:+.2f} | {markdown(pair.paths[1])} |" for pair in fallen
        ]
    return "\n".join(lines) + "\n"


def _fall(pair: PairScores, result: GateResult) -> str:
    limit = f"more than {result.limits.of_image:g}"
    return f"score falls by {pair.drop:.2f}, from {pair.before:.2f} to {pair.now:.2f}, {limit}"
