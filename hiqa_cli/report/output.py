"""Check, begin and finish the output of a report."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from hiqa_cli.console.messages import Messages
from hiqa_cli.console.text import escape_for_message, name_text
from hiqa_cli.errors import UsageError
from hiqa_cli.files.output_checks import FileId, check_new_file, check_output_file, file_id

from .contact_sheet import ContactSheet
from .entry import ReportEntry, RunFacts
from .options import ReportTarget
from .page.run_page import RunPage
from .page.writer import MARKER, assets_folder

INPUTS_HINT = (
    "give images, or a finished run with scores: a table that hiqa score wrote (.jsonl, .csv, .parquet, .sqlite)"
)


class ReportOutput(Protocol):
    """An output under a temporary name until it is finished."""

    def finish(self, facts: RunFacts) -> Path | None:
        """Put it in place; return the assets folder next to it, None if there is none. Raises OutputError."""

    def abandon(self) -> None:
        """Remove temporary files; does nothing after finish()."""


class RunReport(ReportOutput, Protocol):
    """The report of one run: a RunPage or a ContactSheet."""

    def needs_preview(self, score: float | None) -> bool:
        """Whether an entry with this score must carry its preview."""

    def add(self, entry: ReportEntry) -> None:
        """Add one image. Raises OutputError."""


def check_report(target: ReportTarget, sources: Collection[FileId], *, may_exist: bool) -> None:
    """Raise UsageError, before any work starts, if the report cannot or must not be written.

    sources: the files that the report is made from, never overwritten. may_exist: whether an existing
    report may be replaced.
    """
    path, option = target.path, target.option
    if str(path) == "-":
        raise UsageError(f"{option}: expected a file, found -", "to write a file of that name, give ./-")
    check_output_file(path, option)
    if file_id(path) in sources:
        raise UsageError(f"{option} {path}: is one of the input files", "give another path")
    check_new_file(path, option, overwrite=may_exist)
    assets = assets_folder(path)
    if target.png or not os.path.lexists(assets):
        return
    if not (assets / MARKER).exists():
        raise UsageError(f"{assets} already exists and was not written by hiqa report", "give another path")
    if not may_exist:
        raise UsageError(f"{assets} already exists", "replace it with --overwrite, or give another path")


def open_report(target: ReportTarget, title: str, expected: int) -> RunReport:
    """Begin the report of one run. expected: about how many images it will have."""
    if target.png:
        return ContactSheet(target.path, target.worst)
    return RunPage(target.path, title, target.embed_limit_bytes, expected)


def finish_report(report: ReportOutput, target: ReportTarget, facts: RunFacts, messages: Messages) -> None:
    """Put a report in place and print a warning if it needs a folder next to it. Raises OutputError."""
    try:
        assets = report.finish(facts)
    finally:
        report.abandon()
    if assets is not None:
        messages.warn(
            f"images beyond {target.embed_limit_mb} MB are stored in {assets}{os.sep}: keep it next to "
            f"{target.path.name}"
        )


def report_title(paths: Sequence[str]) -> str:
    """A title from the paths given on the command line: "photos", "photos and 2 more"."""
    if not paths:
        return "hiqa report"
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    return f"{escape_for_message(name_text(paths[0]))}{more}"
